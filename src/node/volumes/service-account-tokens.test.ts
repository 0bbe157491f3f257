import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import type { Pod } from '../../api/core/v1/pod.ts';
import { fakeClock } from '../../base/clock.ts';
import { silentLogger } from '../../base/logger.ts';
import { createClient } from '../../client/client.ts';
import type { Transport, TransportRequest } from '../../client/transport.ts';
import { ConfigError, type References } from '../environment/container-environment.ts';
import { prepareVolumes } from './volumes.ts';
import { createServiceAccountTokens, rotateTokens } from './service-account-tokens.ts';

const directory = mkdtempSync(join(tmpdir(), 'portico-tokens-'));
after(() => rmSync(directory, { recursive: true }));

const projection = { path: 'token', expirationSeconds: 1000 };
const pod: Pod = {
  metadata: { name: 'p', namespace: 'a', uid: 'u1' },
  spec: {
    serviceAccountName: 'robot',
    containers: [{ name: 'c' }],
    volumes: [
      { name: 'v', projected: { defaultMode: 0o600, sources: [{ serviceAccountToken: projection }] } },
    ],
  },
};

/** An API that gives tokens `t1`, `t2` and so on, each as long as was asked, or answers with a failure. */
function rig(failure?: number) {
  const clock = fakeClock(Date.UTC(2026, 0, 1));
  const asked: TransportRequest[] = [];
  const transport: Transport = {
    request: async (request) => {
      asked.push(request);
      const { spec } = JSON.parse(String(request.body)) as { spec: { expirationSeconds: number } };
      const expirationTimestamp = new Date(clock.now() + spec.expirationSeconds * 1000).toISOString();
      const answer = { status: { token: `t${asked.length}`, expirationTimestamp } };
      const refusal = {
        kind: 'Status',
        status: 'Failure',
        message: 'no',
        code: failure,
        reason: failure === 404 ? 'NotFound' : 'Forbidden',
      };
      const body = Buffer.from(JSON.stringify(failure === undefined ? answer : refusal));
      return {
        status: failure ?? 201,
        headers: { 'content-type': 'application/json' },
        body: (async function* () {
          yield body;
        })(),
      };
    },
    close: () => undefined,
  };
  const tokens = createServiceAccountTokens({ client: createClient(transport, { clock }), clock });
  return { clock, asked, tokens };
}

const references = (tokens: ReturnType<typeof rig>['tokens']): References => ({
  configMap: async () => undefined,
  secret: async () => undefined,
  token: (of, wanted) => tokens.get(of, wanted),
});
const facts = { podIP: '10.0.0.1', hostIP: '10.0.0.2' };

describe('tokens of Pods', () => {
  it('are asked for the Pod and its account, and kept', async () => {
    const { asked, tokens } = rig();
    assert.equal(await tokens.get(pod, projection), 't1');
    assert.equal(await tokens.get(pod, projection), 't1');
    assert.equal(await tokens.get(pod, { ...projection, audience: 'vault' }), 't2');
    assert.equal(asked[0]?.path, '/api/v1/namespaces/a/serviceaccounts/robot/token');
    assert.deepEqual((JSON.parse(String(asked[1]?.body)) as { spec: object }).spec, {
      audiences: ['vault'],
      expirationSeconds: 1000,
      boundObjectRef: { apiVersion: 'v1', kind: 'Pod', name: 'p', uid: 'u1' },
    });
  });

  it('lie in a file that only they may read who should', async () => {
    const { tokens } = rig();
    const paths = await prepareVolumes({ pod, directory, facts, references: references(tokens) });
    const file = join(paths.get('v') ?? '', 'token');
    assert.deepEqual([readFileSync(file, 'utf8'), statSync(file).mode & 0o777], ['t1', 0o600]);
  });

  it('are renewed when four fifths of their life are over, and forgotten with their Pod', async () => {
    const { clock, asked, tokens } = rig();
    const paths = await prepareVolumes({ pod, directory, facts, references: references(tokens) });
    const file = join(paths.get('v') ?? '', 'token');
    const stop = new AbortController();
    let pods = [{ pod, directory }];
    const running = rotateTokens({ tokens, clock, logger: silentLogger, pods: () => pods }, stop.signal);
    const pass = async (ms: number): Promise<void> => {
      for (let t = 0; t < ms; t += 10_000) await clock.advance(10_000);
    };
    await pass(780_000);
    assert.equal(readFileSync(file, 'utf8'), 't1');
    await pass(60_000);
    assert.deepEqual(
      [readFileSync(file, 'utf8'), statSync(file).mode & 0o777, asked.length],
      ['t2', 0o600, 2],
    );
    pods = [];
    await pass(60_000);
    assert.equal(tokens.isDue(pod, projection), true);
    stop.abort();
    await clock.advance(30_000);
    await running;
  });

  for (const code of [403, 404]) {
    it(`that the API answers with ${code} are waited for`, () =>
      assert.rejects(rig(code).tokens.get(pod, projection), new ConfigError('token for robot: no')));
  }
});

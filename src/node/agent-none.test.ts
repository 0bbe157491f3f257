import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { request } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { nodes } from '../api/core/v1/node.ts';
import { createTestPki, type TestPki } from '../apiserver/fixtures/running-server.ts';
import {
  ask,
  echo,
  eventually,
  isReady,
  nodeConfig,
  podIs,
  podIsGone,
  recordOf,
  script,
  startAgentRig,
  type AgentRig,
} from '../testing/agent-rig.ts';
import { isAlive } from './runtime/process/processes.ts';
import { pods, type Pod } from '../api/core/v1/pod.ts';

interface Answer {
  readonly status: number;
  readonly body: string;
}

describe('an agent without network namespaces', () => {
  let pki: TestPki;
  let rig: AgentRig;
  let agent: Awaited<ReturnType<AgentRig['startAgent']>>;
  let port = 0;
  before(async () => {
    pki = await createTestPki();
    const root = mkdtempSync(join(tmpdir(), 'portico-none-'));
    const own = pki.pki.nodes['node-1'];
    assert.ok(own !== undefined);
    const config = nodeConfig(root, {
      network: 'none',
      nodeIP: '127.0.0.1',
      podCIDR: '127.244.77.0/24',
      kubeletTls: { ...own, clientCA: pki.pki.caCert },
    });
    rig = startAgentRig({ root, config });
    agent = await rig.startAgent();
    port = await eventually(async () => {
      const node = await rig.api.client.get(nodes, { name: 'node-1' });
      return node.status?.daemonEndpoints?.kubeletEndpoint?.Port;
    });
  });
  after(async () => {
    await rig.stop();
    await pki.remove();
    rmSync(rig.root, { recursive: true, force: true });
  });

  const get = (path: string, hasCertificate = true): Promise<Answer> =>
    new Promise((resolve, reject) => {
      const identity = hasCertificate ? pki.pki.kubeletClient : {};
      const options = { ca: pki.pki.caCert, agent: false, ...identity } as const;
      request(`https://127.0.0.1:${port}${path}`, options, (response) => {
        let body = '';
        response.on('data', (chunk: Buffer) => (body += chunk.toString()));
        response.on('end', () => resolve({ status: response.statusCode ?? 0, body }));
      })
        .on('error', reject)
        .end();
    });

  it('runs Pods on addresses of the loopback, without loading any system call', async () => {
    await rig.createPod('echo', [echo({ readinessProbe: { httpGet: { path: '/healthz', port: 9376 } } })]);
    const pod = await podIs(rig, 'echo', [isReady]);
    assert.equal(pod.status?.podIP, '127.244.77.2');
    assert.match(await ask('127.244.77.2', 'hi\n'), /^echo answers 127\.0\.0\.1:\d+: hi\n$/);
    assert.ok(!readFileSync('/proc/self/maps', 'utf8').includes('koffi'));
    const { pid, startTime } = recordOf(rig, pod).containers[0]?.run?.process ?? { pid: 0, startTime: '' };
    await rig.api.client.delete(pods, { namespace: 'default', name: 'echo' }, { gracePeriodSeconds: 1 });
    await podIsGone(rig, 'echo');
    assert.equal(isAlive({ pid, startTime }), false);
  });

  it('serves logs to who has a certificate of the cluster', async () => {
    const text =
      'for i in 1 2 3 4 5; do echo line $i; done; echo bad >&2; [ -e "$F" ] && exec sleep 100; touch "$F"; exit 1';
    await rig.createPod('talker', [script(text, { env: [{ name: 'F', value: join(rig.root, 'once') }] })]);
    await podIs(rig, 'talker', [(p) => p.status?.containerStatuses?.[0]?.restartCount === 1 && isReady(p)]);
    const path = '/containerLogs/default/talker/main';
    const all = 'line 1\nline 2\nline 3\nline 4\nline 5\nbad\n';
    await eventually(async () => ((await get(path)).body.length === all.length ? true : undefined));
    const sorted = (body: string): string[] => body.split('\n').sort();
    assert.deepEqual(sorted((await get(path)).body), sorted(all));
    assert.deepEqual(sorted((await get(`${path}?previous=true`)).body), sorted(all));
    assert.equal((await get(`${path}?tailLines=2`)).body.split('\n').length, 3);
    assert.equal((await get(`${path}?tailLines=0`)).body, '');
    assert.equal((await get(`${path}?limitBytes=6`)).body.length, 6);
    assert.match((await get(`${path}?timestamps=true&tailLines=1`)).body, /^\d{4}-\d\d-\d\dT[\d:.]+Z \w+/);
    assert.equal((await get(`${path}?sinceTime=2199-01-01T00:00:00Z`)).body, '');
    assert.deepEqual(sorted((await get(`${path}?sinceSeconds=1000`)).body), sorted(all));
    assert.deepEqual(await get('/healthz'), { status: 200, body: 'ok' });
    const known = JSON.parse((await get('/pods')).body) as { kind: string; items: Pod[] };
    assert.equal(known.kind, 'PodList');
    const seen = known.items.map((pod) => [pod.kind, pod.metadata.name, pod.status?.phase]);
    assert.deepEqual(seen.at(-1), ['Pod', 'talker', 'Running']);
    const refusals: readonly (readonly [string, number, RegExp])[] = [
      ['/containerLogs/default/none/main', 404, /pod not found/],
      ['/containerLogs/default/talker/none', 400, /container none is not valid for pod talker/],
      [`${path}?tailLines=x`, 400, /tailLines: not a number: x/],
      [`${path}?sinceTime=x`, 400, /sinceTime: not a time/],
      ['/exec/default/talker/main', 404, /not found/],
    ];
    for (const [wrong, status, message] of refusals) {
      const answer = await get(wrong);
      assert.equal(answer.status, status, wrong);
      assert.match(answer.body, message);
    }
    await assert.rejects(get('/healthz', false));
  });

  it('follows a log to its end', async () => {
    await rig.createPod('slow', [script('for i in 1 2 3; do echo $i; sleep 0.2; done')], {
      restartPolicy: 'Never',
    });
    await eventually(async () =>
      (await get('/containerLogs/default/slow/main')).status === 200 ? true : undefined,
    );
    assert.equal((await get('/containerLogs/default/slow/main?follow=true')).body, '1\n2\n3\n');
  });

  it('takes its Pods with it', async () => {
    await rig.createPod('last', [script('sleep 100')]);
    const pod = await podIs(rig, 'last', [isReady]);
    const { pid, startTime } = recordOf(rig, pod).containers[0]?.run?.process ?? { pid: 0, startTime: '' };
    assert.equal(isAlive({ pid, startTime }), true);
    await agent.stop();
    assert.equal(isAlive({ pid, startTime }), false);
  });
});

import assert from 'node:assert/strict';
import { spawn, type ChildProcess } from 'node:child_process';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import {
  createTestPki,
  startServer,
  type Running,
  type TestPki,
} from '../apiserver/fixtures/running-server.ts';
import { realClock } from '../base/clock.ts';
import { createClient } from '../client/client.ts';
import { createHttpTransport } from '../client/http-transport.ts';
import {
  ask,
  echo,
  enterSandboxNode,
  eventually,
  isReady,
  logOf,
  podIs,
  podIsGone,
  recordOf,
  script,
} from '../testing/agent-rig.ts';
import { inSandbox } from '../testing/sandbox.ts';
import { pods } from '../api/core/v1/pod.ts';

inSandbox(import.meta.filename);

describe('an agent that is killed', () => {
  const { root, config } = enterSandboxNode();
  let pki: TestPki;
  let server: Running;
  let agent: ChildProcess | undefined;
  before(async () => {
    pki = await createTestPki();
    server = await startServer(pki.pki);
  });
  after(async () => {
    agent?.kill('SIGKILL');
    await server.stop();
    await pki.remove();
  });
  const access = () => ({ server: server.url, ca: pki.pki.caCert, ...pki.pki.admin });
  const startAgent = async (): Promise<ChildProcess> => {
    const main = join(import.meta.dirname, '..', 'testing', 'agent-process.ts');
    const input = JSON.stringify({ config, access: access() });
    const child = spawn(process.execPath, [main, input], { stdio: ['ignore', 'pipe', 'inherit'] });
    await new Promise((resolve) => child.stdout.once('data', resolve));
    return child;
  };

  it('does not disturb its Pods, and the next one goes on where it was', async () => {
    const transport = createHttpTransport(access(), { clock: realClock });
    const client = createClient(transport);
    const rig = { api: { client, stop: () => Promise.resolve() }, config, root };
    const create = (name: string, containers: readonly ReturnType<typeof script>[]) =>
      client.create(pods, {
        metadata: { name, namespace: 'default' },
        spec: { nodeName: 'node-1', terminationGracePeriodSeconds: 1, containers },
      });
    agent = await startAgent();
    await create('lasting', [echo({ readinessProbe: { tcpSocket: { port: 9376 }, periodSeconds: 1 } })]);
    await create('counter', [script('i=0; while :; do echo $i; i=$((i+1)); sleep 0.02; done')]);
    const lasting = await podIs(rig, 'lasting', [isReady]);
    await podIs(rig, 'counter', [isReady]);
    const ip = lasting.status?.podIP ?? '';

    agent.kill('SIGKILL');
    await new Promise((resolve) => agent?.once('exit', resolve));
    for (let i = 0; i < 20; i++) assert.match(await ask(ip, 'hi\n'), /^lasting answers/);
    await realClock.sleep(300);
    agent = await startAgent();
    const process_ = recordOf(rig, lasting).containers[0]?.run?.process;
    await create('later', [script('sleep 100')]);
    const later = await podIs(rig, 'later', [isReady]);
    assert.notEqual(later.status?.podIP, ip);
    const adopted = await podIs(rig, 'lasting', [isReady]);
    assert.equal(adopted.status?.containerStatuses?.[0]?.restartCount, 0);
    assert.deepEqual(recordOf(rig, adopted).containers[0]?.run?.process, process_);
    const counter = await podIs(rig, 'counter', [isReady]);
    const linesNow = (): string[] => logOf(rig, counter, 'main').trim().split('\n');
    const nBefore = linesNow().length;
    await eventually(() => Promise.resolve(linesNow().length > nBefore + 10 || undefined));
    const counted = linesNow().map(Number);
    assert.deepEqual(counted, [...counted.keys()], 'no line is missing or twice');

    await client.delete(pods, { namespace: 'default', name: 'lasting' });
    await podIsGone(rig, 'lasting');
    transport.close();
  });
});

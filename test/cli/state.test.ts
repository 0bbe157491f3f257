import assert from 'node:assert/strict';
import { once } from 'node:events';
import { copyFileSync, existsSync, statSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { services } from '../../src/api/core/v1/service.ts';
import { runProgram } from '../../src/testing/test-cluster.ts';
import { connect } from '../recovery/whole-cluster.ts';
import { attempt, makeScratch } from './attempt.ts';
import { startPortico, type RunningPortico } from './running.ts';

const namespace = 'default';

describe('a cluster that keeps its state', () => {
  const scratch = makeScratch();
  const data = join(scratch.root, 'data');
  const written = join(scratch.root, 'my-kubeconfig');
  const flags = ['--nodes', '1', '--data-dir', data, '--write-kubeconfig', written];
  let running: RunningPortico;
  before(async () => {
    running = await startPortico(scratch, { flags });
    await running.up;
  });
  after(async () => {
    running.signal('SIGINT');
    await running.ended;
    scratch.remove();
  });

  it('writes a kubeconfig that kubectl can use, where it was told, for its owner alone', async () => {
    assert.equal(statSync(written).mode & 0o777, 0o600);
    const { code, stderr } = await runProgram(['kubectl', '--kubeconfig', written, 'get', 'nodes']);
    assert.equal(code, 0, stderr);
  });

  it('refuses a second one on its data directory, and runs on', async () => {
    const outcome = await attempt(scratch, ['up', '--data-dir', data]);
    const says = new RegExp(`the data directory .* is in use by process ${running.pid}: stop that cluster`);
    assert.match(outcome.stderr, says);
    assert.deepEqual([outcome.code, outcome.stderr.trim().split('\n').length, outcome.stdout], [1, 1, '']);
    assert.ok(existsSync(join(data, 'cluster.json')));
  });

  it('has shells on its nodes only', async () => {
    const outcome = await attempt(scratch, ['shell', '--data-dir', data, '--node', 'node-9', '--', 'true']);
    assert.equal(outcome.code, 1);
    assert.match(outcome.stderr, /^portico: --node node-9: there is no such node; there are node-1\n$/);
    const pod = await attempt(scratch, ['shell', '--data-dir', data, '--pod', 'nobody', '--', 'true']);
    assert.equal(pod.code, 1);
    assert.match(pod.stderr, /^portico: [^\n]*nobody[^\n]*\n$/);
  });

  it('ends a shell with the exit code of its command', async () => {
    const { code } = await attempt(scratch, ['shell', '--data-dir', data, '--', 'sh', '-c', 'exit 42']);
    assert.equal(code, 42);
  });

  it('has the same Services, addresses and certificates after a stop and a start', async () => {
    const client = await connect(written);
    for (const name of ['one', 'two']) {
      await client.create(services, { metadata: { name, namespace }, spec: { ports: [{ port: 80 }] } });
    }
    const describeAll = (
      items: readonly { metadata: { name: string; uid?: string }; spec: { clusterIP?: string } }[],
    ): string[] => items.map((s) => `${s.metadata.name} ${s.metadata.uid} ${s.spec.clusterIP}`).sort();
    const first = describeAll((await client.list(services)).items);
    assert.equal(first.length, 4);
    client.transport.close();
    const oldKubeconfig = join(scratch.root, 'old-kubeconfig');
    copyFileSync(written, oldKubeconfig);
    running.signal('SIGINT');
    assert.equal((await running.ended).code, 0);

    const ports = ['--api-port', `${running.apiPort}`];
    running = await startPortico(scratch, { flags: [...flags, ...ports] });
    await running.up;
    const again = await connect(oldKubeconfig);
    assert.deepEqual(describeAll((await again.list(services)).items), first);
    const third = await again.create(services, {
      metadata: { name: 'three', namespace },
      spec: { ports: [{ port: 80 }] },
    });
    assert.ok(
      !first.some((line) => line.endsWith(` ${third.spec.clusterIP}`)),
      'a new Service gets a free address',
    );
    again.transport.close();
  });
});

describe('portico up without --api-port', () => {
  it('takes the next free port when another program has 6443, and says which', async () => {
    const scratch = makeScratch();
    const other = createServer().listen(6443, '127.0.0.1');
    // It may be taken already; that serves as well.
    await Promise.race([once(other, 'listening'), once(other, 'error')]).catch(() => undefined);
    const running = await startPortico(scratch, { flags: ['--network', 'none'], hasPorts: false });
    const client = await connect(await running.up);
    const port = Number(/https:\/\/127\.0\.0\.1:(\d+)/.exec(running.progress())?.[1]);
    assert.ok(port > 6443, running.progress());
    assert.ok((await client.list(services)).items.length > 0);
    client.transport.close();
    running.signal('SIGINT');
    assert.equal((await running.ended).code, 0);
    other.close();
    scratch.remove();
  });
});

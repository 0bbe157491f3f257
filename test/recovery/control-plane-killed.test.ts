import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { after, before, describe, it } from 'node:test';
import { configMaps } from '../../src/api/core/v1/config-map.ts';
import { services } from '../../src/api/core/v1/service.ts';
import { isAlreadyExists, isInvalid } from '../../src/api/errors/api-error.ts';
import { objectKey } from '../../src/api/kind.ts';
import { realClock } from '../../src/base/clock.ts';
import { silentLogger } from '../../src/base/logger.ts';
import type { Client } from '../../src/client/client.ts';
import { createInformer, hasSynced } from '../../src/client/informer.ts';
import { isRunning } from '../../src/testing/processes.ts';
import { eventually, startTestCluster, type TestCluster } from '../../src/testing/test-cluster.ts';
import { assertClusterIPs, connect, findPart, plainPost } from './whole-cluster.ts';

const WRITERS = 64;
const namespace = 'default';

const configMap = (name: string) => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name, namespace },
  data: { name },
});
const service = (name: string) => ({
  apiVersion: 'v1',
  kind: 'Service',
  metadata: { name, namespace },
  spec: { type: 'NodePort' as const, ports: [{ port: 80 }] },
});

/** Names of objects. */
interface Acknowledged {
  readonly maps: string[];
  readonly services: string[];
}

/** One name after the other until told to stop; a name counts as acknowledged when the server said 201. */
async function write(
  n: number,
  target: { readonly client: Client; readonly kubeconfig: string; readonly acknowledged: Acknowledged },
  until: AbortSignal,
): Promise<void> {
  const { acknowledged } = target;
  for (let i = 0; !until.aborted; i++) {
    const name = `writer-${n}-${i}`;
    if (n % 4 === 3) {
      const status = await plainPost(
        target.kubeconfig,
        `/api/v1/namespaces/${namespace}/configmaps`,
        configMap(name),
      );
      if (status === 201) acknowledged.maps.push(name);
    } else if (n % 4 === 2) {
      await target.client.create(services, service(name)).then(
        () => acknowledged.services.push(name),
        () => undefined,
      );
    } else {
      await target.client.create(configMaps, configMap(name)).then(
        () => acknowledged.maps.push(name),
        () => undefined,
      );
    }
    await realClock.sleep(2, until);
  }
}

describe('kill -9 of the control plane', () => {
  let cluster: TestCluster;
  let client: Client;
  before(async () => {
    cluster = await startTestCluster({ flags: ['--nodes', '1'] });
    client = await connect(cluster.kubeconfig);
  });
  after(async () => {
    client.transport.close();
    const { code, stderr } = await cluster.stop();
    assert.equal(code, 0, stderr);
  });

  const answers = (): Promise<true> =>
    eventually('the API to answer again', async () =>
      (await cluster.kubectl(['get', '--raw', '/readyz'])).code === 0 ? true : undefined,
    );

  it('twice under the writes of 64 clients loses no acknowledged write, and informers end with the truth', async () => {
    const following = new AbortController();
    const informer = createInformer({
      client,
      kind: services,
      namespace,
      clock: realClock,
      logger: silentLogger,
    });
    const follows = informer.run(following.signal);
    await hasSynced(informer, following.signal);

    const writing = new AbortController();
    const acknowledged: Acknowledged = { maps: [], services: [] };
    const target = { client, kubeconfig: cluster.kubeconfig, acknowledged };
    const writers = Array.from({ length: WRITERS }, (_, n) => write(n, target, writing.signal));
    for (let kill = 0; kill < 2; kill++) {
      await realClock.sleep(700);
      const { program } = findPart(cluster.pid, 'control-plane/main.ts');
      process.kill(program.pid, 'SIGKILL');
      await answers();
    }
    await eventually('so many writes', () =>
      Promise.resolve((acknowledged.maps.length > 100 && acknowledged.services.length > 50) || undefined),
    );
    writing.abort();
    await Promise.all(writers);
    const { maps, services: made } = acknowledged;

    const storedMaps = new Set(
      (await client.list(configMaps, { namespace })).items.map((m) => m.metadata.name),
    );
    assert.deepEqual(
      maps.filter((name) => !storedMaps.has(name)),
      [],
      'acknowledged ConfigMaps that are lost',
    );
    const stored = (await client.list(services)).items;
    const names = new Set(stored.map((s) => s.metadata.name));
    assert.deepEqual(
      made.filter((name) => !names.has(name)),
      [],
      'acknowledged Services that are lost',
    );
    assertClusterIPs(stored);

    const truth = (await client.list(services, { namespace })).items;
    const versions = (list: typeof truth): string[] =>
      list.map((s) => `${objectKey(s)} ${s.metadata.resourceVersion}`).sort();
    await eventually('the informer to equal the list', () =>
      Promise.resolve(
        JSON.stringify(versions([...informer.list()])) === JSON.stringify(versions([...truth])) || undefined,
      ),
    );
    following.abort();
    await follows;
  });

  it('leaves nothing half applied: each address and node port is still taken, a deleted one is free', async () => {
    const [one] = (await client.list(services, { namespace, labelSelector: '!component' })).items.filter(
      (s) => s.metadata.name.startsWith('writer-'),
    );
    assert.ok(one);
    const { clusterIP } = one.spec;
    const nodePort = one.spec.ports?.[0]?.nodePort;
    const rival = (spec: object) => ({ ...service('rival'), spec: { ...service('rival').spec, ...spec } });
    for (const spec of [{ clusterIP }, { ports: [{ port: 80, nodePort }] }]) {
      await assert.rejects(client.create(services, rival(spec)), isInvalid);
    }
    await assert.rejects(client.create(services, service(one.metadata.name)), isAlreadyExists);
    await client.delete(services, { namespace, name: one.metadata.name });
    const heir = await client.create(services, rival({ clusterIP, ports: [{ port: 80, nodePort }] }));
    assert.equal(heir.spec.clusterIP, clusterIP);
  });

  it('cuts a kubectl that watches, and the next one works', async () => {
    const watch = spawn('kubectl', ['get', 'services', '--watch'], {
      env: { ...process.env, KUBECONFIG: cluster.kubeconfig },
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    // Its list alone would be asked for again without a word; once an event has come, the watch itself stands.
    let seen = '';
    watch.stdout.on('data', (chunk: Buffer) => (seen += chunk.toString()));
    await once(watch.stdout, 'data');
    await client.create(services, service('watched'));
    await eventually('the event', () => Promise.resolve(seen.includes('watched') || undefined));
    const ended = once(watch, 'exit').then(() => 'ended');
    process.kill(findPart(cluster.pid, 'control-plane/main.ts').program.pid, 'SIGKILL');
    const outcome = await Promise.race([ended, realClock.sleep(60_000).then(() => 'still runs')]);
    watch.kill('SIGKILL');
    assert.equal(outcome, 'ended');
    await answers();
    const { code, stdout, stderr } = await cluster.kubectl(['get', 'service', 'kubernetes', '-o', 'name']);
    assert.deepEqual([code, stdout], [0, 'service/kubernetes\n'], stderr);
  });

  it('by way of the wrapper around it ends the program, too, before the next one starts', async () => {
    const old = findPart(cluster.pid, 'control-plane/main.ts');
    assert.notEqual(old.wrapper.pid, old.program.pid);
    process.kill(old.wrapper.pid, 'SIGKILL');
    await eventually(
      'the program to end',
      () => Promise.resolve(isRunning(old.program) ? undefined : true),
      2000,
    );
    await answers();
    const { program } = findPart(cluster.pid, 'control-plane/main.ts');
    assert.notEqual(program.pid, old.program.pid);
  });
});

import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, it } from 'node:test';
import { configMaps } from '../api/core/v1/config-map.ts';
import type { ConfigMap } from '../api/core/v1/config-map.ts';
import { apiServerConfig } from '../apiserver/config.ts';
import { createPki } from '../apiserver/pki/pki.ts';
import type { Pki } from '../apiserver/pki/pki.ts';
import { createApiServer } from '../apiserver/server.ts';
import { realClock } from '../base/clock.ts';
import { silentLogger } from '../base/logger.ts';
import { createMemoryStore } from '../storage/memory/memory-store.ts';
import { startCuttingProxy } from '../testing/cutting-proxy.ts';
import { eventually } from '../testing/test-cluster.ts';
import { createClient } from './client.ts';
import { createHttpTransport } from './http-transport.ts';
import { createInformer, hasSynced } from './informer.ts';

let dir = '';
let pki: Pki;
before(async () => {
  dir = await mkdtemp(join(tmpdir(), 'portico-informer-'));
  pki = await createPki({ dir, nodes: [], apiServerHosts: ['127.0.0.1'], clock: realClock });
});
after(() => rm(dir, { recursive: true, force: true }));

/** An API server over TLS whose memory survives its restarts, on one port. */
async function startServer() {
  const store = createMemoryStore();
  let port = 0;
  let end = async (): Promise<void> => undefined;
  const start = async (): Promise<void> => {
    const stopping = new AbortController();
    const config = apiServerConfig({
      listen: [{ host: '127.0.0.1', port }],
      serving: pki.serving,
      clientCa: pki.caCert,
      tokens: [{ token: pki.adminToken, user: 'admin', groups: ['system:masters'] }],
      advertise: { address: '172.18.0.1', port: 6443 },
    });
    const server = createApiServer(config, { store, clock: realClock, logger: silentLogger });
    const running = server.run(stopping.signal);
    port = (await server.addresses())[0]?.port ?? 0;
    end = async () => {
      stopping.abort();
      await running;
    };
  };
  await start();
  return { store, start, port: () => port, stop: () => end() };
}

it('an informer of our own API server has the truth after every cut, restart and compaction', async () => {
  const server = await startServer();
  const proxy = await startCuttingProxy(server.port());
  const access = (port: number) => ({
    server: `https://127.0.0.1:${port}`,
    ca: pki.caCert,
    token: () => pki.adminToken,
  });
  const watching = createHttpTransport(access(proxy.port), { clock: realClock, pingEveryMs: 150 });
  const direct = createHttpTransport(access(server.port()), { clock: realClock });
  const client = createClient(direct);
  const informer = createInformer({
    client: createClient(watching),
    kind: configMaps,
    namespace: 'default',
    clock: realClock,
    logger: silentLogger,
    pageSize: 2,
  });
  const replayed = new Map<string, ConfigMap>();
  informer.onChange(({ key, prev, next }) => {
    assert.equal(replayed.get(key)?.metadata.resourceVersion, prev?.metadata.resourceVersion);
    if (next === undefined) replayed.delete(key);
    else replayed.set(key, next);
  });
  const stop = new AbortController();
  const running = informer.run(stop.signal);
  await hasSynced(informer, stop.signal);

  const write = (name: string) =>
    client.create(configMaps, { metadata: { name, namespace: 'default' }, data: { at: String(Date.now()) } });
  const remove = (name: string) => client.delete(configMaps, { namespace: 'default', name });
  const versions = (objects: Iterable<ConfigMap>): string =>
    [...objects]
      .map(({ metadata }) => `${metadata.name}=${metadata.resourceVersion}`)
      .sort()
      .join();
  const truth = async (): Promise<void> => {
    await eventually('the copy equals the list', async () => {
      const { items } = await client.list(configMaps, { namespace: 'default' });
      return versions(informer.list()) === versions(items) ? true : undefined;
    });
    assert.equal(versions(replayed.values()), versions(informer.list()));
  };

  for (const name of ['a', 'b', 'c', 'd', 'e']) await write(name);
  await truth();

  proxy.kill();
  await remove('a');
  await write('f');
  await truth();

  proxy.cutSilently();
  await remove('b');
  await write('a');
  await truth();

  await server.stop();
  await server.start();
  await write('g');
  await remove('c');
  await truth();

  // Away for long enough that history is compacted behind it.
  await proxy.close();
  await remove('d');
  await write('h');
  const { metadata } = await client.list(configMaps, { namespace: 'default' });
  await server.stop();
  await server.store.compact(Number(metadata.resourceVersion));
  await server.start();
  const again = await startCuttingProxy(server.port(), proxy.port);
  await write('i');
  await truth();
  assert.deepEqual(
    informer
      .list()
      .map(({ metadata: { name } }) => name)
      .sort(),
    ['a', 'e', 'f', 'g', 'h', 'i'],
  );

  stop.abort();
  await running;
  for (const transport of [watching, direct]) transport.close();
  await again.close();
  await server.stop();
});

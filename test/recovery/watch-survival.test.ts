import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { configMaps } from '../../src/api/core/v1/config-map.ts';
import type { KubeObject } from '../../src/api/kind.ts';
import { testConfig } from '../../src/apiserver/fixtures/running-server.ts';
import { createPki, type Pki } from '../../src/apiserver/pki/pki.ts';
import { createApiServer } from '../../src/apiserver/server.ts';
import { realClock as clock } from '../../src/base/clock.ts';
import { silentLogger as logger } from '../../src/base/logger.ts';
import { createClient } from '../../src/client/client.ts';
import { createHttpTransport } from '../../src/client/http-transport.ts';
import { createInformer, hasSynced } from '../../src/client/informer.ts';
import { openSqliteStore } from '../../src/storage/sqlite/sqlite-store.ts';
import { eventually } from '../../src/testing/test-cluster.ts';
import { followPlainly } from './plain-watch.ts';
import { startRoughProxy } from './rough-proxy.ts';

/** An API server on a durable store; each start opens the file anew. */
function restartable(pki: Pki, path: string) {
  let port = 0;
  let stop = async (): Promise<void> => undefined;
  return {
    port: () => port,
    stop: () => stop(),
    async start(compaction: 'all' | 'none') {
      const store = await openSqliteStore({ path });
      if (compaction === 'all') await store.compact(Number.MAX_SAFE_INTEGER);
      const config = testConfig(pki, [{ host: '127.0.0.1', port }]);
      const server = createApiServer(config, { store, clock, logger });
      const stopping = new AbortController();
      const running = server.run(stopping.signal);
      port = (await server.addresses())[0]?.port ?? 0;
      stop = async () => {
        stopping.abort();
        await running;
        await store.close();
      };
    },
  };
}

const versions = (objects: Iterable<KubeObject>): string[] =>
  [...objects].map(({ metadata }) => `${metadata.name}=${metadata.resourceVersion}`).sort();

test('an informer and a plain watch are right in the end, whatever lies between them and the server', async () => {
  const dir = await mkdtemp(join(tmpdir(), 'portico-survival-'));
  const pki = await createPki({ dir, nodes: [], apiServerHosts: ['127.0.0.1'], clock });
  const server = restartable(pki, join(dir, 'store', 'test.db'));
  await server.start('none');
  const proxy = await startRoughProxy(() => server.port());
  const access = { ca: pki.caCert, ...pki.admin };
  const at = (port: number) =>
    createHttpTransport({ ...access, server: `https://127.0.0.1:${port}` }, { clock, pingEveryMs: 500 });
  const [near, far] = [at(server.port()), at(proxy.port)];
  const writer = createClient(near);
  const namespace = 'default';
  const stopping = new AbortController();
  const { signal } = stopping;
  const informer = createInformer({ client: createClient(far), kind: configMaps, namespace, clock, logger });
  const informing = informer.run(signal);
  const seen = new Map<string, string>();
  const options = { ...access, host: '127.0.0.1', port: proxy.port };
  const path = `/api/v1/namespaces/${namespace}/configmaps`;
  const watching = followPlainly(options, path, { state: seen, signal });
  await hasSynced(informer, signal);

  let n = 0;
  /** Creates, changes and deletes, each time others. */
  const churn = async (times: number): Promise<void> => {
    for (let i = 0; i < times; i++, n++) {
      await writer.create(configMaps, { metadata: { name: `m-${n}`, namespace } });
      const name = `m-${Math.floor(n / 2)}`;
      if (n % 2 === 1) await writer.delete(configMaps, { namespace, name });
      else if (n > 4)
        await writer.patch(
          configMaps,
          { namespace, name },
          { type: 'merge', body: { data: { n: String(n) } } },
        );
    }
  };
  const truth = (after: string): Promise<true> =>
    eventually(`both show what is true after ${after}`, async () => {
      const wanted = versions((await writer.list(configMaps, { namespace })).items);
      const plainly = [...seen].map(([name, version]) => `${name}=${version}`).sort();
      const isTrue =
        String(wanted) === String(versions(informer.list())) && String(wanted) === String(plainly);
      return isTrue || undefined;
    });

  await churn(10);
  await truth('a quiet beginning');
  for (let i = 0; i < 4; i++) {
    const writing = churn(6);
    proxy.cut();
    await writing;
  }
  await truth('cuts in the middle of writes');
  proxy.duplicate(true);
  proxy.delay(40);
  proxy.cut();
  await churn(12);
  await truth('delays, and connections that are made twice');
  await server.stop();
  await server.start('none');
  await churn(6);
  await truth('a restart');
  proxy.duplicate(false);
  proxy.delay(0);
  await proxy.close();
  await churn(20);
  await server.stop();
  await server.start('all');
  await churn(2);
  await assert.rejects(truthAtOnce(), 'nobody can know what happened meanwhile');
  const again = await startRoughProxy(() => server.port(), proxy.port);
  await truth('a compaction of everything they had missed');

  stopping.abort();
  await informing;
  const { lists, watches } = await watching;
  assert.ok(watches > lists && lists >= 2, `${lists} lists, ${watches} watches`);
  near.close();
  far.close();
  await again.close();
  await server.stop();
  await rm(dir, { recursive: true });

  async function truthAtOnce(): Promise<void> {
    const wanted = versions((await writer.list(configMaps, { namespace })).items);
    assert.deepEqual(versions(informer.list()), wanted);
  }
});

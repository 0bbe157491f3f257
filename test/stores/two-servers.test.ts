import assert from 'node:assert/strict';
import { it } from 'node:test';
import { ApiError } from '../../src/api/errors/api-error.ts';
import { services } from '../../src/api/core/v1/service.ts';
import type { Service } from '../../src/api/core/v1/service.ts';
import { apiServerConfig } from '../../src/apiserver/config.ts';
import { inProcessTransport } from '../../src/apiserver/in-process-transport.ts';
import { addressKey, claimKeysOf, NODE_PORT_PREFIX } from '../../src/apiserver/registry/services/claims.ts';
import { createApiServer } from '../../src/apiserver/server.ts';
import { realClock } from '../../src/base/clock.ts';
import { silentLogger } from '../../src/base/logger.ts';
import { createClient } from '../../src/client/client.ts';
import type { Client } from '../../src/client/client.ts';
import { watch } from '../../src/client/watch.ts';
import { openEtcdStore } from '../../src/storage/etcd/etcd-store.ts';
import type { Store } from '../../src/storage/store.ts';
import { startEtcd } from '../../src/testing/etcd-process.ts';
import { eventually } from '../../src/testing/test-cluster.ts';

/** How long the clients work; PORTICO_CONCURRENCY_SECONDS=120 is the long form. */
const SECONDS = Number(process.env['PORTICO_CONCURRENCY_SECONDS'] ?? '10');
const N_CLIENTS = 64;
/** Scarce on purpose: 126 addresses and 100 ports for up to 128 Services, some of which want the same few. */
const RANGES = { serviceCidrs: ['10.96.0.0/25'], nodePortRange: '30000-30099' };

interface OpenServer {
  readonly client: Client;
  readonly store: Store;
  stop(): Promise<void>;
}

async function startServer(etcd: readonly string[], n: number): Promise<OpenServer> {
  const store = await openEtcdStore({ servers: etcd, clock: realClock, logger: silentLogger });
  const config = apiServerConfig({
    listen: [{ host: '127.0.0.1', port: 0 }],
    serving: { cert: '', key: '' },
    clientCa: '',
    advertise: { address: `172.18.0.${n}`, port: 6443 },
    limits: { maxRequestsInflight: 0, maxMutatingRequestsInflight: 0 },
    ...RANGES,
  });
  const server = createApiServer(
    { ...config, listen: [] },
    { store, clock: realClock, logger: silentLogger },
  );
  const stopping = new AbortController();
  const running = server.run(stopping.signal);
  const transport = inProcessTransport(server, { name: 'admin', groups: ['system:masters'] });
  const stop = async (): Promise<void> => {
    transport.close();
    stopping.abort();
    await running;
    await store.close();
  };
  const client = createClient(transport);
  await eventually('a server that is ready', async () => {
    const { status } = await transport.request({ method: 'GET', path: '/readyz' });
    return status === 200 ? true : undefined;
  });
  return { client, store, stop };
}

/** From 0 to 1, the same ones for the same seed (mulberry32): what a client wants is the same in every run, only who comes first is not. */
function randomFrom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

type Below = (n: number) => number;

const SPECS: readonly ((below: Below) => Partial<Service['spec']>)[] = [
  () => ({ type: 'ClusterIP' }),
  () => ({ type: 'ClusterIP', clusterIP: 'None' }),
  (below) => ({ type: 'ClusterIP', clusterIP: `10.96.0.${2 + below(20)}` }),
  () => ({ type: 'NodePort' }),
  (below) => ({ type: 'NodePort', ports: [{ port: 80, nodePort: 30_000 + below(10) }] }),
  () => ({ type: 'LoadBalancer', externalTrafficPolicy: 'Local' }),
  () => ({ type: 'ExternalName', externalName: 'example.org' }),
];

const RETYPED: readonly object[] = [
  { spec: { type: 'ClusterIP', externalName: null, externalTrafficPolicy: null } },
  { spec: { type: 'NodePort', externalName: null } },
  { spec: { type: 'LoadBalancer', externalName: null, externalTrafficPolicy: 'Local' } },
  { spec: { type: 'ExternalName', externalName: 'example.org', clusterIP: null, clusterIPs: null } },
];

/** Refusals that the scarcity and the crowd bring; anything else is a fault. */
const EXPECTED: ReadonlySet<number> = new Set([404, 409, 422]);
const isExpected = (error: unknown): boolean =>
  error instanceof ApiError && (EXPECTED.has(error.code) || /range is full/.test(error.message));

/** One client: makes, retypes and removes its two Services, now on one server, now on the other. */
async function work(servers: readonly OpenServer[], id: number, end: number): Promise<number> {
  const random = randomFrom(id);
  const below: Below = (n) => Math.floor(random() * n);
  const pick = <T>(from: readonly T[]): T => from[below(from.length)] as T;
  let nDone = 0;
  while (Date.now() < end) {
    const [here, there] = random() < 0.5 ? servers : [...servers].reverse();
    assert.ok(here && there);
    const ref = { namespace: 'default', name: `s-${id}-${pick([0, 1])}` };
    const chance = random();
    try {
      if (chance < 0.45) {
        const spec = { ports: [{ port: 80 }], ...pick(SPECS)(below) };
        const made = await here.client.create(services, { metadata: ref, spec });
        await readBack(there.client, made);
      } else if (chance < 0.75) {
        const changed = await here.client.patch(services, ref, { type: 'merge', body: pick(RETYPED) });
        await readBack(there.client, changed);
      } else await here.client.delete(services, ref);
      nDone++;
    } catch (error) {
      if (!isExpected(error)) throw error;
    }
  }
  return nDone;
}

/** What one server has answered the other shows from that revision on; nobody else writes this Service. */
async function readBack(client: Client, { metadata }: Service): Promise<void> {
  const { items } = await client.list(services, {
    namespace: 'default',
    fieldSelector: `metadata.name=${metadata.name}`,
    resourceVersion: metadata.resourceVersion ?? '',
  });
  assert.equal(
    items[0]?.metadata.resourceVersion,
    metadata.resourceVersion,
    `${metadata.name} is not as written`,
  );
}

const keyOf = ({ metadata }: Service): string => `${metadata.namespace}/${metadata.name}`;

/** Replays a watch; `check` is called with what stands after each event. */
async function replay(
  client: Client,
  signal: AbortSignal,
  check: (standing: ReadonlyMap<string, Service>) => void = () => undefined,
): Promise<ReadonlyMap<string, Service>> {
  const standing = new Map<string, Service>();
  for await (const { type, object } of watch(client.transport, services, { signal })) {
    if (type === 'BOOKMARK') continue;
    if (type === 'ADDED') assert.ok(!standing.has(keyOf(object)), `${keyOf(object)} was added twice`);
    else assert.ok(standing.has(keyOf(object)), `${keyOf(object)} was ${type} before it was added`);
    if (type === 'DELETED') standing.delete(keyOf(object));
    else standing.set(keyOf(object), object);
    check(standing);
  }
  return standing;
}

/** Nothing is held twice at any moment; events come in the order of the commits. */
function noneTwice(standing: ReadonlyMap<string, Service>): void {
  const holders = new Map<string, string>();
  for (const [name, service] of standing) {
    for (const key of new Set(claimKeysOf(service))) {
      const other = holders.get(key);
      assert.equal(other, undefined, `${key} is held by ${other} and ${name}`);
      holders.set(key, name);
    }
  }
}

it(
  `${N_CLIENTS} clients of two servers on one etcd never hold anything twice, and leak nothing`,
  { timeout: SECONDS * 1000 + 90_000 },
  async (t) => {
    const etcd = await startEtcd();
    const servers: OpenServer[] = [];
    t.after(async () => {
      await Promise.all(servers.map((server) => server.stop()));
      await etcd.stop();
    });
    for (const n of [1, 2]) servers.push(await startServer(etcd.servers, n));
    const [first, second] = servers;
    assert.ok(first && second);
    const stop = new AbortController();
    const watchers = [first, second, first, second].map(({ client }, i) =>
      replay(client, stop.signal, i < 2 ? noneTwice : undefined),
    );
    const end = Date.now() + SECONDS * 1000;
    const done = await Promise.all(Array.from({ length: N_CLIENTS }, (_, id) => work(servers, id, end)));
    const total = done.reduce((sum, n) => sum + n, 0);
    t.diagnostic(`${total} writes in ${SECONDS} s by ${N_CLIENTS} clients`);
    assert.ok(total > SECONDS * 20, `only ${total} writes`);

    const last = await first.client.create(services, {
      metadata: { namespace: 'default', name: 'last' },
      spec: { type: 'ExternalName', externalName: 'example.org' },
    });
    const lists = await Promise.all(
      servers.map(({ client }) =>
        client.list(services, { resourceVersion: last.metadata.resourceVersion ?? '' }),
      ),
    );
    const [expected, other] = lists.map(({ items }) => new Map(items.map((item) => [keyOf(item), item])));
    assert.ok(expected && other);
    assert.deepEqual(other, expected, 'the servers list different things');
    // Watches are told soon after; each then equals the list.
    await realClock.sleep(1500);
    stop.abort();
    for (const replayed of await Promise.all(watchers)) {
      assert.deepEqual(bare(replayed), bare(expected), 'a watch led elsewhere than the list');
    }
    noneTwice(expected);
    const claimed = new Set([...expected.values()].flatMap(claimKeysOf));
    const { entries } = await first.store.list('');
    const addressPrefix = addressKey('');
    const held = entries
      .map(({ key }) => key)
      .filter((key) => key.startsWith(addressPrefix) || key.startsWith(NODE_PORT_PREFIX));
    assert.deepEqual(held.sort(), [...claimed].sort(), 'a claim leaked, or is missing');
  },
);

/** Name and version are enough: a version names one state of an object. */
const bare = (objects: ReadonlyMap<string, Service>): string[] =>
  [...objects].map(([name, { metadata }]) => `${name}@${metadata.resourceVersion}`).sort();

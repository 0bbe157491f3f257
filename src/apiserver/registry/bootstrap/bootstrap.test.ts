import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { events } from '../../../api/core/v1/event.ts';
import type { Endpoints } from '../../../api/core/v1/endpoints.ts';
import type { Service } from '../../../api/core/v1/service.ts';
import type { EndpointSlice } from '../../../api/discovery/v1/endpoint-slice.ts';
import type { JsonObject } from '../../../base/json.ts';
import { createMemoryStore } from '../../../storage/memory/memory-store.ts';
import { CompactedError } from '../../../storage/store.ts';
import {
  json,
  queryOf,
  refusalOf,
  scopeOf,
  settle,
  startRegistry,
  type TestRegistry,
} from '../../fixtures/test-registry.ts';
import { encodeObject, objectPrefix } from '../../cache/stored-object.ts';
import { COMPACT_MS, EVENT_TTL_MS } from './housekeeping.ts';

const kubernetes = async (registry: TestRegistry, plural: string): Promise<JsonObject> =>
  json(await registry.resource(plural).read.get(scopeOf(), 'kubernetes'));

describe('a new cluster', () => {
  it('has its namespaces and the Service that leads to its API', async () => {
    const registry = await startRegistry();
    const { items } = await registry.resource('namespaces').read.list(scopeOf(''), queryOf());
    assert.deepEqual(
      items.map(({ metadata }) => metadata.name),
      ['default', 'kube-node-lease', 'kube-public', 'kube-system'],
    );
    const { spec, metadata } = (await kubernetes(registry, 'services')) as unknown as Service;
    assert.deepEqual(metadata.labels, { component: 'apiserver', provider: 'kubernetes' });
    assert.deepEqual(
      [spec.clusterIP, spec.ports],
      ['10.96.0.1', [{ name: 'https', protocol: 'TCP', port: 443, targetPort: 6443 }]],
    );
    const endpoints = await kubernetes(registry, 'endpoints');
    assert.deepEqual(endpoints.subsets, [
      { addresses: [{ ip: '172.18.0.1' }], ports: [{ name: 'https', port: 6443, protocol: 'TCP' }] },
    ]);
    assert.deepEqual((endpoints.metadata as JsonObject).labels, {
      'endpointslice.kubernetes.io/skip-mirror': 'true',
    });
    const slice = await kubernetes(registry, 'endpointslices');
    assert.deepEqual((slice.metadata as JsonObject).labels, { 'kubernetes.io/service-name': 'kubernetes' });
    await registry.stop();
    assert.equal(registry.registry.ready(), false);
  });

  it('publishes how it tells clients apart, and mends that', async () => {
    const registry = await startRegistry({ config: { clientCa: 'PEM' } });
    const configMaps = registry.resource('configmaps');
    const scope = scopeOf('kube-system');
    const name = 'extension-apiserver-authentication';
    const data = async (): Promise<unknown> => json(await configMaps.read.get(scope, name)).data;
    await settle(20);
    assert.deepEqual(await data(), { 'client-ca-file': 'PEM' });
    const body = { data: { 'client-ca-file': 'another', 'requestheader-group-headers': '["X-Group"]' } };
    await configMaps.write.patch(scope, { name, type: 'application/merge-patch+json', body });
    await registry.clock.advance(10_000);
    await settle(20);
    assert.deepEqual(await data(), {
      'client-ca-file': 'PEM',
      'requestheader-group-headers': '["X-Group"]',
    });
    await registry.stop();
  });

  it('mends what was done to them', async () => {
    const registry = await startRegistry();
    const merge = 'application/merge-patch+json';
    await registry.resource('services').write.delete(scopeOf(), { name: 'kubernetes', options: {} });
    await registry
      .resource('endpointslices')
      .write.patch(scopeOf(), { name: 'kubernetes', type: merge, body: { endpoints: [] } });
    await registry.clock.advance(10_000);
    await settle(20);
    assert.equal(((await kubernetes(registry, 'services')).spec as JsonObject).clusterIP, '10.96.0.1');
    assert.deepEqual((await kubernetes(registry, 'endpoints')).subsets, [
      { addresses: [{ ip: '172.18.0.1' }], ports: [{ name: 'https', port: 6443, protocol: 'TCP' }] },
    ]);
    assert.deepEqual((await kubernetes(registry, 'endpointslices')).endpoints, [
      { addresses: ['172.18.0.1'], conditions: { ready: true } },
    ]);
    await registry.stop();
  });

  it('starts all the same when something of its own has lost its place', async () => {
    const store = createMemoryStore();
    const first = await startRegistry({ store });
    const { write } = first.resource('services');
    await write.delete(scopeOf(), { name: 'kubernetes', options: {} });
    await write.create(scopeOf(), {
      metadata: { name: 'usurper' },
      spec: { clusterIP: '10.96.0.1', ports: [{ port: 80 }] },
    });
    await first.stop();
    const second = await startRegistry({ store });
    assert.match(
      await refusalOf(second.resource('services').read.get(scopeOf(), 'kubernetes')),
      /^404 NotFound/,
    );
    await second.resource('services').write.delete(scopeOf(), { name: 'usurper', options: {} });
    await second.clock.advance(10_000);
    await settle(20);
    assert.equal(((await kubernetes(second, 'services')).spec as JsonObject).clusterIP, '10.96.0.1');
    await second.stop();
  });

  it('finds them again after a restart, at a new address if need be', async () => {
    const store = createMemoryStore();
    const first = await startRegistry({ store });
    const { uid } = (await kubernetes(first, 'services')).metadata as JsonObject;
    await first.stop();
    const second = await startRegistry({
      store,
      config: { advertise: { address: '172.18.0.9', port: 7443 } },
    });
    const service = await kubernetes(second, 'services');
    assert.equal((service.metadata as JsonObject).uid, uid);
    assert.equal((service as unknown as Service).spec.ports?.[0]?.targetPort, 7443);
    assert.deepEqual((await kubernetes(second, 'endpointslices')).endpoints, [
      { addresses: ['172.18.0.9'], conditions: { ready: true } },
    ]);
    await second.stop();
  });
});

/** Two servers on one store, and what `default/kubernetes` leads to. */
describe('several servers', () => {
  const at = (
    address: string,
    port = 6443,
  ): { config: { advertise: { address: string; port: number } } } => ({
    config: { advertise: { address, port } },
  });
  const ips = async (registry: TestRegistry): Promise<string[]> => {
    const { subsets = [] } = (await registry
      .resource('endpoints')
      .read.get(scopeOf(), 'kubernetes')) as Endpoints;
    return subsets.flatMap(({ addresses = [], ports = [] }) =>
      addresses.map(({ ip }) => `${ip}:${ports[0]?.port}`),
    );
  };
  const slices = async (registry: TestRegistry): Promise<string[]> => {
    const { items } = await registry.resource('endpointslices').read.list(scopeOf(), queryOf());
    return (items as EndpointSlice[]).map(
      ({ metadata, endpoints, ports }) =>
        `${metadata.name} ${endpoints.map(({ addresses }) => addresses.join()).join()} ${ports?.[0]?.port}`,
    );
  };

  it('are all in the endpoints of the Service, until they leave', async () => {
    const store = createMemoryStore();
    const first = await startRegistry({ store, ...at('172.18.0.2') });
    const second = await startRegistry({ store, ...at('172.18.0.1') });
    assert.deepEqual(await ips(second), ['172.18.0.1:6443', '172.18.0.2:6443']);
    assert.deepEqual(await slices(second), ['kubernetes 172.18.0.1,172.18.0.2 6443']);
    await second.stop();
    await first.clock.advance(10_000);
    await settle(20);
    assert.deepEqual(await ips(first), ['172.18.0.2:6443']);
    await first.stop();
  });

  it('that were killed are forgotten when their lease has run out', async () => {
    const store = createMemoryStore();
    const lease = { address: '172.18.0.7', port: 6443, renewedMs: Date.UTC(2026, 0, 1) };
    const value = new TextEncoder().encode(JSON.stringify(lease));
    await store.commit([{ key: '/masterleases/172.18.0.7|6443', value }]);
    const registry = await startRegistry({ store });
    assert.deepEqual(await ips(registry), ['172.18.0.1:6443', '172.18.0.7:6443']);
    await registry.clock.advance(20_000);
    await settle(20);
    assert.deepEqual(await ips(registry), ['172.18.0.1:6443']);
    await registry.stop();
  });

  it('with a clock that runs ahead are forgotten as well', async () => {
    const store = createMemoryStore();
    const lease = { address: '172.18.0.7', port: 6443, renewedMs: Date.UTC(2030, 0, 1) };
    const value = new TextEncoder().encode(JSON.stringify(lease));
    await store.commit([{ key: '/masterleases/172.18.0.7|6443', value }]);
    await store.commit([{ key: '/masterleases/nonsense', value: new Uint8Array([1]) }]);
    const registry = await startRegistry({ store });
    await registry.clock.advance(30_000);
    await settle(20);
    assert.deepEqual(await ips(registry), ['172.18.0.1:6443']);
    await registry.stop();
  });

  it('on other ports have a subset and a slice of their own', async () => {
    const store = createMemoryStore();
    const first = await startRegistry({ store, ...at('172.18.0.1') });
    const second = await startRegistry({ store, ...at('172.18.0.1', 7443) });
    assert.deepEqual(await ips(second), ['172.18.0.1:6443', '172.18.0.1:7443']);
    assert.deepEqual(await slices(second), ['kubernetes 172.18.0.1 6443', 'kubernetes-7443 172.18.0.1 7443']);
    await second.stop();
    await first.clock.advance(10_000);
    await settle(20);
    assert.deepEqual(await slices(first), ['kubernetes 172.18.0.1 6443']);
    await first.stop();
  });

  it('of the other family get a slice of the other kind', async () => {
    const store = createMemoryStore();
    await (await startRegistry({ store, ...at('172.18.0.1') })).stop();
    const registry = await startRegistry({ store, ...at('fd00::1') });
    const slice = await kubernetes(registry, 'endpointslices');
    assert.equal(slice.addressType, 'IPv6');
    assert.deepEqual(await slices(registry), ['kubernetes fd00::1 6443']);
    await registry.stop();
  });
});

/** What was done to the Service's objects -> all of it is undone within ten seconds. */
const damages: Readonly<Record<string, readonly [plural: string, change: JsonObject]>> = {
  'a wrong address': [
    'endpoints',
    {
      subsets: [{ addresses: [{ ip: '1.2.3.4' }], ports: [{ name: 'https', port: 6443, protocol: 'TCP' }] }],
    },
  ],
  'a wrong port': [
    'endpoints',
    {
      subsets: [{ addresses: [{ ip: '172.18.0.1' }], ports: [{ name: 'https', port: 1, protocol: 'TCP' }] }],
    },
  ],
  'a wrong protocol': [
    'endpoints',
    {
      subsets: [
        { addresses: [{ ip: '172.18.0.1' }], ports: [{ name: 'https', port: 6443, protocol: 'UDP' }] },
      ],
    },
  ],
  'a wrong name of the port': [
    'endpoints',
    { subsets: [{ addresses: [{ ip: '172.18.0.1' }], ports: [{ name: 'x', port: 6443, protocol: 'TCP' }] }] },
  ],
  'no label against the mirror': [
    'endpoints',
    { metadata: { labels: { 'endpointslice.kubernetes.io/skip-mirror': null } } },
  ],
  'a further port of the Service': [
    'services',
    {
      spec: {
        ports: [
          { name: 'https', port: 443 },
          { name: 'more', port: 444 },
        ],
      },
    },
  ],
  'another type of the Service': ['services', { spec: { type: 'NodePort' } }],
  'endpoints that are not ready': [
    'endpointslices',
    { endpoints: [{ addresses: ['172.18.0.1'], conditions: { ready: false } }] },
  ],
  'a slice of no Service': [
    'endpointslices',
    { metadata: { labels: { 'kubernetes.io/service-name': null } } },
  ],
};

describe('the Service of the API', () => {
  for (const [sentence, [plural, body]] of Object.entries(damages)) {
    it(`is rid of ${sentence}`, async () => {
      const registry = await startRegistry();
      const content = async (): Promise<unknown> => {
        const { metadata, ...rest } = await kubernetes(registry, plural);
        return { ...rest, labels: (metadata as JsonObject).labels };
      };
      const before = await content();
      const type = 'application/merge-patch+json';
      await registry.resource(plural).write.patch(scopeOf(), { name: 'kubernetes', type, body });
      assert.notDeepEqual(await content(), before);
      await registry.clock.advance(10_000);
      await settle(20);
      assert.deepEqual(await content(), before);
      await registry.stop();
    });
  }
});

describe('housekeeping', () => {
  it('removes events an hour after they were last written, whenever they happened', async () => {
    const registry = await startRegistry();
    const { write, read } = registry.resource('events');
    const involvedObject = { kind: 'Pod', namespace: 'default', name: 'a' };
    await write.create(scopeOf(), { metadata: { name: 'old' }, involvedObject });
    await write.create(scopeOf(), { metadata: { name: 'again' }, involvedObject });
    await registry.clock.advance(EVENT_TTL_MS - 60_000);
    const wrong = { late: '2001-01-01T00:00:00Z', early: '9999-01-01T00:00:00Z' };
    for (const [name, at] of Object.entries(wrong)) {
      await write.create(scopeOf(), { metadata: { name }, involvedObject, lastTimestamp: at });
    }
    const lastTimestamp = new Date(registry.clock.now()).toISOString();
    await write.patch(scopeOf(), {
      name: 'again',
      type: 'application/merge-patch+json',
      body: { lastTimestamp },
    });
    await registry.clock.advance(180_000);
    await settle(10);
    assert.match(await refusalOf(read.get(scopeOf(), 'old')), /^404 NotFound/);
    for (const name of ['again', 'late', 'early']) {
      assert.equal(await refusalOf(read.get(scopeOf(), name)), 'accepted', name);
    }
    await registry.clock.advance(EVENT_TTL_MS);
    await settle(10);
    for (const name of ['again', 'late', 'early']) {
      assert.match(await refusalOf(read.get(scopeOf(), name)), /^404 NotFound/, name);
    }
    await registry.stop();
  });

  it('leaves events of a server whose clock is ahead', async () => {
    const registry = await startRegistry();
    const { read } = registry.resource('events');
    const born = (name: string, aheadMs: number) => ({
      apiVersion: 'v1',
      kind: 'Event',
      metadata: {
        name,
        namespace: 'default',
        creationTimestamp: new Date(registry.clock.now() + aheadMs).toISOString(),
      },
      involvedObject: {},
    });
    const all = [born('ahead', 120_000), born('absurd', 10 * EVENT_TTL_MS)];
    await registry.store.commit(
      all.map((event) => ({
        key: `${objectPrefix(events)}default/${event.metadata.name}`,
        value: encodeObject(event),
      })),
    );
    const codes = () => Promise.all(all.map(({ metadata }) => refusalOf(read.get(scopeOf(), metadata.name))));
    const gone = (name: string): string => `404 NotFound: events "${name}" not found`;
    await registry.clock.advance(90_000);
    await settle(10);
    assert.deepEqual(await codes(), ['accepted', gone('absurd')]);
    await registry.clock.advance(EVENT_TTL_MS + 120_000);
    await settle(10);
    assert.deepEqual(await codes(), [gone('ahead'), gone('absurd')]);
    await registry.stop();
  });

  it('forgets history, but never the last few minutes of it', async () => {
    const registry = await startRegistry();
    const { write } = registry.resource('configmaps');
    const early = Number(
      (await write.create(scopeOf(), { metadata: { name: 'a' } })).metadata.resourceVersion,
    );
    await registry.clock.advance(COMPACT_MS + 1000);
    const later = Number(
      (await write.create(scopeOf(), { metadata: { name: 'b' } })).metadata.resourceVersion,
    );
    assert.equal((await registry.store.list('', { at: early - 1 })).revision, early - 1);
    await registry.clock.advance(COMPACT_MS + 1000);
    await assert.rejects(registry.store.list('', { at: early - 1 }), CompactedError);
    assert.equal((await registry.store.list('', { at: later })).revision, later);
    await registry.stop();
  });
});

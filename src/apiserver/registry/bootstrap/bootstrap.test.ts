import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Service } from '../../../api/core/v1/service.ts';
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
} from '../test-registry.ts';
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
    const { spec } = (await kubernetes(registry, 'services')) as unknown as Service;
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

describe('housekeeping', () => {
  it('removes events an hour after they were last seen', async () => {
    const registry = await startRegistry();
    const { write, read } = registry.resource('events');
    const involvedObject = { kind: 'Pod', namespace: 'default', name: 'a' };
    await write.create(scopeOf(), { metadata: { name: 'old' }, involvedObject });
    await write.create(scopeOf(), { metadata: { name: 'again' }, involvedObject });
    await registry.clock.advance(EVENT_TTL_MS - 60_000);
    const lastTimestamp = new Date(registry.clock.now()).toISOString();
    await write.patch(scopeOf(), {
      name: 'again',
      type: 'application/merge-patch+json',
      body: { lastTimestamp },
    });
    await registry.clock.advance(180_000);
    await settle(10);
    assert.match(await refusalOf(read.get(scopeOf(), 'old')), /^404 NotFound/);
    assert.equal(await refusalOf(read.get(scopeOf(), 'again')), 'accepted');
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

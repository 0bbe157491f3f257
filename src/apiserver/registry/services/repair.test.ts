import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Event } from '../../../api/core/v1/event.ts';
import type { JsonObject } from '../../../base/json.ts';
import { createMemoryStore } from '../../../storage/memory/memory-store.ts';
import type { Store } from '../../../storage/store.ts';
import {
  claimedKeys,
  queryOf,
  refusalOf,
  scopeOf,
  settle,
  startRegistry,
  type TestRegistry,
} from '../../fixtures/test-registry.ts';
import { REPAIR_MS } from '../bootstrap/upkeep.ts';

const encode = (value: unknown): Uint8Array => new TextEncoder().encode(JSON.stringify(value));
const service = (name: string, spec: JsonObject): JsonObject => ({
  apiVersion: 'v1',
  kind: 'Service',
  metadata: { name, namespace: 'default', uid: `uid-${name}`, creationTimestamp: '2026-01-01T00:00:00Z' },
  spec: {
    type: 'ClusterIP',
    sessionAffinity: 'None',
    ipFamilies: ['IPv4'],
    ipFamilyPolicy: 'SingleStack',
    internalTrafficPolicy: 'Cluster',
    ...spec,
  },
  status: { loadBalancer: {} },
});
const clusterIP = (ip: string): JsonObject => ({
  clusterIP: ip,
  clusterIPs: [ip],
  ports: [{ port: 80, targetPort: 80, protocol: 'TCP' }],
});
const nodePort = (ip: string, port: number): JsonObject => ({
  ...clusterIP(ip),
  type: 'NodePort',
  externalTrafficPolicy: 'Cluster',
  ports: [{ port: 80, targetPort: 80, protocol: 'TCP', nodePort: port }],
});
const serviceKey = (name: string): string => `/registry/services/default/${name}`;
const addressKey = (ip: string): string => `/registry/ipaddresses.networking.k8s.io/${ip}`;
const address = (ip: string, parentRef: JsonObject, labels?: JsonObject): JsonObject => ({
  apiVersion: 'networking.k8s.io/v1',
  kind: 'IPAddress',
  metadata: {
    name: ip,
    uid: `uid-${ip}`,
    creationTimestamp: '2026-01-01T00:00:00Z',
    labels: labels ?? {
      'ipaddress.kubernetes.io/ip-family': 'IPv4',
      'ipaddress.kubernetes.io/managed-by': 'ipallocator.k8s.io',
    },
  },
  spec: { parentRef },
});
const ofService = (name: string): JsonObject => ({ resource: 'services', namespace: 'default', name });
const note = (name: string): JsonObject => ({ holder: serviceKey(name) });

interface Row {
  /** Keys and values a damaged or an older store holds. */
  readonly store: Readonly<Record<string, JsonObject>>;
  /** Reasons and messages of the events. */
  readonly events?: readonly string[];
  /** Address -> the Service its IPAddress names; undefined: there is none. */
  readonly holders?: Readonly<Record<string, string | undefined>>;
  /** Node port -> the Service its note names; undefined: there is none. */
  readonly notes?: Readonly<Record<number, string | undefined>>;
}

const rows: Readonly<Record<string, Row>> = {
  'an address that nothing says is taken is claimed again': {
    store: { [serviceKey('a')]: service('a', clusterIP('10.96.1.5')) },
    events: ['ClusterIPNotAllocated: Cluster IP [IPv4]: 10.96.1.5 is not allocated; repairing'],
    holders: { '10.96.1.5': 'a' },
  },
  'an address of the old kind of claim is taken over without a word': {
    store: {
      [serviceKey('a')]: service('a', clusterIP('10.96.1.5')),
      '/claims/ips/10.96.1.5': note('a'),
    },
    holders: { '10.96.1.5': 'a' },
  },
  'an address that two Services have is told to the one that has no claim': {
    store: {
      [serviceKey('a')]: service('a', clusterIP('10.96.1.5')),
      [serviceKey('b')]: service('b', clusterIP('10.96.1.5')),
      [addressKey('10.96.1.5')]: address('10.96.1.5', ofService('b')),
    },
    events: [
      'ClusterIPAlreadyAllocated: Cluster IP [IPv4]:10.96.1.5 was assigned to multiple services; please recreate service',
    ],
    holders: { '10.96.1.5': 'b' },
  },
  'an address that two Services have and nobody claims goes to the first': {
    store: {
      [serviceKey('a')]: service('a', clusterIP('10.96.1.5')),
      [serviceKey('b')]: service('b', clusterIP('10.96.1.5')),
    },
    events: [
      'ClusterIPAlreadyAllocated: Cluster IP [IPv4]:10.96.1.5 was assigned to multiple services; please recreate service',
      'ClusterIPNotAllocated: Cluster IP [IPv4]: 10.96.1.5 is not allocated; repairing',
    ],
    holders: { '10.96.1.5': 'a' },
  },
  'an address claimed for something else is claimed for the Service that has it': {
    store: {
      [serviceKey('a')]: service('a', clusterIP('10.96.1.5')),
      [addressKey('10.96.1.5')]: address('10.96.1.5', { group: 'x.io', resource: 'gateways', name: 'g' }),
    },
    events: [
      'ClusterIPNotAllocated: the ClusterIP [IPv4]: 10.96.1.5 for Service default/a has a wrong reference; repairing',
    ],
    holders: { '10.96.1.5': 'a' },
  },
  'an address claimed for a Service that is gone is claimed for the one that has it': {
    store: {
      [serviceKey('a')]: service('a', clusterIP('10.96.1.5')),
      [addressKey('10.96.1.5')]: address('10.96.1.5', ofService('gone')),
    },
    events: [
      'ClusterIPNotAllocated: the ClusterIP [IPv4]: 10.96.1.5 for Service default/a has a wrong reference; repairing',
    ],
    holders: { '10.96.1.5': 'a' },
  },
  'an address whose object lost its labels gets them back': {
    store: {
      [serviceKey('a')]: service('a', clusterIP('10.96.1.5')),
      [addressKey('10.96.1.5')]: address('10.96.1.5', ofService('a'), {}),
    },
    holders: { '10.96.1.5': 'a' },
  },
  'an address out of every range is told': {
    store: { [serviceKey('a')]: service('a', clusterIP('192.0.2.5')) },
    events: [
      'ClusterIPOutOfRange: Cluster IP [IPv4]: 192.0.2.5 is not within any configured Service CIDR; please recreate service',
    ],
    holders: { '192.0.2.5': undefined },
  },
  'an address that is none is told': {
    store: { [serviceKey('a')]: service('a', clusterIP('10.96.1')) },
    events: ['ClusterIPNotValid: Cluster IP 10.96.1 is not a valid IP; please recreate Service'],
  },
  'an address that its Service does not have is freed': {
    store: {
      [serviceKey('a')]: service('a', clusterIP('10.96.1.5')),
      [addressKey('10.96.1.5')]: address('10.96.1.5', ofService('a')),
      [addressKey('10.96.1.6')]: address('10.96.1.6', ofService('a')),
    },
    events: [
      'IPAddressWrongReference: IPAddress: 10.96.1.6 for Service default/a has a wrong reference; cleaning up',
    ],
    holders: { '10.96.1.5': 'a', '10.96.1.6': undefined },
  },
  "an address of the allocator's that names no Service is freed": {
    store: {
      [addressKey('10.96.1.6')]: address('10.96.1.6', { resource: 'pods', namespace: 'x', name: 'p' }),
    },
    events: [
      'IPAddressNotAllocated: IPAddress 10.96.1.6 appears to have been modified, not referencing a Service pods/x/p: cleaning up',
    ],
    holders: { '10.96.1.6': undefined },
  },
  "an address of somebody else's is left alone": {
    store: { [addressKey('10.96.1.6')]: address('10.96.1.6', ofService('gone'), {}) },
    holders: { '10.96.1.6': 'gone' },
  },
  'a node port that nothing says is taken is claimed again': {
    store: {
      [serviceKey('a')]: service('a', nodePort('10.96.1.5', 30100)),
      [addressKey('10.96.1.5')]: address('10.96.1.5', ofService('a')),
    },
    events: ['PortNotAllocated: Port 30100 is not allocated; repairing'],
    notes: { 30100: 'a' },
  },
  'a node port that two Services have is told to the one that has no claim': {
    store: {
      [serviceKey('a')]: service('a', nodePort('10.96.1.5', 30100)),
      [addressKey('10.96.1.5')]: address('10.96.1.5', ofService('a')),
      [serviceKey('b')]: service('b', nodePort('10.96.1.6', 30100)),
      [addressKey('10.96.1.6')]: address('10.96.1.6', ofService('b')),
      '/claims/nodeports/30100': note('b'),
    },
    events: ['PortAlreadyAllocated: Port 30100 was assigned to multiple services; please recreate service'],
    notes: { 30100: 'b' },
  },
  'a node port out of the range is told': {
    store: {
      [serviceKey('a')]: service('a', nodePort('10.96.1.5', 20)),
      [addressKey('10.96.1.5')]: address('10.96.1.5', ofService('a')),
    },
    events: ['PortOutOfRange: Port 20 is not within the port range 30000-32767; please recreate service'],
    notes: { 20: undefined },
  },
  'a note at a node port that names a wrong Service is rewritten': {
    store: {
      [serviceKey('a')]: service('a', nodePort('10.96.1.5', 30100)),
      [addressKey('10.96.1.5')]: address('10.96.1.5', ofService('a')),
      '/claims/nodeports/30100': { something: 'else' },
    },
    notes: { 30100: 'a' },
  },
  'a health check port is claimed again, too': {
    store: {
      [serviceKey('a')]: service('a', {
        ...clusterIP('10.96.1.5'),
        type: 'LoadBalancer',
        allocateLoadBalancerNodePorts: false,
        externalTrafficPolicy: 'Local',
        healthCheckNodePort: 30200,
      }),
      [addressKey('10.96.1.5')]: address('10.96.1.5', ofService('a')),
    },
    events: ['PortNotAllocated: Port 30200 is not allocated; repairing'],
    notes: { 30200: 'a' },
  },
};

/** The first pass over a store that was whole once. */
const FIRST_PASS_MS = 3000;

async function fill(store: Store, content: Row['store']): Promise<void> {
  // A store that has been in use: the cluster's own objects are there.
  await (await startRegistry({ store })).stop();
  for (const [key, value] of Object.entries(content)) await store.commit([{ key, value: encode(value) }]);
}

async function eventsOf({ resource }: Pick<TestRegistry, 'resource'>): Promise<string[]> {
  const { items } = await resource('events').read.list(scopeOf(''), queryOf());
  return (items as Event[]).map(({ reason, message }) => `${reason}: ${message}`).sort();
}

async function holderOf(store: Store, key: string): Promise<string | undefined> {
  const entry = await store.get(key);
  if (entry === undefined) return undefined;
  const value = JSON.parse(Buffer.from(entry.value).toString()) as {
    holder?: string;
    spec?: { parentRef?: { name?: string } };
  };
  return value.spec?.parentRef?.name ?? value.holder?.split('/').at(-1);
}

describe('a server that takes over a store', () => {
  for (const [sentence, { store: content, events = [], holders = {}, notes = {} }] of Object.entries(rows)) {
    it(`finds its claims in order: ${sentence}`, async () => {
      const store = createMemoryStore();
      await fill(store, content);
      const registry = await startRegistry({ store });
      await registry.clock.advance(FIRST_PASS_MS);
      await settle(20);
      assert.deepEqual(await eventsOf(registry), [...events].sort());
      for (const [ip, holder] of Object.entries(holders)) {
        assert.equal(await holderOf(store, addressKey(ip)), holder, ip);
      }
      for (const [port, holder] of Object.entries(notes)) {
        assert.equal(await holderOf(store, `/claims/nodeports/${port}`), holder, port);
      }
      assert.deepEqual((await store.list('/claims/ips/')).entries, []);
      await registry.clock.advance(REPAIR_MS + 1000);
      await settle(20);
      assert.deepEqual(await eventsOf(registry), [...events].sort(), 'nothing is told twice');
      await registry.stop();
    });
  }

  it('gives nobody an address that a Service has in a store from before there were claims', async () => {
    const store = createMemoryStore();
    const value = encode(service('a', clusterIP('10.96.1.5')));
    await store.commit([{ key: serviceKey('a'), value }]);
    const registry = await startRegistry({ store });
    const spec = { clusterIP: '10.96.1.5', ports: [{ port: 80 }] };
    assert.match(
      await refusalOf(
        registry.resource('services').write.create(scopeOf(), { metadata: { name: 'b' }, spec }),
      ),
      /provided IP is already allocated$/,
    );
    await registry.stop();
  });

  it('frees what belongs to no Service when it has seen that three times', async () => {
    const store = createMemoryStore();
    await fill(store, {
      [addressKey('10.96.1.6')]: address('10.96.1.6', ofService('gone')),
      '/claims/nodeports/30100': note('gone'),
    });
    const registry = await startRegistry({ store });
    await registry.clock.advance(FIRST_PASS_MS);
    await settle(20);
    const leaked = async (): Promise<readonly string[]> =>
      (await claimedKeys(store)).filter((key) => !key.endsWith('10.96.0.1'));
    assert.equal((await leaked()).length, 2, 'seen once');
    await registry.clock.advance(REPAIR_MS + 1000);
    await settle(20);
    assert.equal((await leaked()).length, 2, 'seen twice');
    await registry.clock.advance(REPAIR_MS + 1000);
    await settle(20);
    assert.deepEqual(await leaked(), []);
    assert.deepEqual(await eventsOf(registry), [
      'IPAddressNotAllocated: IPAddress: 10.96.1.6 for Service default/gone appears to have leaked: cleaning up',
    ]);
    await registry.stop();
  });

  it('makes an IPAddress again as soon as somebody deleted it, and says so', async () => {
    const registry = await startRegistry();
    const addresses = registry.resource('ipaddresses');
    await addresses.write.delete(scopeOf(''), { name: '10.96.0.1', options: {} });
    await settle();
    await registry.clock.advance(1000);
    await settle(20);
    assert.equal(await refusalOf(addresses.read.get(scopeOf(''), '10.96.0.1')), 'accepted');
    assert.deepEqual(await eventsOf(registry), [
      'ClusterIPNotAllocated: Cluster IP [IPv4]: 10.96.0.1 is not allocated; repairing',
    ]);
    await registry.stop();
  });

  it('makes no IPAddress again of a Service that is gone', async () => {
    const registry = await startRegistry();
    const { write } = registry.resource('services');
    const spec = { clusterIP: '10.96.0.9', ports: [{ port: 80 }] };
    await write.create(scopeOf(), { metadata: { name: 'web' }, spec });
    await write.delete(scopeOf(), { name: 'web', options: {} });
    await registry.clock.advance(REPAIR_MS + 1000);
    await settle(20);
    assert.deepEqual(await claimedKeys(registry.store), [addressKey('10.96.0.1')]);
    assert.deepEqual(await eventsOf(registry), []);
    await registry.stop();
  });
});

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Node } from '../../api/core/v1/node.ts';
import type { Pod } from '../../api/core/v1/pod.ts';
import type { Service } from '../../api/core/v1/service.ts';
import type { EndpointSlice } from '../../api/discovery/v1/endpoint-slice.ts';
import { applied, plan, pod, service } from './fixtures.ts';

const sizes = (slices: readonly EndpointSlice[]): number[] => slices.map(({ endpoints }) => endpoints.length);
const many = (n: number, from = 0): Pod[] =>
  Array.from({ length: n }, (_, i) =>
    pod(String(from + i), { ip: `10.1.${(from + i) >> 8}.${(from + i) & 255}` }),
  );
const nothing = { creates: [], updates: [], deletes: [] };

it('a new slice carries everything a client looks for', () => {
  const { creates } = plan({ pods: [pod('4')], triggerTime: '2026-01-01T00:00:00Z' });
  assert.deepEqual(creates, [
    {
      metadata: {
        name: '',
        generateName: 'web-',
        namespace: 'shop',
        labels: {
          app: 'web',
          'kubernetes.io/service-name': 'web',
          'endpointslice.kubernetes.io/managed-by': 'endpointslice-controller.k8s.io',
        },
        annotations: { 'endpoints.kubernetes.io/last-change-trigger-time': '2026-01-01T00:00:00Z' },
        ownerReferences: [
          {
            apiVersion: 'v1',
            kind: 'Service',
            name: 'web',
            uid: 'svc-1',
            controller: true,
            blockOwnerDeletion: true,
          },
        ],
      },
      addressType: 'IPv4',
      endpoints: [
        {
          addresses: ['10.244.0.4'],
          conditions: { ready: true, serving: true, terminating: false },
          targetRef: { kind: 'Pod', namespace: 'shop', name: 'web-4', uid: 'pod-4' },
          nodeName: 'node-1',
          zone: 'a',
        },
      ],
      ports: [{ name: 'http', port: 8080, protocol: 'TCP' }],
    },
  ]);
});

describe('an endpoint', () => {
  const cases: [sentence: string, pod: Pod, spec: Partial<Service['spec']>, expected: object | undefined][] =
    [
      [
        'of a ready Pod is ready',
        pod('1'),
        {},
        { conditions: { ready: true, serving: true, terminating: false } },
      ],
      [
        'of a Pod that is not ready is not',
        pod('1', { isReady: false }),
        {},
        { conditions: { ready: false, serving: false, terminating: false } },
      ],
      [
        'of a stopping Pod serves but is not ready',
        pod('1', { isGoing: true }),
        {},
        { conditions: { ready: false, serving: true, terminating: true } },
      ],
      [
        'is ready in any case with publishNotReadyAddresses',
        pod('1', { isReady: false, isGoing: true }),
        { publishNotReadyAddresses: true },
        { conditions: { ready: true, serving: false, terminating: true } },
      ],
      [
        'has a hostname when the Pod names the Service its subdomain',
        pod('1', { hostname: 'h', subdomain: 'web' }),
        {},
        { hostname: 'h' },
      ],
      [
        'has none in another subdomain',
        pod('1', { hostname: 'h', subdomain: 'other' }),
        {},
        { hostname: undefined },
      ],
      ['of a Pod whose Node is no more does not exist', pod('1', { node: 'node-9' }), {}, undefined],
      [
        'of a Pod whose Node is no more has no zone, for those who take Pods in any state',
        pod('1', { node: 'node-9' }),
        { publishNotReadyAddresses: true, trafficDistribution: 'PreferClose' },
        { nodeName: 'node-9', zone: undefined, hints: undefined },
      ],
      [
        'prefers clients of its zone by the name of today',
        pod('1'),
        { trafficDistribution: 'PreferSameZone' },
        { hints: { forZones: [{ name: 'a' }] } },
      ],
      [
        'has no hint while it is not ready',
        pod('1', { isReady: false }),
        { trafficDistribution: 'PreferSameZone' },
        { hints: undefined },
      ],
      [
        'has no hint for a wish that is unknown',
        pod('1'),
        { trafficDistribution: 'example.com/far' },
        { hints: undefined },
      ],
      [
        'prefers clients of its zone when asked',
        pod('1'),
        { trafficDistribution: 'PreferClose' },
        { hints: { forZones: [{ name: 'a' }] } },
      ],
      [
        'prefers clients of its node when asked',
        pod('1'),
        { trafficDistribution: 'PreferSameNode' },
        { hints: { forZones: [{ name: 'a' }], forNodes: [{ name: 'node-1' }] } },
      ],
      ['of a Pod without address does not exist', pod('1', { ip: [] }), {}, undefined],
      ['of a finished Pod does not exist', pod('1', { phase: 'Failed' }), {}, undefined],
      ['of a Pod with another family only does not exist', pod('1', { ip: 'fd00::1' }), {}, undefined],
    ];
  for (const [sentence, onePod, spec, expected] of cases) {
    it(sentence, () => {
      const [slice] = plan({ service: service(spec), pods: [onePod] }).creates;
      const [endpoint] = slice?.endpoints ?? [];
      if (expected === undefined) assert.equal(endpoint, undefined);
      else
        for (const [key, value] of Object.entries(expected))
          assert.deepEqual(endpoint?.[key as keyof typeof endpoint], value);
    });
  }
});

describe('ports', () => {
  const named = service({ ports: [{ name: 'http', port: 80, targetPort: 'web', protocol: 'TCP' }] });
  it('with a name are resolved in each Pod, and Pods with different numbers are in different slices', () => {
    const pods = [
      pod('1', { ports: { web: 8080 } }),
      pod('2', { ports: { web: 9090 } }),
      pod('3', { ports: { web: 8080 } }),
    ];
    const { creates } = plan({ service: named, pods });
    assert.deepEqual(
      creates.map(({ ports, endpoints }) => [ports?.[0]?.port, endpoints.length]),
      [
        [8080, 2],
        [9090, 1],
      ],
    );
  });
  it('that a Pod does not have are left out for that Pod', () => {
    const both = service({
      ports: [...(named.spec.ports ?? []), { name: 'admin', port: 81, targetPort: 9000 }],
    });
    const { creates } = plan({ service: both, pods: [pod('1')] });
    assert.deepEqual(creates[0]?.ports, [{ name: 'admin', port: 9000, protocol: 'TCP' }]);
  });
  it('of another protocol do not match a name', () => {
    const udp = service({ ports: [{ name: 'http', port: 80, targetPort: 'web', protocol: 'UDP' }] });
    assert.deepEqual(plan({ service: udp, pods: [pod('1', { ports: { web: 1 } })] }).creates[0]?.ports, []);
  });
  it('carry appProtocol', () => {
    const h2c = service({
      ports: [{ name: 'h', port: 80, targetPort: 1, appProtocol: 'kubernetes.io/h2c' }],
    });
    assert.deepEqual(plan({ service: h2c, pods: [pod('1')] }).creates[0]?.ports, [
      { name: 'h', port: 1, protocol: 'TCP', appProtocol: 'kubernetes.io/h2c' },
    ]);
  });
  it('are none for a headless Service without ports, which has endpoints all the same', () => {
    const headless = service({ clusterIP: 'None', ports: [] });
    const [slice] = plan({ service: headless, pods: [pod('1')] }).creates;
    assert.deepEqual([slice?.ports, slice?.endpoints.length], [[], 1]);
    assert.equal(slice?.metadata.labels?.['service.kubernetes.io/headless'], '');
  });
});

describe('packing', () => {
  it('puts 100 endpoints in a slice', () => {
    assert.deepEqual(sizes(plan({ pods: many(250) }).creates), [100, 100, 50]);
  });
  it('writes nothing when nothing changed', () => {
    const before = applied([], { pods: many(150) });
    assert.deepEqual(plan({ pods: many(150), slices: before }), nothing);
  });
  it('changes one slice when one Pod changes', () => {
    const before = applied([], { pods: many(250) });
    const pods = many(250).map((p, i) => (i === 120 ? pod('120', { ip: '10.1.0.120', isReady: false }) : p));
    const writes = plan({ pods, slices: before });
    assert.deepEqual([writes.creates.length, writes.updates.length, writes.deletes.length], [0, 1, 0]);
    assert.deepEqual(sizes(applied(before, { pods })), [100, 100, 50]);
  });
  it('fills the slice that is written anyway before it touches another', () => {
    const before = applied([], { pods: many(150) });
    const pods = [...many(99), ...many(50, 100), ...many(1, 200)];
    const writes = plan({ pods, slices: before });
    assert.deepEqual([writes.updates.length, sizes(writes.updates)], [1, [100]]);
  });
  it('fills the unchanged slice that fits best, not the emptiest', () => {
    const [full] = applied([], { pods: many(98) });
    const [rest] = applied([], { pods: many(50, 100) });
    const before = [full, rest].flatMap((slice, i) =>
      slice === undefined ? [] : [{ ...slice, metadata: { ...slice.metadata, name: `s${i}`, uid: `u${i}` } }],
    );
    const pods = [...many(98), ...many(50, 100), ...many(2, 200)];
    assert.deepEqual(sizes(applied(before, { pods })), [100, 50]);
  });
  it('deletes slices that become empty', () => {
    const before = applied([], { pods: many(250) });
    const writes = plan({ pods: many(100), slices: before });
    assert.deepEqual([writes.updates.length, writes.deletes.length], [0, 2]);
  });
  it('turns a deletion and a creation into one update', () => {
    const before = applied([], { pods: many(3) });
    const moved = service({ ports: [{ name: 'http', port: 80, targetPort: 9999 }] });
    const writes = plan({ service: moved, pods: many(3), slices: before });
    assert.deepEqual([writes.creates.length, writes.updates.length, writes.deletes.length], [0, 1, 0]);
    assert.equal(writes.updates[0]?.metadata.name, before[0]?.metadata.name);
    assert.equal(writes.updates[0]?.ports?.[0]?.port, 9999);
  });
  it('refreshes labels of a slice whose endpoints did not change', () => {
    const before = applied([], { pods: many(3) });
    const relabelled = service({}, { labels: { app: 'web', tier: 'front' } });
    const [slice] = plan({ service: relabelled, pods: many(3), slices: before }).updates;
    assert.equal(slice?.metadata.labels?.tier, 'front');
  });
});

describe('a Service', () => {
  it('without Pods has one empty slice without ports, and keeps it', () => {
    const before = applied([], {});
    assert.deepEqual(
      before.map(({ endpoints, ports }) => [endpoints, ports]),
      [[[], []]],
    );
    assert.deepEqual(plan({ slices: before }), nothing);
  });
  it('whose Pods come uses its empty slice, and empties it again when they go', () => {
    const empty = applied([], {});
    const full = applied(empty, { pods: many(2) });
    assert.deepEqual(sizes(full), [2]);
    assert.equal(full[0]?.metadata.name, empty[0]?.metadata.name);
    const again = applied(full, {});
    assert.deepEqual(
      again.map(({ metadata, endpoints }) => [metadata.name, endpoints]),
      [[empty[0]?.metadata.name, []]],
    );
  });
  it('passes its labels on, but for those that are the controller’s', () => {
    const labels = {
      tier: 'front',
      'kubernetes.io/service-name': 'other',
      'endpointslice.kubernetes.io/managed-by': 'me',
      'service.kubernetes.io/headless': '',
    };
    assert.deepEqual(plan({ service: service({}, { labels }) }).creates[0]?.metadata.labels, {
      tier: 'front',
      'kubernetes.io/service-name': 'web',
      'endpointslice.kubernetes.io/managed-by': 'endpointslice-controller.k8s.io',
    });
  });
  it('of two families has slices of both', () => {
    const dual = service({ ipFamilies: ['IPv4', 'IPv6'] });
    const { creates } = plan({ service: dual, pods: [pod('1', { ip: ['10.0.0.1', 'fd00::1'] })] });
    assert.deepEqual(
      creates.map(({ addressType, endpoints }) => [addressType, endpoints[0]?.addresses]),
      [
        ['IPv4', ['10.0.0.1']],
        ['IPv6', ['fd00::1']],
      ],
    );
  });
  it('that lost a family loses the slices of that family', () => {
    const dual = service({ ipFamilies: ['IPv4', 'IPv6'] });
    const before = applied([], { service: dual, pods: [pod('1', { ip: ['10.0.0.1', 'fd00::1'] })] });
    const writes = plan({ pods: [pod('1', { ip: ['10.0.0.1', 'fd00::1'] })], slices: before });
    assert.deepEqual(
      writes.deletes.map(({ addressType }) => addressType),
      ['IPv6'],
    );
    assert.equal(writes.updates.length + writes.creates.length, 0);
  });
  it('made again under its old name does not take over the old slices', () => {
    const before = applied([], { pods: many(2) });
    const writes = plan({ service: service({}, { uid: 'svc-2' }), pods: many(2), slices: before });
    assert.deepEqual(writes.deletes, before);
    assert.equal(writes.creates[0]?.metadata.ownerReferences?.[0]?.uid, 'svc-2');
  });
  it('that is being deleted gets no new slice', () => {
    const going = service({}, { deletionTimestamp: '2026-01-01T00:00:00Z' });
    assert.deepEqual(plan({ service: going, pods: many(2) }).creates, []);
  });
  it('stored without families has those of its address', () => {
    const old = service({ ipFamilies: undefined, clusterIP: 'fd00::10' });
    assert.equal(plan({ service: old }).creates[0]?.addressType, 'IPv6');
  });
});

describe('hints by zone', () => {
  const annotations = { 'service.kubernetes.io/topology-mode': 'Auto' };
  const byZone = service({ trafficDistribution: 'PreferSameNode' }, { annotations });
  const zoneRatios = new Map([
    ['a', 0.5],
    ['b', 0.5],
  ]);
  const nodeOf = (name: string): Node => ({
    metadata: { name, labels: { 'topology.kubernetes.io/zone': name.slice(-1) } },
    spec: {},
  });
  const pods = [pod('1', { node: 'node-a' }), pod('2', { node: 'node-b' })];
  const zonesOf = (slices: readonly EndpointSlice[]) =>
    slices.flatMap(({ endpoints }) => endpoints.map(({ hints }) => hints?.forZones?.[0]?.name));

  it('take the place of trafficDistribution, and are no reason to write again', () => {
    const slices = applied([], { service: byZone, pods, nodeOf, zoneRatios });
    assert.deepEqual(zonesOf(slices), ['a', 'b']);
    assert.deepEqual(slices[0]?.endpoints[0]?.hints, { forZones: [{ name: 'a' }] });
    assert.deepEqual(plan({ service: byZone, pods, nodeOf, zoneRatios, slices }), nothing);
  });

  it('go when the Service no longer asks, or the nodes no longer say', () => {
    const slices = applied([], { service: byZone, pods, nodeOf, zoneRatios });
    assert.deepEqual(zonesOf(plan({ service: service(), pods, nodeOf, slices }).updates), [
      undefined,
      undefined,
    ]);
    assert.deepEqual(zonesOf(plan({ service: byZone, pods, nodeOf, slices }).updates), [
      undefined,
      undefined,
    ]);
  });
});

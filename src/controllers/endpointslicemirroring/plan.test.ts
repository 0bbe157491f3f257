import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Endpoints } from '../../api/core/v1/endpoints.ts';
import type { Service } from '../../api/core/v1/service.ts';
import type { EndpointSlice } from '../../api/discovery/v1/endpoint-slice.ts';
import { needsMirror, planMirror } from './plan.ts';

const hand = (subsets: Endpoints['subsets'], metadata: Partial<Endpoints['metadata']> = {}): Endpoints => ({
  metadata: { name: 'db', namespace: 'shop', uid: 'ep-1', ...metadata },
  subsets,
});
const service = (spec: Partial<Service['spec']> = {}): Service => ({ metadata: { name: 'db' }, spec });
const ports = [{ name: 'sql', port: 5432, protocol: 'TCP' }];
const named = (slices: readonly EndpointSlice[]): EndpointSlice[] =>
  slices.map((slice, i) => ({ ...slice, metadata: { ...slice.metadata, name: `db-${i}`, uid: `u${i}` } }));
const counts = ({ creates, updates, deletes }: ReturnType<typeof planMirror>): number[] =>
  [creates, updates, deletes].map((list) => list.length);

describe('Endpoints are mirrored', () => {
  const cases: [sentence: string, endpoints: Endpoints, service: Service | undefined, expected: boolean][] = [
    ['for a Service without selector', hand([]), service(), true],
    ['not without a Service', hand([]), undefined, false],
    ['not for a Service with a selector', hand([]), service({ selector: { a: 'b' } }), false],
    [
      'not when they say so',
      hand([], { labels: { 'endpointslice.kubernetes.io/skip-mirror': 'true' } }),
      service(),
      false,
    ],
    [
      'not when they are a leader election lock',
      hand([], { annotations: { 'control-plane.alpha.kubernetes.io/leader': '{}' } }),
      service(),
      false,
    ],
  ];
  for (const [sentence, endpoints, which, expected] of cases) {
    it(sentence, () => assert.equal(needsMirror(endpoints, which), expected));
  }
});

it('a mirrored slice', () => {
  const endpoints = hand(
    [
      {
        addresses: [{ ip: '192.0.2.42', nodeName: 'n', hostname: 'h' }],
        notReadyAddresses: [{ ip: '192.0.2.43' }],
        ports,
      },
    ],
    {
      labels: { app: 'db' },
      annotations: { mine: 'x', 'kubectl.kubernetes.io/last-applied-configuration': '{}' },
    },
  );
  assert.deepEqual(planMirror(endpoints, []).creates, [
    {
      metadata: {
        name: '',
        generateName: 'db-',
        namespace: 'shop',
        labels: {
          app: 'db',
          'kubernetes.io/service-name': 'db',
          'endpointslice.kubernetes.io/managed-by': 'endpointslicemirroring-controller.k8s.io',
        },
        annotations: { mine: 'x' },
        ownerReferences: [
          {
            apiVersion: 'v1',
            kind: 'Endpoints',
            name: 'db',
            uid: 'ep-1',
            controller: true,
            blockOwnerDeletion: true,
          },
        ],
      },
      addressType: 'IPv4',
      endpoints: [
        { addresses: ['192.0.2.42'], conditions: { ready: true }, hostname: 'h', nodeName: 'n' },
        { addresses: ['192.0.2.43'], conditions: { ready: false } },
      ],
      ports,
    },
  ]);
});

it('one slice per family and set of ports', () => {
  const subsets = [
    { addresses: [{ ip: '192.0.2.1' }, { ip: '2001:db8::1' }], ports },
    { addresses: [{ ip: '192.0.2.2' }], ports: [{ port: 9 }] },
    { addresses: [{ ip: '192.0.2.3' }], ports },
  ];
  const { creates } = planMirror(hand(subsets), []);
  assert.deepEqual(
    creates.map(({ addressType, endpoints }) => [addressType, endpoints.length]),
    [
      ['IPv4', 2],
      ['IPv4', 1],
      ['IPv6', 1],
    ],
  );
});

it('nothing is written when nothing changed; a change is an update; the last address gone, the slice goes', () => {
  const one = [{ addresses: [{ ip: '192.0.2.1' }], ports }];
  const slices = named(planMirror(hand(one), []).creates);
  assert.deepEqual(counts(planMirror(hand(one), slices)), [0, 0, 0]);
  const two = [{ addresses: [{ ip: '192.0.2.1' }, { ip: '192.0.2.2' }], ports }];
  assert.deepEqual(counts(planMirror(hand(two), slices)), [0, 1, 0]);
  assert.deepEqual(counts(planMirror(hand([]), slices)), [0, 0, 1]);
  assert.deepEqual(counts(planMirror(hand(one, { labels: { a: 'b' } }), slices)), [0, 1, 0]);
});

it('the trigger time alone is no reason to write', () => {
  const one = [{ addresses: [{ ip: '192.0.2.1' }], ports }];
  const slices = named(planMirror(hand(one), []).creates);
  const annotations = { 'endpoints.kubernetes.io/last-change-trigger-time': '2026-01-01T00:00:00Z' };
  assert.deepEqual(counts(planMirror(hand(one, { annotations }), slices)), [0, 0, 0]);
});

it('slices of Endpoints that were deleted and made again are not taken over', () => {
  const one = [{ addresses: [{ ip: '192.0.2.1' }], ports }];
  const slices = named(planMirror(hand(one), []).creates);
  assert.deepEqual(counts(planMirror(hand(one, { uid: 'ep-2' }), slices)), [1, 0, 1]);
});

it('bad addresses and those over 1000 a subset are left out and told', () => {
  const addresses = Array.from({ length: 1003 }, (_, i) => ({ ip: `10.0.${i >> 8}.${i & 255}` }));
  const plan = planMirror(hand([{ addresses: [{ ip: 'nonsense' }, ...addresses], ports }]), []);
  assert.deepEqual([plan.invalid, plan.nSkipped, plan.creates[0]?.endpoints.length], [['nonsense'], 3, 1000]);
});

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Endpoints } from '../../api/core/v1/endpoints.ts';
import type { Pod } from '../../api/core/v1/pod.ts';
import type { Service } from '../../api/core/v1/service.ts';
import { planEndpoints } from './plan.ts';
import { packSubsets } from './subsets.ts';

const service = (
  spec: Partial<Service['spec']> = {},
  metadata: Partial<Service['metadata']> = {},
): Service => ({
  metadata: { name: 'web', namespace: 'shop', uid: 's', labels: { app: 'web' }, ...metadata },
  spec: {
    clusterIP: '10.96.0.7',
    selector: { app: 'web' },
    ports: [{ port: 80, targetPort: 8080 }],
    ...spec,
  },
});

const pod = (
  n: number,
  facts: { isReady?: boolean; isGoing?: boolean; phase?: string; ip?: string; port?: number } = {},
): Pod => ({
  metadata: {
    name: `web-${n}`,
    namespace: 'shop',
    uid: `u${n}`,
    ...(facts.isGoing === true ? { deletionTimestamp: '2026-01-01T00:00:00Z' } : {}),
  },
  spec: {
    nodeName: 'node-1',
    containers: [
      { name: 'c', ports: facts.port === undefined ? [] : [{ name: 'web', containerPort: facts.port }] },
    ],
  },
  status: {
    phase: facts.phase ?? 'Running',
    podIP: facts.ip ?? `10.0.${n >> 8}.${n & 255}`,
    conditions: [{ type: 'Ready', status: facts.isReady === false ? 'False' : 'True' }],
  },
});

const plan = (
  pods: readonly Pod[],
  options: { service?: Service; current?: Endpoints; triggerTime?: string } = {},
) =>
  planEndpoints({
    service: options.service ?? service(),
    pods,
    current: options.current,
    triggerTime: options.triggerTime,
  });

const ips = (endpoints: Endpoints | undefined): (readonly string[])[][] =>
  (endpoints?.subsets ?? []).map(({ addresses = [], notReadyAddresses = [] }) => [
    addresses.map(({ ip }) => ip),
    notReadyAddresses.map(({ ip }) => ip),
  ]);

it('a whole object', () => {
  assert.deepEqual(plan([pod(1)], { triggerTime: '2026-01-01T00:00:00Z' }), {
    metadata: {
      name: 'web',
      namespace: 'shop',
      labels: { app: 'web', 'endpoints.kubernetes.io/managed-by': 'endpoint-controller' },
      annotations: { 'endpoints.kubernetes.io/last-change-trigger-time': '2026-01-01T00:00:00Z' },
    },
    subsets: [
      {
        addresses: [
          {
            ip: '10.0.0.1',
            nodeName: 'node-1',
            targetRef: { kind: 'Pod', namespace: 'shop', name: 'web-1', uid: 'u1' },
          },
        ],
        ports: [{ port: 8080, protocol: 'TCP' }],
      },
    ],
  });
});

describe('Pods', () => {
  const cases: [sentence: string, pods: Pod[], service: Service, expected: (readonly string[])[][]][] = [
    [
      'that are ready or not',
      [pod(2), pod(1, { isReady: false })],
      service(),
      [[['10.0.0.2'], ['10.0.0.1']]],
    ],
    ['that stop are left out', [pod(1), pod(2, { isGoing: true })], service(), [[['10.0.0.1'], []]]],
    [
      'that are done are left out',
      [pod(1, { phase: 'Succeeded' }), pod(2, { phase: 'Failed' })],
      service(),
      [],
    ],
    ['without address are left out', [pod(1, { ip: '' })], service(), []],
    ['of another family are left out', [pod(1, { ip: 'fd00::1' })], service(), []],
    [
      'that stop or are not ready are ready addresses when the Service asks for it',
      [pod(1, { isGoing: true }), pod(2, { isReady: false })],
      service({ publishNotReadyAddresses: true }),
      [[['10.0.0.1', '10.0.0.2'], []]],
    ],
    [
      'likewise with the annotation of old',
      [pod(2, { isReady: false })],
      service({}, { annotations: { 'service.alpha.kubernetes.io/tolerate-unready-endpoints': 'true' } }),
      [[['10.0.0.2'], []]],
    ],
    [
      'with different numbers of a named port are in different subsets',
      [pod(1, { port: 2 }), pod(2, { port: 1 })],
      service({ ports: [{ port: 80, targetPort: 'web' }] }),
      [
        [['10.0.0.2'], []],
        [['10.0.0.1'], []],
      ],
    ],
    [
      'without a named port are left out',
      [pod(1)],
      service({ ports: [{ port: 80, targetPort: 'web' }] }),
      [],
    ],
    [
      'without one of the named ports lack that port only',
      [pod(1), pod(2, { port: 9 })],
      service({
        ports: [
          { name: 'a', port: 80, targetPort: 8080 },
          { name: 'b', port: 81, targetPort: 'web' },
        ],
      }),
      [
        [['10.0.0.1'], []],
        [['10.0.0.2'], []],
      ],
    ],
    [
      'of a Service of IPv6 first are there with that address',
      [pod(1, { ip: 'fd00::1' }), pod(2)],
      service({ clusterIP: 'fd00::10', ipFamilies: ['IPv6', 'IPv4'] }),
      [[['fd00::1'], []]],
    ],
    [
      'of a headless Service without ports are in a subset without ports',
      [pod(1)],
      service({ clusterIP: 'None', ports: [] }),
      [[['10.0.0.1'], []]],
    ],
  ];
  for (const [sentence, pods, which, expected] of cases) {
    it(sentence, () => assert.deepEqual(ips(plan(pods, { service: which })), expected));
  }
});

it('an address has a host name when its Pod names the Service its subdomain', () => {
  const named = (subdomain: string): Pod => ({
    ...pod(1),
    spec: { ...pod(1).spec, hostname: 'h', subdomain },
  });
  const hostnameOf = (one: Pod) => plan([one])?.subsets?.[0]?.addresses?.[0]?.hostname;
  assert.deepEqual(
    [hostnameOf(named('web')), hostnameOf(named('other')), hostnameOf(pod(1))],
    ['h', undefined, undefined],
  );
});

it('an address that is told both ready and not ready is not ready', () => {
  const address = { ip: '10.0.0.1', targetRef: { kind: 'Pod', uid: 'u' } };
  const ports = [{ port: 80, protocol: 'TCP' }];
  const facts = [true, false, true].map((isReady) => ({ address, isReady, ports }));
  assert.deepEqual(packSubsets(facts), [{ notReadyAddresses: [address], ports }]);
});

it('nothing is written when nothing changed, in whatever order the Pods come', () => {
  const current = plan([pod(1), pod(2)]);
  assert.ok(current !== undefined);
  assert.equal(plan([pod(2), pod(1)], { current, triggerTime: 'later' }), undefined);
  assert.ok(plan([pod(2)], { current }) !== undefined);
  assert.ok(
    plan([pod(2), pod(1)], { current, service: service({}, { labels: { app: 'x' } }) }) !== undefined,
  );
});

it('the trigger time is replaced, or removed when the cause has none; other annotations stay', () => {
  const first = plan([pod(1)], { triggerTime: 'a' });
  assert.ok(first !== undefined);
  const current = {
    ...first,
    metadata: { ...first.metadata, annotations: { ...first.metadata.annotations, mine: 'x' } },
  };
  assert.deepEqual(plan([], { current, triggerTime: 'b' })?.metadata.annotations, {
    mine: 'x',
    'endpoints.kubernetes.io/last-change-trigger-time': 'b',
  });
  assert.deepEqual(plan([], { current })?.metadata.annotations, { mine: 'x' });
});

it('a headless Service is marked as one', () => {
  const labels = plan([], { service: service({ clusterIP: 'None' }) })?.metadata.labels;
  assert.equal(labels?.['service.kubernetes.io/headless'], '');
});

describe('over 1000 addresses', () => {
  const annotation = 'endpoints.kubernetes.io/over-capacity';
  const many = (n: number, isReady = true, from = 0): Pod[] =>
    Array.from({ length: n }, (_, i) => pod(from + i, { isReady }));
  it('exactly 1000 are kept', () => {
    const result = plan(many(1000));
    assert.deepEqual(
      [ips(result)[0]?.[0]?.length, result?.metadata.annotations?.[annotation]],
      [1000, undefined],
    );
  });
  it('ready ones are cut to 1000 and the others dropped', () => {
    const result = plan([...many(1200), ...many(50, false, 2000)]);
    assert.deepEqual(
      [ips(result)[0]?.map((list) => list.length), result?.metadata.annotations?.[annotation]],
      [[1000, 0], 'truncated'],
    );
  });
  it('those not ready are cut first', () => {
    assert.deepEqual(
      ips(plan([...many(900), ...many(300, false, 2000)]))[0]?.map((list) => list.length),
      [900, 100],
    );
  });
  it('the annotation goes when they fit again, even with the same addresses', () => {
    const current = plan(many(1200));
    const next = plan(many(5), { current });
    assert.equal(next?.metadata.annotations?.[annotation], undefined);
    assert.equal(plan(many(1200), { current }), undefined);
  });
});

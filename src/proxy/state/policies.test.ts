import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Service } from '../../api/core/v1/service.ts';
import type { EndpointSlice } from '../../api/discovery/v1/endpoint-slice.ts';
import { serviceFixture, sliceFixture } from './fixtures.ts';
import type { EndpointFixture } from './fixtures.ts';
import type { Destination, ProxyNode } from './model.ts';
import { createProxyStateTracker } from './proxy-state-tracker.ts';
import type { ProxyStateTracker } from './proxy-state-tracker.ts';

const node: ProxyNode = {
  name: 'node-1',
  podCIDRs: ['10.244.0.0/16'],
  nodePortAddresses: [],
  zone: 'a',
  ip: '172.18.0.2',
};
const ID = 'default/web:http/TCP';
const lbIps = [{ ip: '192.0.2.7' }];
const loadBalancer: Partial<Service['spec']> = {
  type: 'LoadBalancer',
  ports: [{ name: 'http', port: 80, nodePort: 30007 }],
};
const local: Partial<Service['spec']> = { ...loadBalancer, externalTrafficPolicy: 'Local' };

function tracked(
  services: readonly Service[],
  slices: readonly EndpointSlice[],
  at = node,
): ProxyStateTracker {
  const tracker = createProxyStateTracker({ family: 'IPv4', node: at });
  for (const slice of slices) tracker.setSlice(`default/${slice.metadata.name}`, slice);
  for (const service of services) tracker.setService(`default/${service.metadata.name}`, service);
  return tracker;
}

const inWords = ({ endpoints, whenEmpty }: Destination): string =>
  endpoints
    .map(({ ip, weight }) => `${ip.split('.').slice(2).join('.')}${weight === undefined ? '' : `*${weight}`}`)
    .join(' ') || whenEmpty;

/** `KIND -> ENDPOINTS | INSIDE: ENDPOINTS`; endpoints by the last two numbers of their address. */
function lines(tracker: ProxyStateTracker, id = ID): string[] {
  const port = tracker.take().state.services.get(id);
  return (port?.frontends ?? []).map((decision) => {
    const { fromCluster } = decision;
    const inside =
      fromCluster === undefined ? '' : ` | inside: ${inWords(fromCluster)} ${fromCluster.masquerade}`;
    return `${decision.frontend.kind} -> ${inWords(decision)} ${decision.masquerade}${inside}`;
  });
}

const ending = { ready: false, serving: true, terminating: true } as const;
const here = (n: number, more: Partial<EndpointFixture> = {}): EndpointFixture => ({
  ip: `10.244.0.${n}`,
  node: 'node-1',
  ...more,
});
const there = (n: number, more: Partial<EndpointFixture> = {}): EndpointFixture => ({
  ip: `10.244.1.${n}`,
  node: 'node-2',
  ...more,
});

describe('which endpoints a policy leaves', () => {
  const cases: Record<
    string,
    { spec?: Partial<Service['spec']>; endpoints: EndpointFixture[]; lines: string[] }
  > = {
    'Local: clients inside the cluster go everywhere': {
      spec: local,
      endpoints: [here(1), there(1)],
      lines: [
        'clusterIP -> 0.1 1.1 off-cluster',
        'loadBalancerIP -> 0.1 never | inside: 0.1 1.1 off-cluster',
        'nodePort -> 0.1 never | inside: 0.1 1.1 off-cluster',
      ],
    },
    'Local with none here: clients inside are served all the same': {
      spec: local,
      endpoints: [there(1)],
      lines: [
        'clusterIP -> 1.1 off-cluster',
        'loadBalancerIP -> drop never | inside: 1.1 off-cluster',
        'nodePort -> drop never | inside: 1.1 off-cluster',
      ],
    },
    'Local with none anywhere: everybody is refused': {
      spec: local,
      endpoints: [here(1, { ready: false })],
      lines: [
        'clusterIP -> reject off-cluster',
        'loadBalancerIP -> reject never',
        'nodePort -> reject never',
      ],
    },
    'Local falls back on its own to one here that terminates, while others elsewhere are ready': {
      spec: local,
      endpoints: [here(1, ending), there(1)],
      lines: [
        'clusterIP -> 1.1 off-cluster',
        'loadBalancerIP -> 0.1 never | inside: 1.1 off-cluster',
        'nodePort -> 0.1 never | inside: 1.1 off-cluster',
      ],
    },
    'internal Local falls back to one here that terminates': {
      spec: { internalTrafficPolicy: 'Local' },
      endpoints: [here(1, ending), there(1)],
      lines: ['clusterIP -> 0.1 off-cluster'],
    },
    'internal Local drops where only others have one that terminates': {
      spec: { internalTrafficPolicy: 'Local' },
      endpoints: [there(1, ending)],
      lines: ['clusterIP -> drop off-cluster'],
    },
    'Cluster: all that terminate, when none is ready anywhere': {
      endpoints: [here(1, ending), there(1, ending), there(2, { ...ending, serving: false })],
      lines: ['clusterIP -> 0.1 1.1 off-cluster'],
    },
  };
  for (const [name, { spec = {}, endpoints, lines: expected }] of Object.entries(cases)) {
    it(name, () => {
      const slice = sliceFixture('web-1', 'web', { endpoints });
      const status = spec.type === 'LoadBalancer' ? { lbIps } : {};
      assert.deepEqual(lines(tracked([serviceFixture('web', spec, status)], [slice])), expected);
    });
  }
});

describe('hints', () => {
  const a = { forZones: ['a'] };
  const b = { forZones: ['b'] };
  const cases: Record<
    string,
    { endpoints: EndpointFixture[]; to: string; at?: ProxyNode; spec?: Service['spec'] }
  > = {
    'the zone’s own endpoints': { endpoints: [here(1, a), there(1, b)], to: '0.1' },
    'one of several zones': { endpoints: [there(1, { forZones: ['b', 'a'] }), there(2, b)], to: '1.1' },
    'all, when one ready endpoint has no hint': { endpoints: [here(1, a), there(1)], to: '0.1 1.1' },
    'an endpoint that is not ready needs none': {
      endpoints: [here(1, a), there(1, b), there(2, { ready: false })],
      to: '0.1',
    },
    'all, when none is for this zone': { endpoints: [there(1, b), there(2, b)], to: '1.1 1.2' },
    'all, when the node has no zone': {
      endpoints: [here(1, a), there(1, b)],
      to: '0.1 1.1',
      at: { name: 'node-1', podCIDRs: [], nodePortAddresses: [] },
    },
    'the node’s own before those of the zone': {
      endpoints: [here(1, { ...a, forNodes: ['node-1'] }), there(1, { ...a, forNodes: ['node-2'] })],
      to: '0.1',
    },
    'the zone’s, when none is for this node': {
      endpoints: [there(1, { ...a, forNodes: ['node-2'] }), there(2, { ...b, forNodes: ['node-3'] })],
      to: '1.1',
    },
    'all that terminate, whatever their hints': {
      endpoints: [here(1, { ...ending, ...a }), there(1, { ...ending, ...b })],
      to: '0.1 1.1',
    },
    'drained ones are not asked': {
      endpoints: [here(1, { ...a, pod: 'drained' }), there(1, b)],
      to: '1.1',
    },
  };
  const annotations = { 'portico.dev/weights': '{"drained": 0}' };
  for (const [name, { endpoints, to, at }] of Object.entries(cases)) {
    it(name, () => {
      const slice = sliceFixture('web-1', 'web', { endpoints });
      const tracker = tracked([serviceFixture('web', {}, { annotations })], [slice], at);
      assert.deepEqual(lines(tracker), [`clusterIP -> ${to} off-cluster`]);
    });
  }

  it('do not count under policy Local, and do for the short way', () => {
    const slice = sliceFixture('web-1', 'web', { endpoints: [here(1, b), there(1, a)] });
    const tracker = tracked([serviceFixture('web', local)], [slice]);
    assert.deepEqual(lines(tracker), [
      'clusterIP -> 1.1 off-cluster',
      'nodePort -> 0.1 never | inside: 1.1 off-cluster',
    ]);
  });

  it('decide again when the node gets another zone', () => {
    const slice = sliceFixture('web-1', 'web', { endpoints: [here(1, a), there(1, b)] });
    const tracker = tracked([serviceFixture('web')], [slice]);
    tracker.take();
    tracker.setNode({ ...node, zone: 'b' });
    assert.deepEqual(lines(tracker), ['clusterIP -> 1.1 off-cluster']);
  });
});

describe('source ranges', () => {
  const sources = (ranges: string[], at = node, annotations = {}): (readonly string[] | undefined)[] => {
    const service = serviceFixture(
      'web',
      { ...loadBalancer, loadBalancerSourceRanges: ranges },
      { lbIps, annotations },
    );
    const port = tracked([service], [], at).take().state.services.get(ID);
    return (port?.frontends ?? []).map(({ allowedSources }) => allowedSources);
  };
  const cases: Record<string, { ranges: string[]; at?: ProxyNode; allowed: string[] | undefined }> = {
    'guard the load balancer’s address alone': { ranges: ['198.51.100.0/24'], allowed: ['198.51.100.0/24'] },
    'white space and bits beyond the prefix are forgiven, blocks of the other family do not count': {
      ranges: [' 198.51.100.9/24 ', 'fd00::/8'],
      allowed: ['198.51.100.0/24'],
    },
    'none of this family is everybody': { ranges: ['fd00::/8'], allowed: undefined },
    'where the node may, the address itself may too: a local packet to it comes from there': {
      ranges: ['172.18.0.0/16'],
      allowed: ['172.18.0.0/16', '192.0.2.7/32'],
    },
    'but not when nobody knows the node’s address': {
      ranges: ['172.18.0.0/16'],
      at: { name: 'node-1', podCIDRs: [], nodePortAddresses: [] },
      allowed: ['172.18.0.0/16'],
    },
  };
  for (const [name, { ranges, at, allowed }] of Object.entries(cases)) {
    it(name, () => assert.deepEqual(sources(ranges, at), [undefined, allowed, undefined]));
  }

  it('are read from the field alone: cloud controllers read the old annotation, proxies do not', () => {
    const annotations = { 'service.beta.kubernetes.io/load-balancer-source-ranges': '10.0.0.0/8' };
    assert.deepEqual(sources([], node, annotations), [undefined, undefined, undefined]);
  });
});

describe('health-check node ports', () => {
  const checked: Partial<Service['spec']> = { ...local, healthCheckNodePort: 32_000 };
  const cases: Record<
    string,
    { spec?: Partial<Service['spec']>; endpoints: EndpointFixture[]; n: number | undefined }
  > = {
    'count what is ready on this node': { endpoints: [here(1), here(2), there(1)], n: 2 },
    'not what terminates, although it gets traffic': { endpoints: [here(1, ending), there(1)], n: 0 },
    'not what is drained': { endpoints: [here(1, { pod: 'drained' })], n: 0 },
    'only under policy Local': {
      spec: { ...loadBalancer, healthCheckNodePort: 32_000 },
      endpoints: [here(1)],
      n: undefined,
    },
  };
  const annotations = { 'portico.dev/weights': '{"drained": 0}' };
  for (const [name, { spec = checked, endpoints, n }] of Object.entries(cases)) {
    it(name, () => {
      const slice = sliceFixture('web-1', 'web', { endpoints });
      const { healthChecks, state } = tracked([serviceFixture('web', spec, { annotations })], [slice]).take();
      // Where the rules let load balancers in.
      const ports = [...state.services.values()].map(({ healthCheckPort }) => healthCheckPort);
      assert.deepEqual(ports, [n === undefined ? undefined : 32_000]);
      assert.deepEqual(
        [...healthChecks],
        n === undefined ? [] : [['default/web', { port: 32_000, nLocalEndpoints: n }]],
      );
    });
  }

  it('count an address once, whatever its ports, and go with the Service', () => {
    const ports = [
      { name: 'http', port: 80 },
      { name: 'admin', port: 81 },
    ];
    const slice = sliceFixture('web-1', 'web', { endpoints: [here(1)], ports });
    const tracker = tracked([serviceFixture('web', { ...checked, ports })], [slice]);
    assert.deepEqual([...tracker.take().healthChecks.values()], [{ port: 32_000, nLocalEndpoints: 1 }]);
    tracker.setService('default/web', undefined);
    assert.deepEqual([...tracker.take().healthChecks], []);
  });
});

describe('what a node’s proxy is told', () => {
  it('to masquerade all means every connection to a cluster IP, no other', () => {
    const slice = sliceFixture('web-1', 'web', { endpoints: [here(1)] });
    const tracker = tracked([serviceFixture('web', local)], [slice], { ...node, masqueradesAll: true });
    assert.deepEqual(lines(tracker), [
      'clusterIP -> 0.1 always',
      'nodePort -> 0.1 never | inside: 0.1 off-cluster',
    ]);
  });

  it('a name of its own: the Services labelled with it are served, no others', () => {
    const LABEL = 'service.kubernetes.io/service-proxy-name';
    const services = ['portico', 'other', undefined].map((name, i) =>
      serviceFixture(
        `s${i}`,
        { clusterIPs: [`10.96.0.${i + 1}`] },
        name === undefined ? {} : { labels: { [LABEL]: name } },
      ),
    );
    const ids = (serviceProxyName?: string): string[] => {
      const tracker = createProxyStateTracker({
        family: 'IPv4',
        node,
        ...(serviceProxyName === undefined ? {} : { serviceProxyName }),
      });
      for (const service of services) tracker.setService(`default/${service.metadata.name}`, service);
      return [...tracker.take().state.services.keys()];
    };
    assert.deepEqual(ids('portico'), ['default/s0:http/TCP']);
    assert.deepEqual(ids(), ['default/s2:http/TCP']);
  });
});

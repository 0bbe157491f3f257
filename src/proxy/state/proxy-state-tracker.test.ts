import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Service } from '../../api/core/v1/service.ts';
import type { EndpointSlice } from '../../api/discovery/v1/endpoint-slice.ts';
import type { IpFamily } from '../../net/ip.ts';
import { serviceFixture, sliceFixture } from './fixtures.ts';
import type { ServicePort } from './model.ts';
import { createProxyStateTracker } from './proxy-state-tracker.ts';
import type { ProxyStateTracker } from './proxy-state-tracker.ts';

const node = { name: 'node-1', podCIDRs: ['10.244.0.0/16'], nodePortAddresses: [] };
const newTracker = (family: IpFamily = 'IPv4'): ProxyStateTracker =>
  createProxyStateTracker({ family, node });

function stateOf(
  services: readonly Service[],
  slices: readonly EndpointSlice[],
  family: IpFamily = 'IPv4',
): ReadonlyMap<string, ServicePort> {
  const tracker = newTracker(family);
  for (const slice of slices) tracker.setSlice(`default/${slice.metadata.name}`, slice);
  for (const service of services) tracker.setService(`default/${service.metadata.name}`, service);
  return tracker.take().state.services;
}

/** `KIND ADDRESS:PORT -> ENDPOINTS [whenEmpty if none] masquerade`, one line per frontend. */
function lines(port: ServicePort | undefined): string[] {
  return (port?.frontends ?? []).map(({ frontend, endpoints, whenEmpty, masquerade }) => {
    const where = frontend.kind === 'nodePort' ? `*:${frontend.port}` : `${frontend.ip}:${frontend.port}`;
    const to = endpoints.map((e) => `${e.ip}:${e.port}`).join(' ') || whenEmpty;
    return `${frontend.kind} ${where} -> ${to} ${masquerade}`;
  });
}

const ID = 'default/web:http/TCP';
const nodePort = { ports: [{ name: 'http', port: 80, nodePort: 30007 }], type: 'NodePort' } as const;

describe('which Services are proxied', () => {
  const slices = [sliceFixture('web-1', 'web', { endpoints: ['10.244.0.2'] })];
  const cases: Record<string, { service: Service; ids: string[] }> = {
    'a ClusterIP Service': { service: serviceFixture('web'), ids: [ID] },
    'a headless one is not': {
      service: serviceFixture('web', { clusterIP: 'None', clusterIPs: ['None'] }),
      ids: [],
    },
    'one without an address yet is not': {
      service: serviceFixture('web', { clusterIP: '', clusterIPs: [] }),
      ids: [],
    },
    'an ExternalName is not': {
      service: serviceFixture('web', { type: 'ExternalName', externalName: 'a.example' }),
      ids: [],
    },
    "another proxy's is not": {
      service: serviceFixture('web', {}, { labels: { 'service.kubernetes.io/service-proxy-name': 'x' } }),
      ids: [],
    },
    'one labelled headless is not': {
      service: serviceFixture('web', {}, { labels: { 'service.kubernetes.io/headless': '' } }),
      ids: [],
    },
    'one of the other family is not': {
      service: serviceFixture('web', { clusterIP: 'fd00::1', clusterIPs: ['fd00::1'] }),
      ids: [],
    },
    'clusterIP counts when clusterIPs is missing': {
      service: serviceFixture('web', { clusterIPs: undefined }),
      ids: [ID],
    },
    'each port and protocol has its id, unnamed ones too': {
      service: serviceFixture('web', { ports: [{ port: 53, protocol: 'UDP' }, { port: 53 }] }),
      ids: ['default/web:/TCP', 'default/web:/UDP'],
    },
  };
  for (const [name, { service, ids }] of Object.entries(cases)) {
    it(name, () => assert.deepEqual([...stateOf([service], slices).keys()].sort(), ids));
  }
});

describe('which endpoints a port gets', () => {
  const cases: Record<string, { slices: EndpointSlice[]; to: string }> = {
    'every ready one, of every slice, sorted': {
      slices: [
        sliceFixture('b', 'web', { endpoints: ['10.244.1.3'] }),
        sliceFixture('a', 'web', { endpoints: ['10.244.0.2', { ip: '10.244.0.9', ready: false }] }),
      ],
      to: '10.244.0.2:9376 10.244.1.3:9376',
    },
    'an address in two slices once': {
      slices: [
        sliceFixture('a', 'web', { endpoints: ['10.244.0.2'] }),
        sliceFixture('b', 'web', { endpoints: [{ ip: '10.244.0.2', ready: false }] }),
      ],
      to: '10.244.0.2:9376',
    },
    'Pods with different numbers behind one port name': {
      slices: [
        sliceFixture('a', 'web', { endpoints: ['10.244.0.2'], ports: [{ name: 'http', port: 8080 }] }),
        sliceFixture('b', 'web', { endpoints: ['10.244.0.3'], ports: [{ name: 'http', port: 9090 }] }),
      ],
      to: '10.244.0.2:8080 10.244.0.3:9090',
    },
    'none of another port name, protocol, Service or family': {
      slices: [
        sliceFixture('a', 'web', { endpoints: ['10.244.0.2'], ports: [{ name: 'admin', port: 1 }] }),
        sliceFixture('b', 'web', {
          endpoints: ['10.244.0.3'],
          ports: [{ name: 'http', protocol: 'UDP', port: 1 }],
        }),
        sliceFixture('c', 'other', { endpoints: ['10.244.0.4'] }),
        sliceFixture('d', 'web', { endpoints: ['fd00::4'], addressType: 'IPv6' }),
      ],
      to: 'reject',
    },
    'terminating ones that still serve, only when none is ready': {
      slices: [
        sliceFixture('a', 'web', {
          endpoints: [
            { ip: '10.244.0.2', ready: false, serving: true, terminating: true },
            { ip: '10.244.0.3', ready: false, serving: false, terminating: true },
          ],
        }),
      ],
      to: '10.244.0.2:9376',
    },
    'no terminating one beside a ready one': {
      slices: [
        sliceFixture('a', 'web', {
          endpoints: ['10.244.0.1', { ip: '10.244.0.2', ready: false, serving: true, terminating: true }],
        }),
      ],
      to: '10.244.0.1:9376',
    },
    'never a virtual IP': {
      slices: [sliceFixture('a', 'web', { endpoints: ['10.244.0.1', '10.96.0.77'] })],
      to: '10.244.0.1:9376',
    },
    'none when the port has no number': {
      slices: [sliceFixture('a', 'web', { endpoints: ['10.244.0.1'], ports: [{ name: 'http' }] })],
      to: 'reject',
    },
  };
  const victim = serviceFixture('victim', { clusterIPs: ['10.96.0.77'] });
  for (const [name, { slices, to }] of Object.entries(cases)) {
    it(name, () =>
      assert.deepEqual(lines(stateOf([serviceFixture('web'), victim], slices).get(ID)), [
        `clusterIP 10.96.0.10:80 -> ${to} off-cluster`,
      ]),
    );
  }
});

describe('what each frontend decides', () => {
  const here = sliceFixture('a', 'web', {
    endpoints: [
      { ip: '10.244.0.2', node: 'node-1' },
      { ip: '10.244.1.2', node: 'node-2' },
    ],
  });
  const elsewhere = sliceFixture('a', 'web', { endpoints: [{ ip: '10.244.1.2', node: 'node-2' }] });
  const drainingHere = sliceFixture('a', 'web', {
    endpoints: [
      { ip: '10.244.0.2', node: 'node-1', ready: false, serving: true, terminating: true },
      { ip: '10.244.1.2', node: 'node-2' },
    ],
  });
  const outside = {
    ...nodePort,
    type: 'LoadBalancer',
    externalIPs: ['192.0.2.1', 'fd00::1', '10.96.0.10'],
  } as const;
  const lbIps = [{ ip: '192.0.2.7' }, { ip: '192.0.2.8', ipMode: 'Proxy' }, { ip: '192.0.2.1' }];
  const cases: Record<string, { service: Service; slices: EndpointSlice[]; lines: string[] }> = {
    'every address of the family, each once; outside traffic is masqueraded': {
      service: serviceFixture('web', { ...outside, externalIPs: [...outside.externalIPs] }, { lbIps }),
      slices: [elsewhere],
      lines: [
        'clusterIP 10.96.0.10:80 -> 10.244.1.2:9376 off-cluster',
        'externalIP 192.0.2.1:80 -> 10.244.1.2:9376 always',
        'loadBalancerIP 192.0.2.7:80 -> 10.244.1.2:9376 always',
        'nodePort *:30007 -> 10.244.1.2:9376 always',
      ],
    },
    'the address of a load balancer, whatever the type': {
      service: serviceFixture('web', {}, { lbIps: [{ ip: '192.0.2.7' }] }),
      slices: [elsewhere],
      lines: [
        'clusterIP 10.96.0.10:80 -> 10.244.1.2:9376 off-cluster',
        'loadBalancerIP 192.0.2.7:80 -> 10.244.1.2:9376 always',
      ],
    },
    'externalTrafficPolicy Local keeps the source and this node': {
      service: serviceFixture('web', { ...nodePort, externalTrafficPolicy: 'Local' }),
      slices: [here],
      lines: [
        'clusterIP 10.96.0.10:80 -> 10.244.0.2:9376 10.244.1.2:9376 off-cluster',
        'nodePort *:30007 -> 10.244.0.2:9376 never',
      ],
    },
    'externalTrafficPolicy Local without one here drops': {
      service: serviceFixture('web', { ...nodePort, externalTrafficPolicy: 'Local' }),
      slices: [elsewhere],
      lines: ['clusterIP 10.96.0.10:80 -> 10.244.1.2:9376 off-cluster', 'nodePort *:30007 -> drop never'],
    },
    'externalTrafficPolicy Local falls back to one here that drains': {
      service: serviceFixture('web', { ...nodePort, externalTrafficPolicy: 'Local' }),
      slices: [drainingHere],
      lines: [
        'clusterIP 10.96.0.10:80 -> 10.244.1.2:9376 off-cluster',
        'nodePort *:30007 -> 10.244.0.2:9376 never',
      ],
    },
    'no endpoint anywhere is refused whatever the policy': {
      service: serviceFixture('web', {
        ...nodePort,
        externalTrafficPolicy: 'Local',
        internalTrafficPolicy: 'Local',
      }),
      slices: [],
      lines: ['clusterIP 10.96.0.10:80 -> reject off-cluster', 'nodePort *:30007 -> reject never'],
    },
    'internalTrafficPolicy Local': {
      service: serviceFixture('web', { ...nodePort, internalTrafficPolicy: 'Local' }),
      slices: [elsewhere],
      lines: ['clusterIP 10.96.0.10:80 -> drop off-cluster', 'nodePort *:30007 -> 10.244.1.2:9376 always'],
    },
  };
  for (const [name, { service, slices, lines: expected }] of Object.entries(cases)) {
    it(name, () => assert.deepEqual(lines(stateOf([service], slices).get(ID)), expected));
  }

  it('affinity is the time-out, three hours unless told', () => {
    const of = (spec: Partial<Service['spec']>): number | undefined =>
      stateOf([serviceFixture('web', spec)], []).get(ID)?.affinitySeconds;
    assert.equal(of({}), 0);
    assert.equal(of({ sessionAffinity: 'ClientIP' }), 10800);
    const sessionAffinityConfig = { clientIP: { timeoutSeconds: 7 } };
    assert.equal(of({ sessionAffinity: 'ClientIP', sessionAffinityConfig }), 7);
  });

  it('a dual-stack Service feeds each family from its own slices', () => {
    const service = serviceFixture('web', { clusterIPs: ['10.96.0.10', 'FD00:0::10'] });
    const six = sliceFixture('six', 'web', { endpoints: ['fd00:1:0::2'], addressType: 'IPv6' });
    assert.deepEqual(lines(stateOf([service], [here, six], 'IPv6').get(ID)), [
      'clusterIP fd00::10:80 -> fd00:1::2:9376 off-cluster',
    ]);
  });
});

describe('two Services want one frontend', () => {
  const old = { created: '2026-01-01T00:00:00Z' };
  const young = { created: '2026-02-01T00:00:00Z' };
  it('the older one holds a node port; when it goes the younger one gets it', () => {
    const tracker = newTracker();
    const ports = (id: string): string[] =>
      lines(tracker.take().state.services.get(id)).map((l) => l.split(' ')[1] ?? '');
    tracker.setService('default/b', serviceFixture('b', { ...nodePort, clusterIPs: ['10.96.0.2'] }, young));
    assert.deepEqual(ports('default/b:http/TCP'), ['10.96.0.2:80', '*:30007']);
    tracker.setService('default/a', serviceFixture('a', { ...nodePort, clusterIPs: ['10.96.0.1'] }, old));
    const { changed, state } = tracker.take();
    assert.deepEqual([...(changed ?? [])].sort(), ['default/a:http/TCP', 'default/b:http/TCP']);
    assert.equal(state.services.get('default/b:http/TCP')?.frontends.length, 1);
    tracker.setService('default/a', undefined);
    assert.deepEqual(ports('default/b:http/TCP'), ['10.96.0.2:80', '*:30007']);
  });

  it("an external IP never takes another Service's cluster IP", () => {
    const thief = serviceFixture('a', { clusterIPs: ['10.96.0.1'], externalIPs: ['10.96.0.2'] }, old);
    const owner = serviceFixture('b', { clusterIPs: ['10.96.0.2'] }, young);
    const state = stateOf([thief, owner], []);
    assert.deepEqual(lines(state.get('default/a:http/TCP')), [
      'clusterIP 10.96.0.1:80 -> reject off-cluster',
    ]);
    assert.deepEqual(lines(state.get('default/b:http/TCP')), [
      'clusterIP 10.96.0.2:80 -> reject off-cluster',
    ]);
  });
});

describe('changes', () => {
  const changedBy = (tracker: ProxyStateTracker, act: () => void): string[] | undefined => {
    tracker.take();
    act();
    const { changed } = tracker.take();
    return changed === undefined ? undefined : [...changed].sort();
  };
  const filled = (): ProxyStateTracker => {
    const tracker = newTracker();
    tracker.setService('default/web', serviceFixture('web'));
    tracker.setService('default/other', serviceFixture('other', { clusterIPs: ['10.96.0.11'] }));
    tracker.setSlice('default/web-1', sliceFixture('web-1', 'web', { endpoints: ['10.244.0.2'] }));
    return tracker;
  };
  const cases: Record<string, { act: (tracker: ProxyStateTracker) => void; changed: string[] | undefined }> =
    {
      'the same objects again: nothing': {
        act: (t) => {
          t.setService('default/web', serviceFixture('web'));
          t.setSlice('default/web-1', sliceFixture('web-1', 'web', { endpoints: ['10.244.0.2'] }));
        },
        changed: [],
      },
      'a slice gone: its Service': { act: (t) => t.setSlice('default/web-1', undefined), changed: [ID] },
      'a slice that moves to another Service: both': {
        act: (t) =>
          t.setSlice('default/web-1', sliceFixture('web-1', 'other', { endpoints: ['10.244.0.2'] })),
        changed: ['default/other:http/TCP', ID],
      },
      'a port renamed: the old id and the new one': {
        act: (t) => t.setService('default/web', serviceFixture('web', { ports: [{ name: 'x', port: 80 }] })),
        changed: [ID, 'default/web:x/TCP'],
      },
      'a Service deleted and made again in one turn: nothing': {
        act: (t) => {
          t.setService('default/web', undefined);
          t.setService('default/web', serviceFixture('web'));
        },
        changed: [],
      },
      "an endpoint's address becomes a cluster IP: that Service too": {
        act: (t) => t.setService('default/new', serviceFixture('new', { clusterIPs: ['10.244.0.2'] })),
        changed: ['default/new:http/TCP', ID],
      },
      'node ports on other addresses: everything': {
        act: (t) => t.setNode({ ...node, nodePortAddresses: ['192.0.2.0/24'] }),
        changed: undefined,
      },
      'the same node: nothing': { act: (t) => t.setNode({ ...node }), changed: [] },
      'a slice of no Service: nothing': {
        act: (t) => t.setSlice('default/x', { ...sliceFixture('x', 'y'), metadata: { name: 'x' } }),
        changed: [],
      },
    };
  for (const [name, { act, changed }] of Object.entries(cases)) {
    it(name, () => {
      const tracker = filled();
      assert.deepEqual(
        changedBy(tracker, () => act(tracker)),
        changed,
      );
    });
  }
});

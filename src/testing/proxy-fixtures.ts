import type { IpFamily } from '../net/ip.ts';
import { addresses } from './addresses.ts';
import type { FrontendDecision, ProxyEndpoint, ProxyState, ServicePort } from '../proxy/state/model.ts';

/** The test plan's addresses in both families. */
export const plan = {
  IPv4: {
    pod: (n: number): string => addresses.pod(1, n),
    cluster: (n: number): string => `10.96.${1 + (n >> 8)}.${n & 255}`,
    external: (n: number): string => `192.0.2.${n}`,
    node: addresses.node(1),
    outside: addresses.outside,
    podCIDRs: [addresses.clusterCIDR],
    nodeCIDR: '172.18.0.0/16',
    elsewhereCIDR: '198.51.100.0/24',
  },
  IPv6: {
    pod: (n: number): string => `fd00:10:244::${n.toString(16)}`,
    cluster: (n: number): string => `fd00:10:96::${n.toString(16)}`,
    external: (n: number): string => `2001:db8::${n.toString(16)}`,
    node: 'fd00:172:18::2',
    outside: '2001:db8:ffff::7',
    podCIDRs: ['fd00:10:244::/64'],
    nodeCIDR: 'fd00:172:18::/64',
    elsewhereCIDR: '2001:db8:1::/64',
  },
} as const;

export function endpoints(family: IpFamily, ...hosts: readonly number[]): ProxyEndpoint[] {
  return hosts.map((n) => ({ ip: plan[family].pod(n), port: 9376, isLocal: n % 2 === 1 }));
}

export function clusterIp(
  at: readonly [ip: string, port: number],
  to: readonly ProxyEndpoint[],
  more: Partial<FrontendDecision> = {},
): FrontendDecision {
  const [ip, port] = at;
  const frontend = { kind: 'clusterIP', ip, port } as const;
  return { frontend, endpoints: to, whenEmpty: 'reject', masquerade: 'off-cluster', ...more };
}

export function nodePort(
  port: number,
  to: readonly ProxyEndpoint[],
  more: Partial<FrontendDecision> = {},
): FrontendDecision {
  const frontend = { kind: 'nodePort', port } as const;
  return { frontend, endpoints: to, whenEmpty: 'reject', masquerade: 'always', ...more };
}

export function servicePort(
  name: string,
  frontends: readonly FrontendDecision[],
  more: Partial<ServicePort> = {},
): ServicePort {
  const protocol = more.protocol ?? 'TCP';
  return {
    id: `default/${name}:/${protocol}`,
    namespace: 'default',
    name,
    portName: '',
    protocol,
    affinitySeconds: 0,
    frontends,
    ...more,
  };
}

export function proxyState(
  family: IpFamily,
  ports: readonly ServicePort[],
  node: Partial<ProxyState['node']> = {},
): ProxyState {
  return {
    family,
    node: { name: 'node-1', podCIDRs: plan[family].podCIDRs, nodePortAddresses: [], ...node },
    services: new Map(ports.map((port) => [port.id, port])),
  };
}

/** A Service port for each kind of frontend and decision: ranges, weights, source ranges and the short way too. */
export function everyFrontend(family: IpFamily): ServicePort[] {
  const { cluster, external, outside: client } = plan[family];
  const two = endpoints(family, 1, 2);
  const outside = (kind: 'externalIP' | 'loadBalancerIP', n: number): FrontendDecision => ({
    frontend: { kind, ip: external(n), port: 80 },
    endpoints: endpoints(family, 1),
    whenEmpty: 'drop',
    masquerade: 'never',
  });
  const frontends = [clusterIp([cluster(1), 80], two), nodePort(30007, two), outside('externalIP', 1)];
  const weighted = two.map((endpoint, i) => ({ ...endpoint, weight: i + 1 }));
  const fromCluster = { endpoints: weighted, whenEmpty: 'reject', masquerade: 'off-cluster' } as const;
  const range = { kind: 'loadBalancerIP', ip: external(3), port: 8000, endPort: 8999 } as const;
  const local = { endpoints: weighted.slice(0, 1), masquerade: 'never', fromCluster } as const;
  return [
    servicePort('web', frontends),
    servicePort(
      'sticky',
      [clusterIp([cluster(2), 80], two), nodePort(30008, two), outside('loadBalancerIP', 2)],
      {
        affinitySeconds: 10_800,
      },
    ),
    servicePort('empty', [clusterIp([cluster(3), 53], []), nodePort(30053, [], { whenEmpty: 'drop' })], {
      protocol: 'UDP',
    }),
    servicePort(
      'local',
      [
        {
          frontend: range,
          whenEmpty: 'drop',
          allowedSources: [`${client}/${family === 'IPv4' ? 32 : 128}`],
          ...local,
        },
        nodePort(30009, [], local),
      ],
      { protocol: 'UDP', affinitySeconds: 60, healthCheckPort: 31999 },
    ),
  ];
}

import fc from 'fast-check';
import type { IpFamily } from '../net/ip.ts';
import { addresses } from './addresses.ts';
import { plan, proxyState } from './proxy-fixtures.ts';
import type {
  Destination,
  FrontendDecision,
  Protocol,
  ProxyEndpoint,
  ProxyNode,
  ProxyState,
  ServicePort,
} from '../proxy/state/model.ts';
import type { Attempt, ProxyClient } from '../proxy/state/verdict.ts';

/** Pods of this node have odd numbers, as in `endpoints` of the fixtures. */
const isLocalPod = (n: number): boolean => n % 2 === 1;
const loopback = { IPv4: '127.0.0.1', IPv6: '::1' } as const;
const loopbackCIDR = { IPv4: '127.0.0.0/8', IPv6: '::1/128' } as const;
export const elsewherePod = { IPv4: addresses.pod(2, 7), IPv6: 'fd00:10:244::1:7' } as const;
const outsideCIDR = { IPv4: '203.0.113.0/24', IPv6: '2001:db8:ffff::/48' } as const;

function arbitraryEndpoints(family: IpFamily): fc.Arbitrary<ProxyEndpoint[]> {
  const few = fc.uniqueArray(fc.integer({ min: 1, max: 6 }), { maxLength: 4 });
  const wide = fc.integer({ min: 16, max: 19 }).map((n) => Array.from({ length: n }, (_, i) => i + 1));
  const hosts = fc.oneof({ weight: 6, arbitrary: few }, { weight: 1, arbitrary: wide });
  const weights = fc.oneof(
    { weight: 3, arbitrary: fc.constant([]) },
    { weight: 1, arbitrary: fc.array(fc.constantFrom(1, 1, 2, 3, 5, 40), { minLength: 1, maxLength: 6 }) },
  );
  return fc
    .tuple(hosts, weights, fc.boolean())
    .map(([list, weighed, isMixed]) =>
      list
        .map((n, i) =>
          endpointOf(plan[family].pod(n), { n, isMixed, weight: weighed[i % weighed.length] ?? 1 }),
        )
        .sort((a, b) => (a.ip < b.ip ? -1 : 1)),
    );
}

function endpointOf(
  ip: string,
  { n, isMixed, weight }: { n: number; isMixed: boolean; weight: number },
): ProxyEndpoint {
  const port = isMixed && n % 3 === 0 ? 9377 : 9376;
  return { ip, port, isLocal: isLocalPod(n), ...(weight === 1 ? {} : { weight }) };
}

/** What a Service port's policies are made of; its decisions follow as the tracker makes them. */
interface Policies {
  readonly endpoints: readonly ProxyEndpoint[];
  readonly isInternalLocal: boolean;
  readonly isExternalLocal: boolean;
  readonly hasAllowedSources: boolean;
  readonly allowedSources: readonly string[];
  readonly isRange: boolean;
  /** The external IP is the node's own address. */
  readonly isAtNode: boolean;
}

function destinations(
  p: Policies,
  masqueradesAll: boolean,
): { internal: Destination; external: Destination } {
  const { endpoints } = p;
  const here: Pick<Destination, 'endpoints' | 'whenEmpty'> = {
    endpoints: endpoints.filter(({ isLocal }) => isLocal),
    whenEmpty: endpoints.length > 0 ? 'drop' : 'reject',
  };
  const everywhere = { endpoints, whenEmpty: 'reject' } as const;
  return {
    internal: {
      ...(p.isInternalLocal ? here : everywhere),
      masquerade: masqueradesAll ? 'always' : 'off-cluster',
    },
    external: p.isExternalLocal ? { ...here, masquerade: 'never' } : { ...everywhere, masquerade: 'always' },
  };
}

function decisionsOf(
  family: IpFamily,
  index: number,
  how: Policies & {
    readonly kinds: readonly FrontendDecision['frontend']['kind'][];
    readonly masqueradesAll: boolean;
  },
): FrontendDecision[] {
  const { internal, external } = destinations(how, how.masqueradesAll);
  const number = numberOf(index);
  const range = how.isRange ? { endPort: number + 7 } : {};
  const short: Destination = { endpoints: how.endpoints, whenEmpty: 'reject', masquerade: 'off-cluster' };
  const fromCluster = how.isExternalLocal ? { fromCluster: short } : {};
  return how.kinds.map((kind): FrontendDecision => {
    // Neighbours share addresses: two Service ports a cluster IP, four an external one.
    if (kind === 'clusterIP') {
      return {
        ...internal,
        frontend: { kind, ip: plan[family].cluster((index >> 1) + 1), port: number, ...range },
      };
    }
    if (kind === 'nodePort')
      return { ...external, ...fromCluster, frontend: { kind, port: 30_000 + numberOf(index) } };
    const isAtNode = kind === 'externalIP' && how.isAtNode;
    const shared = plan[family].external((index >> 2) + (kind === 'externalIP' ? 1 : 11));
    const ip = isAtNode ? plan[family].node : shared;
    const allowed =
      kind === 'loadBalancerIP' && how.hasAllowedSources ? { allowedSources: how.allowedSources } : {};
    return { ...external, ...fromCluster, ...allowed, frontend: { kind, ip, port: number, ...range } };
  });
}

/** Two neighbours have the same number, and different protocols. */
const numberOf = (index: number): number => 80 + 20 * (index >> 1);

function arbitraryPort(family: IpFamily, index: number, masqueradesAll: boolean): fc.Arbitrary<ServicePort> {
  const protocols: readonly Protocol[] = index % 2 === 0 ? ['TCP', 'TCP', 'SCTP'] : ['UDP'];
  const blocks = [
    outsideCIDR[family],
    plan[family].nodeCIDR,
    plan[family].elsewhereCIDR,
    ...plan[family].podCIDRs,
  ];
  return fc
    .record({
      kinds: fc.subarray(['clusterIP', 'externalIP', 'loadBalancerIP', 'nodePort'] as const, {
        minLength: 1,
      }),
      protocol: fc.constantFrom(...protocols),
      affinitySeconds: fc.constantFrom(0, 0, 60, 10_800),
      endpoints: arbitraryEndpoints(family),
      isInternalLocal: fc.constantFrom(false, false, true),
      isExternalLocal: fc.boolean(),
      hasAllowedSources: fc.boolean(),
      allowedSources: fc.subarray(blocks),
      isRange: fc.constantFrom(false, false, false, true),
      isAtNode: fc.constantFrom(false, false, false, true),
    })
    .map(({ protocol, affinitySeconds, ...how }) => ({
      id: `default/s${index}:/${protocol}`,
      namespace: 'default',
      name: `s${index}`,
      portName: '',
      protocol,
      affinitySeconds,
      frontends: decisionsOf(family, index, { ...how, masqueradesAll }),
    }));
}

function arbitraryNode(family: IpFamily): fc.Arbitrary<Partial<ProxyNode>> {
  const { podCIDRs, nodeCIDR, elsewhereCIDR, node } = plan[family];
  const links = [undefined, undefined, undefined, { bridge: 'cbr0' }, { prefix: 'veth' }] as const;
  return fc
    .record({
      podCIDRs: fc.constantFrom(podCIDRs, podCIDRs, []),
      podLinks: fc.constantFrom(...links),
      masqueradesAll: fc.constantFrom(false, false, false, true),
      nodePortAddresses: fc.constantFrom([], [nodeCIDR], [elsewhereCIDR], [nodeCIDR, loopbackCIDR[family]]),
      hasLocalhostNodePorts: fc.boolean(),
    })
    .map(({ podLinks, ...rest }) => ({ ...rest, ip: node, ...(podLinks === undefined ? {} : { podLinks }) }));
}

/**
 * A small cluster as the tracker might decide it, of up to five Service ports: policies, the short way, port ranges, weights,
 * affinity, source ranges, addresses and port numbers that several share, node ports, Services without endpoints, and more than 16.
 */
export function arbitraryProxyState(family: IpFamily): fc.Arbitrary<ProxyState> {
  return arbitraryNode(family).chain((node) =>
    fc
      .subarray([0, 1, 2, 3, 4])
      .chain((indexes) =>
        fc.tuple(...indexes.map((index) => arbitraryPort(family, index, node.masqueradesAll ?? false))),
      )
      .map((ports) => proxyState(family, ports, node)),
  );
}

/** The link a client's packets come in by; undefined for the node's own. */
export function linkOf({ podLinks }: ProxyNode, client: ProxyClient): string | undefined {
  if (client.kind === 'node') return undefined;
  if (client.kind !== 'pod-here') return 'eth0';
  return podLinks !== undefined && 'bridge' in podLinks ? podLinks.bridge : 'veth7';
}

/** A client of every kind, and the endpoints themselves, which meet themselves. */
export function clientsOf(family: IpFamily, { endpoints }: Destination): ProxyClient[] {
  const { pod, node, outside } = plan[family];
  const here = endpoints.find(({ isLocal }) => isLocal);
  const elsewhere = endpoints.find(({ isLocal }) => !isLocal);
  return [
    { kind: 'pod-here', source: pod(99) },
    { kind: 'pod-elsewhere', source: elsewherePod[family] },
    { kind: 'node', source: node },
    { kind: 'outside', source: outside },
    ...(here ? [{ kind: 'pod-here', source: here.ip } as const] : []),
    ...(elsewhere ? [{ kind: 'pod-elsewhere', source: elsewhere.ip } as const] : []),
  ];
}

interface Place {
  readonly ip: string;
  readonly port: number;
  readonly isLocal: boolean;
}

/** Where a frontend is met, and right beside it. */
function placesOf(family: IpFamily, { frontend }: FrontendDecision): Place[] {
  const { port, endPort = port } = frontend;
  const ports = endPort === port ? [port] : [port, port + 3, endPort, endPort + 1];
  const { node } = plan[family];
  const ip = frontend.kind === 'nodePort' ? node : frontend.ip;
  return ports.map((each) => ({ ip, port: each, isLocal: ip === node }));
}

/** What every kind of client may try at every frontend of a state: its ports, its neighbours, and the node's own loopback address. */
export function attemptsOf(state: ProxyState): Attempt[] {
  const { family } = state;
  const attempts: Attempt[] = [];
  for (const { frontends, protocol } of state.services.values()) {
    for (const decision of frontends) {
      for (const client of clientsOf(family, decision.fromCluster ?? decision)) {
        for (const place of placesOf(family, decision)) attempts.push({ client, protocol, ...place });
      }
      const client: ProxyClient = { kind: 'node', source: loopback[family] };
      const { port, kind } = decision.frontend;
      if (kind === 'nodePort') attempts.push({ client, protocol, ip: loopback[family], port, isLocal: true });
    }
  }
  return attempts;
}

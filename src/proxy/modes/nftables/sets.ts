import type { DataType, NftFamily, NftSet } from '../../../kernel/nft/model.ts';

/** At most so many clients are remembered per affinity timeout; further ones are spread without affinity. */
const maxAffinityClients = 65_535;

/** The sets and maps every table has. README.md says what each is for. */
export interface LayoutSets extends Readonly<Record<string, NftSet>> {
  readonly clusterIps: NftSet;
  readonly externalIps: NftSet;
  readonly podCidrs: NftSet;
  readonly nodePortCidrs: NftSet;
  readonly serviceCidrs: NftSet;
  readonly hairpin: NftSet;
  readonly masqueradeIps: NftSet;
  readonly masqueradeOffClusterIps: NftSet;
  readonly keepSourceIps: NftSet;
  readonly masqueradeNodePorts: NftSet;
  readonly masqueradeOffClusterNodePorts: NftSet;
  readonly refusedIps: NftSet;
  readonly droppedIps: NftSet;
  readonly refusedNodePorts: NftSet;
  readonly droppedNodePorts: NftSet;
  readonly wideIps: NftSet;
  readonly wideNodePorts: NftSet;
  readonly affinityIps: NftSet;
  readonly affinityNodePorts: NftSet;
  readonly rememberIps: NftSet;
  readonly rememberNodePorts: NftSet;
}

interface KeyTypes {
  readonly address: DataType;
  readonly frontend: readonly DataType[];
  readonly nodePort: readonly DataType[];
  readonly endpoint: readonly DataType[];
}

function keyTypes(family: NftFamily): KeyTypes {
  const address = family === 'ip' ? 'ipv4_addr' : 'ipv6_addr';
  return {
    address,
    frontend: [address, 'inet_proto', 'inet_service'],
    nodePort: ['inet_proto', 'inet_service'],
    endpoint: [address, 'inet_service'],
  };
}

export function layoutSets(family: NftFamily): LayoutSets {
  const { address, frontend, nodePort, endpoint } = keyTypes(family);
  /** A node port's flow after translation: which port, and to which endpoint. */
  const flow = [...nodePort, ...endpoint];
  const blocks = { key: [address], isInterval: true } as const;
  return {
    clusterIps: { name: 'cluster-ips', key: [address] },
    externalIps: { name: 'external-ips', key: [address] },
    podCidrs: { name: 'pod-cidrs', ...blocks },
    nodePortCidrs: { name: 'node-port-cidrs', ...blocks },
    serviceCidrs: { name: 'service-cidrs', ...blocks },
    hairpin: { name: 'hairpin', key: [address, address] },
    masqueradeIps: { name: 'masquerade-ips', key: frontend },
    masqueradeOffClusterIps: { name: 'masquerade-off-cluster-ips', key: frontend },
    keepSourceIps: { name: 'keep-source-ips', key: frontend },
    masqueradeNodePorts: { name: 'masquerade-node-ports', key: flow },
    masqueradeOffClusterNodePorts: { name: 'masquerade-off-cluster-node-ports', key: flow },
    refusedIps: { name: 'refused-ips', key: frontend },
    droppedIps: { name: 'dropped-ips', key: frontend },
    refusedNodePorts: { name: 'refused-node-ports', key: nodePort },
    droppedNodePorts: { name: 'dropped-node-ports', key: nodePort },
    wideIps: { name: 'wide-ips', key: frontend, data: 'verdict' },
    wideNodePorts: { name: 'wide-node-ports', key: nodePort, data: 'verdict' },
    affinityIps: { name: 'affinity-ips', key: frontend, data: 'verdict' },
    affinityNodePorts: { name: 'affinity-node-ports', key: nodePort, data: 'verdict' },
    rememberIps: { name: 'remember-ips', key: frontend, data: 'verdict' },
    rememberNodePorts: { name: 'remember-node-ports', key: flow, data: 'verdict' },
  };
}

/** Sets made when the first Service port needs them; the number is a count of endpoints or seconds of affinity. */
export type DemandKind = 'endpoints' | 'node-port-endpoints' | 'affinity' | 'affinity-ips';

export interface Demand {
  readonly kind: DemandKind;
  readonly n: number;
}

const demandName = /^(endpoints|node-port-endpoints|affinity|affinity-ips)-(\d+)$/;

/** What a set's name says; undefined for a name that is none of ours. */
export function parseDemand(name: string): Demand | undefined {
  const [, kind, digits] = demandName.exec(name) ?? [];
  return kind === undefined ? undefined : { kind: kind as DemandKind, n: Number(digits) };
}

/**
 * `endpoints-N`, `node-port-endpoints-N`: (frontend, slot) to one of N endpoints. `affinity-S`: (client, frontend) to the endpoint it was
 * sent to less than S seconds ago, filled by rules. `affinity-ips-S`: the frontends whose clients are remembered there.
 */
export function demandSet(family: NftFamily, { kind, n }: Demand): NftSet {
  const { address, frontend, nodePort, endpoint } = keyTypes(family);
  const name = `${kind}-${n}`;
  switch (kind) {
    case 'endpoints':
      return { name, key: [...frontend, 'integer'], data: endpoint };
    case 'node-port-endpoints':
      return { name, key: [...nodePort, 'integer'], data: endpoint };
    case 'affinity':
      return {
        name,
        key: [address, ...frontend],
        data: endpoint,
        dynamic: { timeoutSeconds: n, size: maxAffinityClients },
      };
    case 'affinity-ips':
      return { name, key: frontend };
  }
}

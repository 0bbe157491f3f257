import type { DataType, NftFamily, NftSet } from '../../../kernel/nft/model.ts';

/** At most so many clients are remembered per affinity timeout; further ones are spread without affinity. */
const maxAffinityClients = 65_535;

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

/** The sets and maps every table has. README.md says what each is for. */
export function layoutSets(family: NftFamily) {
  const { address, frontend, nodePort, endpoint } = keyTypes(family);
  /** A node port's flow after translation: which port, and to which endpoint. */
  const flow = [...nodePort, ...endpoint];
  const blocks = (name: string): NftSet => ({ name, key: [address], isInterval: true });
  const set = (name: string, key: readonly DataType[]): NftSet => ({ name, key });
  const verdicts = (name: string, key: readonly DataType[]): NftSet => ({ name, key, data: 'verdict' });
  const ranges = (name: string): NftSet => ({ name, key: frontend, isInterval: true, data: 'verdict' });
  return {
    clusterIps: set('cluster-ips', [address]),
    externalIps: set('external-ips', [address]),
    podCidrs: blocks('pod-cidrs'),
    knownPods: blocks('known-pods'),
    nodePortCidrs: blocks('node-port-cidrs'),
    serviceCidrs: blocks('service-cidrs'),
    hairpin: set('hairpin', [address, address]),
    guardedIps: { name: 'guarded-ips', key: frontend, isInterval: true } as NftSet,
    allowedSources: { name: 'allowed-sources', key: [...frontend, address], isInterval: true } as NftSet,
    masqueradeIps: set('masquerade-ips', frontend),
    masqueradeOffClusterIps: set('masquerade-off-cluster-ips', frontend),
    shortWayIps: set('short-way-ips', frontend),
    keepSourceIps: set('keep-source-ips', frontend),
    masqueradeNodePorts: set('masquerade-node-ports', flow),
    masqueradeOffClusterNodePorts: set('masquerade-off-cluster-node-ports', flow),
    shortWayNodePorts: set('short-way-node-ports', flow),
    refusedIps: set('refused-ips', frontend),
    droppedIps: set('dropped-ips', frontend),
    refusedNodePorts: set('refused-node-ports', nodePort),
    droppedNodePorts: set('dropped-node-ports', nodePort),
    wideIps: verdicts('wide-ips', frontend),
    wideNodePorts: verdicts('wide-node-ports', nodePort),
    affinityIps: verdicts('affinity-ips', frontend),
    affinityNodePorts: verdicts('affinity-node-ports', nodePort),
    rememberIps: verdicts('remember-ips', frontend),
    rememberNodePorts: verdicts('remember-node-ports', flow),
    insideWideIps: verdicts('inside-wide-ips', frontend),
    insideWideNodePorts: verdicts('inside-wide-node-ports', nodePort),
    insideAffinityIps: verdicts('inside-affinity-ips', frontend),
    insideAffinityNodePorts: verdicts('inside-affinity-node-ports', nodePort),
    insideRememberIps: verdicts('inside-remember-ips', frontend),
    insideRememberNodePorts: verdicts('inside-remember-node-ports', flow),
    rangeIps: ranges('range-ips'),
    rangeAffinityIps: ranges('range-affinity-ips'),
    rangeRememberIps: ranges('range-remember-ips'),
    rangeSources: ranges('range-sources'),
    rangeRefusals: ranges('range-refusals'),
    insideRangeIps: ranges('inside-range-ips'),
    insideRangeAffinityIps: ranges('inside-range-affinity-ips'),
    insideRangeRememberIps: ranges('inside-range-remember-ips'),
  } as const;
}

export type LayoutSets = ReturnType<typeof layoutSets>;

/**
 * Looked up behind the translation, by the endpoint that was chosen before it: what goes, goes after the endpoint, since a connection may be
 * between the two.
 */
const askedByEndpoint: ReadonlySet<string> = new Set([
  'hairpin',
  'masquerade-node-ports',
  'masquerade-off-cluster-node-ports',
  'short-way-node-ports',
]);

export const isAskedByEndpoint = ({ name }: NftSet): boolean => askedByEndpoint.has(name);

/** Maps from a frontend and a slot to an endpoint. */
export type EndpointsKind =
  | 'endpoints'
  | 'node-port-endpoints'
  | 'inside-endpoints'
  | 'inside-node-port-endpoints'
  | 'range-endpoints'
  | 'inside-range-endpoints';

/** Sets made when the first Service port needs them; the number is a count of slots or seconds of affinity. */
export type DemandKind = EndpointsKind | 'affinity' | 'affinity-ips' | 'range-affinity';

export interface Demand {
  readonly kind: DemandKind;
  readonly n: number;
}

const demandName =
  /^((?:inside-)?(?:node-port-|range-)?endpoints|affinity|affinity-ips|range-affinity)-(\d+)$/;

/** What a set's name says; undefined for a name that is none of ours. */
export function parseDemand(name: string): Demand | undefined {
  const [, kind, digits] = demandName.exec(name) ?? [];
  return kind === undefined ? undefined : { kind: kind as DemandKind, n: Number(digits) };
}

export const isEndpointsKind = (kind: DemandKind): kind is EndpointsKind => kind.endsWith('endpoints');

/**
 * `…endpoints-N`: (frontend, slot) to the endpoint in one of N slots; of a range, under its first port, the address alone. `affinity-S`: (client,
 * frontend) to the endpoint it was sent to less than S seconds ago, filled by rules; `range-affinity-S` the same for ranges.
 * `affinity-ips-S`: the frontends whose clients are remembered there.
 */
export function demandSet(family: NftFamily, { kind, n }: Demand): NftSet {
  const { address, frontend, nodePort, endpoint } = keyTypes(family);
  const name = `${kind}-${n}`;
  const dynamic = { timeoutSeconds: n, size: maxAffinityClients };
  switch (kind) {
    case 'endpoints':
    case 'inside-endpoints':
      return { name, key: [...frontend, 'integer'], data: endpoint };
    case 'node-port-endpoints':
    case 'inside-node-port-endpoints':
      return { name, key: [...nodePort, 'integer'], data: endpoint };
    case 'range-endpoints':
    case 'inside-range-endpoints':
      return { name, key: [...frontend, 'integer'], data: [address] };
    case 'affinity':
      return { name, key: [address, ...frontend], data: endpoint, dynamic };
    case 'range-affinity':
      return { name, key: [address, ...frontend], data: [address], dynamic };
    case 'affinity-ips':
      return { name, key: frontend };
  }
}

import type { Command, NftChain, NftFamily, NftSet, TableRef } from '../../../kernel/nft/model.ts';
import { field, goto, jump } from '../../../kernel/nft/rule.ts';
import type { Rule, Selector, Statement } from '../../../kernel/nft/rule.ts';
import type { IpFamily } from '../../../net/ip.ts';

/** Changes whenever chains, rules or sets below do: a table with another comment is replaced. */
const layoutVersion = 1;
export const tableComment = `portico service proxy, layout ${layoutVersion}`;

/** At most so many clients are remembered per affinity timeout; further ones are spread without affinity. */
const maxAffinityClients = 65_535;

export interface ChainRules {
  readonly chain: NftChain;
  readonly rules: readonly Rule[];
}

/** The sets and maps every table has. README.md says what each is for. */
export interface LayoutSets extends Readonly<Record<string, NftSet>> {
  readonly clusterIps: NftSet;
  readonly podCidrs: NftSet;
  readonly nodePortCidrs: NftSet;
  readonly serviceCidrs: NftSet;
  readonly hairpin: NftSet;
  readonly endpoints: NftSet;
  readonly nodePortEndpoints: NftSet;
  readonly serviceIps: NftSet;
  readonly serviceNodePorts: NftSet;
  readonly affinityIps: NftSet;
  readonly affinityNodePorts: NftSet;
  readonly rememberIps: NftSet;
  readonly rememberNodePorts: NftSet;
  readonly masqueradeIps: NftSet;
  readonly masqueradeNodePorts: NftSet;
  readonly noEndpointIps: NftSet;
  readonly noEndpointNodePorts: NftSet;
}

/** The fixed part of the table of one address family. */
export interface Layout {
  readonly table: TableRef;
  readonly sets: LayoutSets;
  readonly chains: readonly ChainRules[];
}

/** Chains that verdict maps lead to. */
export const refusedChain = 'refused';
export const droppedChain = 'dropped';
export const masqueradedChain = 'masqueraded';
export const masqueradedOffClusterChain = 'masqueraded-off-cluster';

export const nftFamily = (family: IpFamily): NftFamily => (family === 'IPv4' ? 'ip' : 'ip6');

export const tableOf = (family: IpFamily): TableRef => ({ family: nftFamily(family), name: 'portico' });

function layoutSets(family: NftFamily): LayoutSets {
  const address = family === 'ip' ? 'ipv4_addr' : 'ipv6_addr';
  const frontend = [address, 'inet_proto', 'inet_service'] as const;
  const nodePort = ['inet_proto', 'inet_service'] as const;
  /** A node port's flow after translation: which port, and to which endpoint. */
  const nodePortFlow = [...nodePort, address, 'inet_service'] as const;
  const endpoint = [address, 'inet_service'] as const;
  return {
    clusterIps: { name: 'cluster-ips', key: [address] },
    podCidrs: { name: 'pod-cidrs', key: [address], isInterval: true },
    nodePortCidrs: { name: 'node-port-cidrs', key: [address], isInterval: true },
    serviceCidrs: { name: 'service-cidrs', key: [address], isInterval: true },
    hairpin: { name: 'hairpin', key: [address, address] },
    endpoints: { name: 'endpoints', key: [...frontend, 'integer'], data: endpoint },
    nodePortEndpoints: { name: 'node-port-endpoints', key: [...nodePort, 'integer'], data: endpoint },
    serviceIps: { name: 'service-ips', key: frontend, data: 'verdict' },
    serviceNodePorts: { name: 'service-node-ports', key: nodePort, data: 'verdict' },
    affinityIps: { name: 'affinity-ips', key: frontend, data: 'verdict' },
    affinityNodePorts: { name: 'affinity-node-ports', key: nodePort, data: 'verdict' },
    rememberIps: { name: 'remember-ips', key: frontend, data: 'verdict' },
    rememberNodePorts: { name: 'remember-node-ports', key: nodePortFlow, data: 'verdict' },
    masqueradeIps: { name: 'masquerade-ips', key: frontend, data: 'verdict' },
    masqueradeNodePorts: { name: 'masquerade-node-ports', key: nodePortFlow, data: 'verdict' },
    noEndpointIps: { name: 'no-endpoint-ips', key: frontend, data: 'verdict' },
    noEndpointNodePorts: { name: 'no-endpoint-node-ports', key: nodePort, data: 'verdict' },
  };
}

const frontendKey = [field.daddr, field.l4proto, field.dport] as const;
const originalFrontendKey = [field.originalDaddr, field.l4proto, field.originalDport] as const;
const nodePortKey = [field.l4proto, field.dport] as const;
const nodePortFlowKey = [field.l4proto, field.originalDport, field.daddr, field.dport] as const;

/** nft knows the original destination port's type only behind such a match. */
const hasPorts: Statement = { kind: 'one-of', left: field.l4proto, values: ['tcp', 'udp', 'sctp'] };
const isNew: Statement = { kind: 'ct', is: { key: 'state', flag: 'new' } };
const isDnat: Statement = { kind: 'ct', is: { key: 'status', flag: 'dnat' } };

const rule = (...statements: readonly Statement[]): Rule => ({ statements });
const vmap = (key: readonly Selector[], map: NftSet): Statement => ({ kind: 'vmap', key, map: map.name });
const inSet = (key: Selector, set: NftSet): Statement => ({ kind: 'in-set', key: [key], set: set.name });

function chain(name: string, ...rules: readonly Rule[]): ChainRules {
  return { chain: { name }, rules };
}

function base(name: string, hook: NonNullable<NftChain['base']>, ...rules: readonly Rule[]): ChainRules {
  return { chain: { name, base: hook }, rules };
}

function translationChains(sets: LayoutSets, loopback: string): ChainRules[] {
  const notLoopback: Statement = { kind: 'match', left: field.daddr, isNegated: true, value: loopback };
  const atNode: readonly Statement[] = [notLoopback, inSet(field.daddr, sets.nodePortCidrs)];
  return [
    chain(
      'node-ports',
      rule(...atNode, vmap(nodePortKey, sets.affinityNodePorts)),
      rule(...atNode, vmap(nodePortKey, sets.serviceNodePorts)),
    ),
    chain(
      'services',
      rule(vmap(frontendKey, sets.affinityIps)),
      rule(vmap(frontendKey, sets.serviceIps)),
      rule({ kind: 'daddr-is-local' }, jump('node-ports')),
    ),
    base('nat-prerouting', { type: 'nat', hook: 'prerouting', priority: -100 }, rule(jump('services'))),
    base('nat-output', { type: 'nat', hook: 'output', priority: -100 }, rule(jump('services'))),
    chain(
      'remember',
      rule(hasPorts, vmap(originalFrontendKey, sets.rememberIps)),
      rule(hasPorts, vmap(nodePortFlowKey, sets.rememberNodePorts)),
    ),
    base(
      'remember-prerouting',
      { type: 'filter', hook: 'prerouting', priority: -90 },
      rule(isNew, isDnat, jump('remember')),
    ),
    base(
      'remember-output',
      { type: 'filter', hook: 'output', priority: -90 },
      rule(isNew, isDnat, jump('remember')),
    ),
  ];
}

function masqueradeChains(sets: LayoutSets): ChainRules[] {
  return [
    chain(masqueradedChain, rule({ kind: 'masquerade' })),
    chain(
      masqueradedOffClusterChain,
      rule(
        { kind: 'in-set', key: [field.saddr], isNegated: true, set: sets.podCidrs.name },
        goto(masqueradedChain),
      ),
    ),
    chain(
      'sources',
      rule(
        { kind: 'in-set', key: [field.saddr, field.daddr], set: sets.hairpin.name },
        goto(masqueradedChain),
      ),
      rule(hasPorts, vmap(originalFrontendKey, sets.masqueradeIps)),
      rule(inSet(field.originalDaddr, sets.clusterIps), goto(masqueradedOffClusterChain)),
      rule(hasPorts, vmap(nodePortFlowKey, sets.masqueradeNodePorts)),
    ),
    base(
      'nat-postrouting',
      { type: 'nat', hook: 'postrouting', priority: 100 },
      rule(isDnat, jump('sources')),
    ),
  ];
}

function refusalChains(sets: LayoutSets, loopback: string): ChainRules[] {
  const drop: Statement = { kind: 'verdict', verdict: { kind: 'drop' } };
  const refuse = rule(isNew, jump('refuse'));
  const unknownPort = rule(isNew, inSet(field.daddr, sets.clusterIps), goto(refusedChain));
  const unknownIp = rule(isNew, inSet(field.daddr, sets.serviceCidrs), goto(droppedChain));
  return [
    chain(
      refusedChain,
      rule({ kind: 'match', left: field.l4proto, value: 'tcp' }, { kind: 'reject', with: 'tcp-reset' }),
      rule({ kind: 'reject', with: 'port-unreachable' }),
    ),
    chain(droppedChain, rule(drop)),
    chain(
      'refuse-node-ports',
      rule(
        { kind: 'match', left: field.daddr, isNegated: true, value: loopback },
        inSet(field.daddr, sets.nodePortCidrs),
        vmap(nodePortKey, sets.noEndpointNodePorts),
      ),
    ),
    chain(
      'refuse',
      rule(vmap(frontendKey, sets.noEndpointIps)),
      rule({ kind: 'daddr-is-local' }, jump('refuse-node-ports')),
    ),
    base('filter-input', { type: 'filter', hook: 'input', priority: 0 }, refuse),
    base('filter-forward', { type: 'filter', hook: 'forward', priority: 0 }, refuse, unknownPort, unknownIp),
    base('filter-output', { type: 'filter', hook: 'output', priority: 0 }, refuse, unknownPort, unknownIp),
  ];
}

/** The fixed part of the table for one family. Chains come after those they lead to. */
export function layoutOf(family: IpFamily): Layout {
  const table = tableOf(family);
  const sets = layoutSets(table.family);
  const loopback = family === 'IPv4' ? '127.0.0.0/8' : '::1';
  return {
    table,
    sets,
    chains: [
      ...masqueradeChains(sets),
      ...translationChains(sets, loopback),
      ...refusalChains(sets, loopback),
    ],
  };
}

/** Commands that make a chain with its rules. */
export function chainCommands({ chain: made, rules }: ChainRules): Command[] {
  return [
    { op: 'add-chain', chain: made },
    ...rules.map((each): Command => ({ op: 'add-rule', chain: made.name, rule: each })),
  ];
}

/** Makes the table anew, whatever was there under its name. */
export function layoutCommands(layout: Layout): Command[] {
  return [
    { op: 'add-table' },
    { op: 'delete-table' },
    { op: 'add-table', comment: tableComment },
    ...Object.values(layout.sets).map((set: NftSet): Command => ({ op: 'add-set', set })),
    ...layout.chains.flatMap(chainCommands),
  ];
}

/** The map of remembered clients for one timeout: (client, a frontend of the Service port) to the endpoint. */
export function affinitySet(family: NftFamily, timeoutSeconds: number): NftSet {
  const address = family === 'ip' ? 'ipv4_addr' : 'ipv6_addr';
  return {
    name: `affinity-${timeoutSeconds}`,
    key: [address, address, 'inet_proto', 'inet_service'],
    data: [address, 'inet_service'],
    dynamic: { timeoutSeconds, size: maxAffinityClients },
  };
}

/** Picks one of `n` endpoints of an address frontend. */
export function pickChain(n: number, { endpoints }: LayoutSets): ChainRules {
  const key: readonly Selector[] = [...frontendKey, { kind: 'numgen-random', modulus: n }];
  return chain(`pick-${n}`, rule({ kind: 'dnat', key, map: endpoints.name }));
}

/** Picks one of `n` endpoints of a node port. */
export function pickNodePortChain(n: number, { nodePortEndpoints }: LayoutSets): ChainRules {
  const key: readonly Selector[] = [...nodePortKey, { kind: 'numgen-random', modulus: n }];
  return chain(`pick-node-port-${n}`, rule({ kind: 'dnat', key, map: nodePortEndpoints.name }));
}

/** The frontend under which the clients of a Service port are remembered. */
export interface CanonicalFrontend {
  readonly ip: string;
  readonly protocol: string;
  readonly port: number;
}

/** Sends known clients where they were before; others fall through. `canonical` undefined = the packet's own frontend. */
export function recallChain(set: NftSet, canonical: CanonicalFrontend | undefined): ChainRules {
  const key: readonly Selector[] = [field.saddr, ...affinityKey(canonical, frontendKey)];
  return chain(`recall-${affinitySuffix(set, canonical)}`, rule({ kind: 'dnat', key, map: set.name }));
}

/** Remembers where a new connection's client was sent, or that it was seen again. */
export function rememberChain(set: NftSet, canonical: CanonicalFrontend | undefined): ChainRules {
  const key: readonly Selector[] = [field.saddr, ...affinityKey(canonical, originalFrontendKey)];
  const data = [field.daddr, field.dport];
  return chain(
    `remember-${affinitySuffix(set, canonical)}`,
    rule(hasPorts, { kind: 'update', map: set.name, key, data }),
  );
}

function affinityKey(
  canonical: CanonicalFrontend | undefined,
  own: readonly Selector[],
): readonly Selector[] {
  if (canonical === undefined) return own;
  return [
    { kind: 'constant', field: 'daddr', value: canonical.ip },
    field.l4proto,
    { kind: 'constant', field: 'dport', value: canonical.port },
  ];
}

/** nft's names have no colons. */
function affinitySuffix(set: NftSet, canonical: CanonicalFrontend | undefined): string {
  const seconds = set.dynamic?.timeoutSeconds ?? 0;
  if (canonical === undefined) return `${seconds}`;
  return `${seconds}-${canonical.ip.replaceAll(':', '_')}-${canonical.protocol}-${canonical.port}`;
}

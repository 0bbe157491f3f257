import type { Command, NftChain, NftFamily, NftSet, TableRef } from '../../../kernel/nft/model.ts';
import { field, goto, jump } from '../../../kernel/nft/rule.ts';
import type { Rule, Selector, Statement } from '../../../kernel/nft/rule.ts';
import type { IpFamily } from '../../../net/ip.ts';
import { layoutSets, parseDemand } from './sets.ts';
import type { LayoutSets } from './sets.ts';

/** Changes whenever chains, rules or sets do: a table with another comment is replaced. */
const layoutVersion = 1;
export const tableComment = `portico service proxy, layout ${layoutVersion}`;

export interface ChainRules {
  readonly chain: NftChain;
  readonly rules: readonly Rule[];
}

/** The fixed part of the table of one address family. */
export interface Layout {
  readonly table: TableRef;
  readonly sets: LayoutSets;
  /** Each after those it leads to. */
  readonly chains: readonly ChainRules[];
}

export const nftFamily = (family: IpFamily): NftFamily => (family === 'IPv4' ? 'ip' : 'ip6');

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
const inSet = (key: readonly Selector[], set: NftSet): Statement => ({ kind: 'in-set', key, set: set.name });

function chain(name: string, ...rules: readonly Rule[]): ChainRules {
  return { chain: { name }, rules };
}

function base(name: string, hook: NonNullable<NftChain['base']>, ...rules: readonly Rule[]): ChainRules {
  return { chain: { name, base: hook }, rules };
}

function atNodePort(sets: LayoutSets, loopback: string): readonly Statement[] {
  return [
    { kind: 'match', left: field.daddr, isNegated: true, value: loopback },
    inSet([field.daddr], sets.nodePortCidrs),
  ];
}

function translationChains(sets: LayoutSets, loopback: string): ChainRules[] {
  const nat = { type: 'nat', priority: -100 } as const;
  return [
    chain(
      'addresses',
      rule(vmap(frontendKey, sets.affinityIps)),
      rule(jump('recall')),
      rule(vmap(frontendKey, sets.wideIps)),
      rule(jump('pick')),
    ),
    chain(
      'node-ports',
      rule(vmap(nodePortKey, sets.affinityNodePorts)),
      rule(vmap(nodePortKey, sets.wideNodePorts)),
      rule(jump('pick-node-port')),
    ),
    chain(
      'services',
      rule(inSet([field.daddr], sets.clusterIps), goto('addresses')),
      rule(inSet([field.daddr], sets.externalIps), jump('addresses')),
      rule({ kind: 'daddr-is-local' }, ...atNodePort(sets, loopback), goto('node-ports')),
    ),
    base('nat-prerouting', { ...nat, hook: 'prerouting' }, rule(jump('services'))),
    base('nat-output', { ...nat, hook: 'output' }, rule(jump('services'))),
  ];
}

function rememberChains(sets: LayoutSets): ChainRules[] {
  const afterDnat = { type: 'filter', priority: -90 } as const;
  return [
    chain(
      'remember',
      rule(hasPorts, vmap(originalFrontendKey, sets.rememberIps)),
      rule(hasPorts, vmap(nodePortFlowKey, sets.rememberNodePorts)),
      rule(jump('remember-own')),
    ),
    base('after-prerouting', { ...afterDnat, hook: 'prerouting' }, rule(isNew, isDnat, jump('remember'))),
    base('after-output', { ...afterDnat, hook: 'output' }, rule(isNew, isDnat, jump('remember'))),
  ];
}

function sourceChains(sets: LayoutSets): ChainRules[] {
  const keep: Statement = { kind: 'verdict', verdict: { kind: 'return' } };
  const always = goto('masqueraded');
  const offCluster = goto('masqueraded-off-cluster');
  return [
    chain('masqueraded', rule({ kind: 'masquerade' })),
    chain(
      'masqueraded-off-cluster',
      rule({ kind: 'in-set', key: [field.saddr], isNegated: true, set: sets.podCidrs.name }, always),
    ),
    chain(
      'sources',
      rule(inSet([field.saddr, field.daddr], sets.hairpin), always),
      rule(hasPorts, inSet(originalFrontendKey, sets.masqueradeIps), always),
      rule(hasPorts, inSet(originalFrontendKey, sets.masqueradeOffClusterIps), offCluster),
      rule(hasPorts, inSet(originalFrontendKey, sets.keepSourceIps), keep),
      rule(inSet([field.originalDaddr], sets.clusterIps), offCluster),
      rule(hasPorts, inSet(nodePortFlowKey, sets.masqueradeNodePorts), always),
      rule(hasPorts, inSet(nodePortFlowKey, sets.masqueradeOffClusterNodePorts), offCluster),
    ),
    base(
      'nat-postrouting',
      { type: 'nat', hook: 'postrouting', priority: 100 },
      rule(isDnat, jump('sources')),
    ),
  ];
}

function refusalChains(sets: LayoutSets, loopback: string): ChainRules[] {
  const filter = { type: 'filter', priority: 0 } as const;
  const refuse = rule(isNew, jump('refuse'));
  const unknownPort = rule(isNew, inSet([field.daddr], sets.clusterIps), goto('refused'));
  const unknownIp = rule(isNew, inSet([field.daddr], sets.serviceCidrs), goto('dropped'));
  return [
    chain(
      'refused',
      rule({ kind: 'match', left: field.l4proto, value: 'tcp' }, { kind: 'reject', with: 'tcp-reset' }),
      rule({ kind: 'reject', with: 'port-unreachable' }),
    ),
    chain('dropped', rule({ kind: 'verdict', verdict: { kind: 'drop' } })),
    chain(
      'refuse-node-ports',
      rule(inSet(nodePortKey, sets.refusedNodePorts), goto('refused')),
      rule(inSet(nodePortKey, sets.droppedNodePorts), goto('dropped')),
    ),
    chain(
      'refuse',
      rule(inSet(frontendKey, sets.refusedIps), goto('refused')),
      rule(inSet(frontendKey, sets.droppedIps), goto('dropped')),
      rule({ kind: 'daddr-is-local' }, ...atNodePort(sets, loopback), goto('refuse-node-ports')),
    ),
    base('filter-input', { ...filter, hook: 'input' }, refuse),
    base('filter-forward', { ...filter, hook: 'forward' }, refuse, unknownPort, unknownIp),
    base('filter-output', { ...filter, hook: 'output' }, refuse, unknownPort, unknownIp),
  ];
}

/** The fixed part of the table for one family. */
export function layoutOf(family: IpFamily): Layout {
  const table: TableRef = { family: nftFamily(family), name: 'portico' };
  const sets = layoutSets(table.family);
  const loopback = family === 'IPv4' ? '127.0.0.0/8' : '::1';
  const chains = [
    ...demandChains([]),
    ...sourceChains(sets),
    ...translationChains(sets, loopback),
    ...rememberChains(sets),
    ...refusalChains(sets, loopback),
  ];
  return { table, sets, chains };
}

/** Frontends with more endpoints are led to a chain of their count; the others are tried count by count. */
export const maxTriedEndpoints = 16;

/**
 * The chains that try the sets made on demand one after the other, given the names of those there are. A frontend is in one of them; a map
 * without it ends its rule and the next one is tried. A rule per count of endpoints is what keeps the kernel fast: were there one map from
 * frontends to chains, it would walk all of it at every change to look for loops (30 000 Services: 10 to 30 ms).
 */
export function demandChains(names: Iterable<string>): ChainRules[] {
  const demands = [...names].flatMap((name) => parseDemand(name) ?? []).sort((a, b) => a.n - b.n);
  const numbers = (kind: string): number[] => demands.filter((d) => d.kind === kind).map(({ n }) => n);
  const tried = (kind: PickKind): Rule[] =>
    numbers(kind)
      .filter((n) => n <= maxTriedEndpoints)
      .map((n) => pick(kind, n));
  return [
    chain('pick', ...tried('endpoints')),
    chain('pick-node-port', ...tried('node-port-endpoints')),
    chain('recall', ...numbers('affinity').map((n) => recall(n, frontendKey))),
    chain('remember-own', ...numbers('affinity-ips').map((n) => rememberOwn(n))),
  ];
}

type PickKind = 'endpoints' | 'node-port-endpoints';

function pick(kind: PickKind, n: number): Rule {
  const key = kind === 'endpoints' ? frontendKey : nodePortKey;
  return rule({ kind: 'dnat', key: [...key, { kind: 'numgen-random', modulus: n }], map: `${kind}-${n}` });
}

/** The chain of one count of endpoints above those that are tried. */
export function wideChain(kind: PickKind, n: number): ChainRules {
  return chain(kind === 'endpoints' ? `pick-${n}` : `pick-node-port-${n}`, pick(kind, n));
}

const recall = (seconds: number, key: readonly Selector[]): Rule =>
  rule({ kind: 'dnat', key: [field.saddr, ...key], map: `affinity-${seconds}` });

function update(seconds: number, key: readonly Selector[]): Statement {
  const data = [field.daddr, field.dport];
  return { kind: 'update', map: `affinity-${seconds}`, key: [field.saddr, ...key], data };
}

function rememberOwn(seconds: number): Rule {
  const isOwn: Statement = { kind: 'in-set', key: originalFrontendKey, set: `affinity-ips-${seconds}` };
  return rule(hasPorts, isOwn, update(seconds, originalFrontendKey));
}

/** The frontend under which the clients of a Service port are remembered. */
export interface CanonicalFrontend {
  readonly ip: string;
  readonly protocol: string;
  readonly port: number;
}

/**
 * For a frontend whose clients are remembered under another one: `recall` sends known clients where they were before, `remember` notes
 * where a client was sent. nft's names have no colons.
 */
export function sharedAffinityChains(
  seconds: number,
  { ip, protocol, port }: CanonicalFrontend,
): { readonly recall: ChainRules; readonly remember: ChainRules } {
  const suffix = `${seconds}-${ip.replaceAll(':', '_')}-${protocol}-${port}`;
  const key: readonly Selector[] = [
    { kind: 'constant', field: 'daddr', value: ip },
    field.l4proto,
    { kind: 'constant', field: 'dport', value: port },
  ];
  return {
    recall: chain(`recall-${suffix}`, recall(seconds, key)),
    remember: chain(`remember-${suffix}`, rule(hasPorts, update(seconds, key))),
  };
}

/** Commands that make a chain with its rules. */
export function chainCommands(made: ChainRules): Command[] {
  return [{ op: 'add-chain', chain: made.chain }, ...ruleCommands(made)];
}

function ruleCommands({ chain: { name }, rules }: ChainRules): Command[] {
  return rules.map((each): Command => ({ op: 'add-rule', chain: name, rule: each }));
}

/** Commands that give a chain other rules. */
export function rewriteCommands(made: ChainRules): Command[] {
  return [{ op: 'flush-chain', name: made.chain.name }, ...ruleCommands(made)];
}

/** Makes the table anew, whatever was there under its name. */
export function layoutCommands(layout: Layout): Command[] {
  return [
    { op: 'add-table' },
    { op: 'delete-table' },
    { op: 'add-table', comment: tableComment },
    ...Object.values(layout.sets).map((set): Command => ({ op: 'add-set', set })),
    ...layout.chains.flatMap(chainCommands),
  ];
}

import type { Command, NftChain, NftFamily, NftSet, TableRef } from '../../../kernel/nft/model.ts';
import { field, goto, jump } from '../../../kernel/nft/rule.ts';
import type { Rule, Statement } from '../../../kernel/nft/rule.ts';
import type { IpFamily } from '../../../net/ip.ts';
import type { ProxyNode } from '../../state/model.ts';
import { demandChains } from './demand-chains.ts';
import {
  chain,
  frontendKey,
  hasPorts,
  inSet,
  nodePortFlowKey,
  nodePortKey,
  originalFrontendKey,
  rule,
  vmap,
} from './rules.ts';
import type { ChainRules } from './rules.ts';
import { layoutSets } from './sets.ts';
import type { LayoutSets } from './sets.ts';

/** Changes whenever chains, rules or sets do: a table with another comment is replaced. */
const layoutVersion = 4;

/** What of the node shows in the rules, not only in the sets. */
export type LayoutNode = Pick<ProxyNode, 'podLinks' | 'hasLocalhostNodePorts'>;

/** The fixed part of the table of one address family. */
export interface Layout {
  readonly table: TableRef;
  /** Tells this layout from every other one. */
  readonly comment: string;
  readonly sets: LayoutSets;
  /** Each after those it leads to. */
  readonly chains: readonly ChainRules[];
}

export const nftFamily = (family: IpFamily): NftFamily => (family === 'IPv4' ? 'ip' : 'ip6');

const isNew: Statement = { kind: 'ct', is: { key: 'state', flag: 'new' } };
const isDnat: Statement = { kind: 'ct', is: { key: 'status', flag: 'dnat' } };
const toThisMachine: Statement = { kind: 'daddr-is-local' };

/** The parts of the rules that depend on the node. */
interface Parts {
  readonly sets: LayoutSets;
  readonly loopback: string;
  readonly isPod: Statement;
  readonly isNoPod: Statement;
  readonly hasPodLinks: boolean;
  readonly hasLocalhost: boolean;
}

function base(name: string, hook: NonNullable<NftChain['base']>, ...rules: readonly Rule[]): ChainRules {
  return { chain: { name, base: hook }, rules };
}

/** A packet for a node port: `from` says whether the node's own loopback addresses may have some. */
function atNodePort({ sets, loopback, hasLocalhost }: Parts, from: 'network' | 'node'): readonly Statement[] {
  const isNoLoopback: Statement = { kind: 'match', left: field.daddr, isNegated: true, value: loopback };
  const inBlocks = inSet([field.daddr], sets.nodePortCidrs);
  return from === 'node' && hasLocalhost
    ? [toThisMachine, inBlocks]
    : [toThisMachine, isNoLoopback, inBlocks];
}

function translationChains(parts: Parts): ChainRules[] {
  const { sets, isPod } = parts;
  const isGuarded = rule(
    inSet(frontendKey, sets.guardedIps),
    { ...inSet([...frontendKey, field.saddr], sets.allowedSources), isNegated: true },
    goto('dropped'),
  );
  const services = (name: string, suffix: string, from: 'network' | 'node'): ChainRules =>
    chain(
      name,
      rule(inSet([field.daddr], sets.clusterIps), goto('addresses')),
      rule(inSet([field.daddr], sets.externalIps), jump(`external-ips-from-${suffix}`)),
      rule(...atNodePort(parts, from), goto(`node-ports-from-${suffix}`)),
    );
  return [
    chain(
      'addresses',
      rule(vmap(frontendKey, sets.affinityIps)),
      rule(jump('recall')),
      rule(vmap(frontendKey, sets.wideIps)),
      rule(jump('pick')),
      rule(vmap(frontendKey, sets.rangeAffinityIps)),
      rule(vmap(frontendKey, sets.rangeIps)),
    ),
    chain(
      'inside-addresses',
      rule(vmap(frontendKey, sets.insideAffinityIps)),
      rule(vmap(frontendKey, sets.insideWideIps)),
      rule(jump('inside-pick')),
      rule(vmap(frontendKey, sets.insideRangeAffinityIps)),
      rule(vmap(frontendKey, sets.insideRangeIps)),
    ),
    chain(
      'node-ports',
      rule(vmap(nodePortKey, sets.affinityNodePorts)),
      rule(vmap(nodePortKey, sets.wideNodePorts)),
      rule(jump('pick-node-port')),
    ),
    chain(
      'inside-node-ports',
      rule(vmap(nodePortKey, sets.insideAffinityNodePorts)),
      rule(vmap(nodePortKey, sets.insideWideNodePorts)),
      rule(jump('inside-pick-node-port')),
    ),
    chain(
      'external-ips-from-network',
      isGuarded,
      rule(isPod, jump('inside-addresses')),
      rule(goto('addresses')),
    ),
    chain('external-ips-from-node', isGuarded, rule(jump('inside-addresses')), rule(goto('addresses'))),
    chain('node-ports-from-network', rule(isPod, jump('inside-node-ports')), rule(goto('node-ports'))),
    chain('node-ports-from-node', rule(jump('inside-node-ports')), rule(goto('node-ports'))),
    services('services', 'network', 'network'),
    services('services-from-node', 'node', 'node'),
    ...translationHooks(),
  ];
}

/**
 * A transaction between two lookups of one packet lets both miss: the old slot was asked for too late, and the new one too early. Who is
 * translated nowhere is asked for once more; that is a new walk, of rules and elements that belong together.
 */
function translationHooks(): ChainRules[] {
  const nat = { type: 'nat', priority: -100 } as const;
  const again = { type: 'nat', priority: -99 } as const;
  return [
    base('nat-prerouting', { ...nat, hook: 'prerouting' }, rule(jump('services'))),
    base('nat-output', { ...nat, hook: 'output' }, rule(jump('services-from-node'))),
    base('nat-prerouting-again', { ...again, hook: 'prerouting' }, rule(jump('services'))),
    base('nat-output-again', { ...again, hook: 'output' }, rule(jump('services-from-node'))),
  ];
}

function rememberChains({ sets, isPod }: Parts): ChainRules[] {
  const afterDnat = { type: 'filter', priority: -90 } as const;
  const inside = (...who: readonly Statement[]): Rule[] => [
    rule(...who, hasPorts, vmap(originalFrontendKey, sets.insideRememberIps)),
    rule(...who, hasPorts, vmap(originalFrontendKey, sets.insideRangeRememberIps)),
    rule(...who, hasPorts, vmap(nodePortFlowKey, sets.insideRememberNodePorts)),
  ];
  return [
    chain(
      'remember',
      rule(hasPorts, vmap(originalFrontendKey, sets.rememberIps)),
      rule(hasPorts, vmap(originalFrontendKey, sets.rangeRememberIps)),
      rule(hasPorts, vmap(nodePortFlowKey, sets.rememberNodePorts)),
      rule(jump('remember-own')),
    ),
    chain('remember-from-network', ...inside(isPod), rule(goto('remember'))),
    chain('remember-from-node', ...inside(), rule(goto('remember'))),
    base(
      'after-prerouting',
      { ...afterDnat, hook: 'prerouting' },
      rule(isNew, isDnat, jump('affinity-from-network')),
    ),
    base('after-output', { ...afterDnat, hook: 'output' }, rule(isNew, isDnat, jump('affinity-from-node'))),
  ];
}

function sourceChains({ sets, isPod, isNoPod, hasPodLinks }: Parts): ChainRules[] {
  const keep: Statement = { kind: 'verdict', verdict: { kind: 'return' } };
  const always = goto('masqueraded');
  const offCluster = goto('masqueraded-off-cluster');
  const shortWay = goto('short-way');
  return [
    chain('masqueraded', rule({ kind: 'masquerade' })),
    chain('masqueraded-off-cluster', rule(isNoPod, always)),
    chain(
      'short-way',
      // By its link no packet of this machine is taken for a Pod's; by its address one may be, and needs nothing then.
      ...(hasPodLinks ? [] : [rule(isPod, keep)]),
      rule({ kind: 'saddr-is-local' }, always),
    ),
    chain(
      'sources',
      rule(inSet([field.saddr, field.daddr], sets.hairpin), always),
      rule(hasPorts, inSet(originalFrontendKey, sets.masqueradeIps), always),
      rule(hasPorts, inSet(originalFrontendKey, sets.masqueradeOffClusterIps), offCluster),
      rule(hasPorts, inSet(originalFrontendKey, sets.shortWayIps), shortWay),
      rule(hasPorts, inSet(originalFrontendKey, sets.keepSourceIps), keep),
      rule(hasPorts, vmap(originalFrontendKey, sets.rangeSources)),
      rule(inSet([field.originalDaddr], sets.clusterIps), offCluster),
      rule(hasPorts, inSet(nodePortFlowKey, sets.masqueradeNodePorts), always),
      rule(hasPorts, inSet(nodePortFlowKey, sets.masqueradeOffClusterNodePorts), offCluster),
      rule(hasPorts, inSet(nodePortFlowKey, sets.shortWayNodePorts), shortWay),
    ),
    base(
      'nat-postrouting',
      { type: 'nat', hook: 'postrouting', priority: 100 },
      rule(isDnat, jump('sources')),
    ),
  ];
}

const refusedChains: readonly ChainRules[] = [
  chain(
    'refused',
    rule({ kind: 'match', left: field.l4proto, value: 'tcp' }, { kind: 'reject', with: 'tcp-reset' }),
    rule({ kind: 'reject', with: 'port-unreachable' }),
  ),
  chain('dropped', rule({ kind: 'verdict', verdict: { kind: 'drop' } })),
];

/** With route_localnet others could reach what listens on loopback alone; kube-proxy keeps them out likewise. */
function guardOfLocalhost({ loopback }: Parts): Rule[] {
  const isFromOthers: Statement = { kind: 'match', left: field.saddr, isNegated: true, value: loopback };
  return [
    rule(isDnat, { kind: 'verdict', verdict: { kind: 'return' } }),
    rule(isNew, { kind: 'match', left: field.daddr, value: loopback }, isFromOthers, goto('dropped')),
  ];
}

function refusalChains(parts: Parts): ChainRules[] {
  const { sets } = parts;
  const filter = { type: 'filter', priority: 0 } as const;
  // What was translated, by us or others, goes where it shall; most first packets are, and are asked nothing more.
  const isOurs = rule(isDnat, { kind: 'verdict', verdict: { kind: 'return' } });
  const unknown = [
    rule(inSet([field.daddr], sets.clusterIps), goto('refused')),
    rule(inSet([field.daddr], sets.serviceCidrs), goto('dropped')),
  ];
  const refuse = (name: string, from: 'network' | 'node'): ChainRules =>
    chain(
      name,
      rule(inSet(frontendKey, sets.refusedIps), goto('refused')),
      rule(inSet(frontendKey, sets.droppedIps), goto('dropped')),
      rule(vmap(frontendKey, sets.rangeRefusals)),
      rule(...atNodePort(parts, from), goto('refuse-node-ports')),
    );
  return [
    chain(
      'refuse-node-ports',
      rule(inSet(nodePortKey, sets.refusedNodePorts), goto('refused')),
      rule(inSet(nodePortKey, sets.droppedNodePorts), goto('dropped')),
    ),
    refuse('refuse', 'network'),
    refuse('refuse-from-node', 'node'),
    chain('untranslated-input', isOurs, rule(goto('refuse'))),
    chain('untranslated-forward', isOurs, rule(jump('refuse')), ...unknown),
    chain('untranslated-output', isOurs, rule(jump('refuse-from-node')), ...unknown),
    base(
      'filter-input',
      { ...filter, hook: 'input' },
      rule(isNew, jump('untranslated-input')),
      ...(parts.hasLocalhost ? guardOfLocalhost(parts) : []),
    ),
    base('filter-forward', { ...filter, hook: 'forward' }, rule(isNew, jump('untranslated-forward'))),
    base('filter-output', { ...filter, hook: 'output' }, rule(isNew, jump('untranslated-output'))),
  ];
}

/** Pods by their link; where none is configured by their address. */
function podStatements(
  podLinks: LayoutNode['podLinks'],
  sets: LayoutSets,
): Pick<Parts, 'isPod' | 'isNoPod' | 'hasPodLinks'> {
  if (podLinks === undefined) {
    const isNoPod = { ...inSet([field.saddr], sets.podCidrs), isNegated: true };
    return { isPod: inSet([field.saddr], sets.knownPods), isNoPod, hasPodLinks: false };
  }
  const value = linkPattern(podLinks);
  return {
    isPod: { kind: 'match', left: field.iifname, value },
    isNoPod: { kind: 'match', left: field.iifname, isNegated: true, value },
    hasPodLinks: true,
  };
}

const linkPattern = (podLinks: NonNullable<LayoutNode['podLinks']>): string =>
  'bridge' in podLinks ? podLinks.bridge : `${podLinks.prefix}*`;

function commentOf({ podLinks, hasLocalhostNodePorts }: LayoutNode): string {
  const links = podLinks === undefined ? '' : `, Pods behind ${linkPattern(podLinks)}`;
  const localhost = hasLocalhostNodePorts === true ? ', node ports on localhost' : '';
  return `portico service proxy, layout ${layoutVersion}${links}${localhost}`;
}

/** The fixed part of the table for one family on a node. */
export function layoutOf(family: IpFamily, node: LayoutNode = {}): Layout {
  const table: TableRef = { family: nftFamily(family), name: 'portico' };
  const sets = layoutSets(table.family);
  const parts: Parts = {
    sets,
    loopback: family === 'IPv4' ? '127.0.0.0/8' : '::1',
    hasLocalhost: node.hasLocalhostNodePorts === true,
    ...podStatements(node.podLinks, sets),
  };
  const chains = [
    ...demandChains([]),
    ...refusedChains,
    ...sourceChains(parts),
    ...translationChains(parts),
    ...rememberChains(parts),
    ...refusalChains(parts),
  ];
  return { table, comment: commentOf(node), sets, chains };
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
    { op: 'add-table', comment: layout.comment },
    ...Object.values(layout.sets).map((set: NftSet): Command => ({ op: 'add-set', set })),
    ...layout.chains.flatMap(chainCommands),
  ];
}

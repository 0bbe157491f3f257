import type { Command, DataType, NftChain, NftSet, TableRef } from '../../../kernel/nft/model.ts';
import { field, goto, jump } from '../../../kernel/nft/rule.ts';
import type { Rule, Selector, Statement } from '../../../kernel/nft/rule.ts';
import type { IpFamily } from '../../../net/ip.ts';
import type { ProxyNode } from '../../state/model.ts';

/** Changes whenever chains, rules or sets do: a table with another comment is replaced. */
const layoutVersion = 1;
/** The device that has the virtual addresses, by the name people know. */
export const linkName = 'kube-ipvs0';
/** Source addresses seen on the links of Pods are remembered so long; each new connection renews it. */
const podMemory = { timeoutSeconds: 60, size: 65_535 } as const;

type PodLinks = ProxyNode['podLinks'];

export interface ChainRules {
  readonly chain: NftChain;
  readonly rules: readonly Rule[];
}

/** The sets of the table; frontends are `address . protocol . port`. */
export interface LayoutSets {
  /** Addresses on our device. */
  readonly virtualIps: NftSet;
  /** Addresses of this machine's other devices. */
  readonly nodeIps: NftSet;
  readonly podCidrs: NftSet;
  /** Sources that `off-cluster` keeps: the Pods', or everybody while nobody knows the Pods. */
  readonly keptCidrs: NftSet;
  readonly linkPods: NftSet;
  readonly serviceCidrs: NftSet;
  /** Those a virtual server is there for, by their address or a mark. */
  readonly frontends: NftSet;
  readonly marks: NftSet;
  readonly insideMarks: NftSet;
  readonly insideServed: NftSet;
  readonly refused: NftSet;
  readonly dropped: NftSet;
  readonly insideRefused: NftSet;
  readonly insideDropped: NftSet;
  /** What differs from `off-cluster`. */
  readonly masquerade: NftSet;
  readonly keepSource: NftSet;
  readonly insideMasquerade: NftSet;
  readonly insideKeepSource: NftSet;
  readonly hairpin: NftSet;
  /** To the chain of the blocks that clients must be in. */
  readonly guards: NftSet;
}

/** The fixed part of the table of one family. */
export interface Layout {
  readonly family: IpFamily;
  readonly table: TableRef;
  readonly comment: string;
  readonly sets: LayoutSets;
  /** Each after those it leads to. */
  readonly chains: readonly ChainRules[];
}

function layoutSets(family: IpFamily): LayoutSets {
  const ip: DataType = family === 'IPv4' ? 'ipv4_addr' : 'ipv6_addr';
  const frontend = [ip, 'inet_proto', 'inet_service'] as const;
  const addresses = (name: string): NftSet => ({ name, key: [ip] });
  const blocks = (name: string): NftSet => ({ name, key: [ip], isInterval: true });
  const frontends = (name: string): NftSet => ({ name, key: frontend });
  return {
    virtualIps: addresses('virtual-ips'),
    nodeIps: addresses('node-ips'),
    podCidrs: blocks('pod-cidrs'),
    keptCidrs: blocks('kept-cidrs'),
    linkPods: { name: 'link-pods', key: [ip], dynamic: podMemory },
    serviceCidrs: blocks('service-cidrs'),
    frontends: frontends('frontends'),
    marks: { ...frontends('marks'), data: ['mark'] },
    insideMarks: { ...frontends('inside-marks'), data: ['mark'] },
    insideServed: frontends('inside-served'),
    refused: frontends('refused'),
    dropped: frontends('dropped'),
    insideRefused: frontends('inside-refused'),
    insideDropped: frontends('inside-dropped'),
    masquerade: frontends('masquerade'),
    keepSource: frontends('keep-source'),
    insideMasquerade: frontends('inside-masquerade'),
    insideKeepSource: frontends('inside-keep-source'),
    hairpin: { name: 'hairpin', key: [ip, ip] },
    guards: { ...frontends('guards'), data: 'verdict' },
  };
}

const frontendKey = [field.daddr, field.l4proto, field.dport] as const;
const originalKey = [field.originalDaddr, field.l4proto, field.originalDport] as const;
/** nft knows the original destination port's type only behind such a match. */
const hasPorts: Statement = { kind: 'one-of', left: field.l4proto, values: ['tcp', 'udp', 'sctp'] };
const isNew: Statement = { kind: 'ct', is: { key: 'state', flag: 'new' } };
const back: Statement = { kind: 'verdict', verdict: { kind: 'return' } };
const rule = (...statements: readonly Statement[]): Rule => ({ statements });
const inSet = (key: readonly Selector[], set: NftSet): Statement => ({ kind: 'in-set', key, set: set.name });
const setMark = (map: NftSet): Statement => ({ kind: 'set-mark', key: frontendKey, map: map.name });
const chain = (name: string, ...rules: readonly Rule[]): ChainRules => ({ chain: { name }, rules });

function base(name: string, hook: NonNullable<NftChain['base']>, ...rules: readonly Rule[]): ChainRules {
  return { chain: { name, base: hook }, rules };
}

const refusedChain = chain(
  'refused',
  rule({ kind: 'match', left: field.l4proto, value: 'tcp' }, { kind: 'reject', with: 'tcp-reset' }),
  rule({ kind: 'reject', with: 'port-unreachable' }),
);

/** What IPVS shall not see: in the input hook and, for local processes, in the output hook, both before IPVS. */
function refusalChains(sets: LayoutSets): ChainRules[] {
  const refused = goto('refused');
  const dropped = goto('dropped-packets');
  return [
    refusedChain,
    chain('dropped-packets', rule({ kind: 'verdict', verdict: { kind: 'drop' } })),
    chain(
      'check',
      rule(inSet(frontendKey, sets.refused), refused),
      rule(inSet(frontendKey, sets.dropped), dropped),
      rule(inSet(frontendKey, sets.frontends), back),
      rule(inSet([field.daddr], sets.virtualIps), refused),
    ),
    chain(
      'check-inside',
      rule(inSet(frontendKey, sets.insideRefused), refused),
      rule(inSet(frontendKey, sets.insideDropped), dropped),
      rule(inSet(frontendKey, sets.insideServed), back),
      rule(jump('check')),
    ),
  ];
}

function sourceChains(
  sets: LayoutSets,
  pods: { readonly known: NftSet; readonly kept: NftSet },
): ChainRules[] {
  const always = goto('masqueraded');
  const unless = (set: NftSet): Rule =>
    rule({ kind: 'in-set', key: [field.saddr], isNegated: true, set: set.name }, always);
  return [
    chain('masqueraded', rule({ kind: 'masquerade' })),
    chain('masqueraded-unless-kept', unless(pods.kept)),
    chain(
      'sources-inside',
      rule(inSet(originalKey, sets.insideMasquerade), always),
      rule(inSet(originalKey, sets.insideKeepSource), back),
      unless(pods.known),
    ),
    chain(
      'sources-by-client',
      rule(inSet([field.saddr], pods.known), inSet(originalKey, sets.insideServed), goto('sources-inside')),
      rule(inSet([field.saddr], sets.nodeIps), inSet(originalKey, sets.insideServed), goto('sources-inside')),
      rule(inSet(originalKey, sets.masquerade), always),
      rule(inSet(originalKey, sets.keepSource), back),
      rule(goto('masqueraded-unless-kept')),
    ),
    chain(
      'sources',
      rule(inSet([field.saddr, field.daddr], sets.hairpin), always),
      rule(inSet([field.saddr], sets.virtualIps), always),
      rule(goto('sources-by-client')),
    ),
  ];
}

function podLinkRules(sets: LayoutSets, podLinks: PodLinks): Rule[] {
  if (podLinks === undefined) return [];
  const value = 'bridge' in podLinks ? podLinks.bridge : `${podLinks.prefix}*`;
  const remember = { kind: 'update', map: sets.linkPods.name, key: [field.saddr] } as const;
  return [rule(isNew, { kind: 'match', left: field.iifname, value }, remember)];
}

function baseChains(sets: LayoutSets, isPod: Statement, podLinks: PodLinks): ChainRules[] {
  const filter = { type: 'filter', priority: 0 } as const;
  /** Before IPVS looks at what local processes send (-98), behind connection tracking (-200). */
  const early = { type: 'filter', priority: -150 } as const;
  const unknownIp = rule(isNew, inSet([field.daddr], sets.serviceCidrs), goto('dropped-packets'));
  return [
    base(
      'mark-prerouting',
      { ...early, hook: 'prerouting' },
      ...podLinkRules(sets, podLinks),
      rule(isNew, setMark(sets.marks)),
      rule(isNew, isPod, setMark(sets.insideMarks)),
    ),
    base(
      'filter-input',
      { ...filter, hook: 'input' },
      rule(isNew, jump('guard')),
      rule(isNew, isPod, goto('check-inside')),
      rule(isNew, goto('check')),
    ),
    base('filter-forward', { ...filter, hook: 'forward' }, unknownIp),
    base(
      'filter-output',
      { ...early, hook: 'output' },
      rule(isNew, setMark(sets.marks)),
      rule(isNew, setMark(sets.insideMarks)),
      rule(isNew, jump('guard')),
      rule(isNew, jump('check-inside')),
      rule(inSet([field.daddr], sets.virtualIps), back),
      unknownIp,
    ),
    base(
      'nat-postrouting',
      { type: 'nat', hook: 'postrouting', priority: 100 },
      rule(hasPorts, inSet(originalKey, sets.frontends), jump('sources')),
    ),
  ];
}

export function layoutOf(family: IpFamily, podLinks?: PodLinks): Layout {
  const table: TableRef = { family: family === 'IPv4' ? 'ip' : 'ip6', name: 'portico-ipvs' };
  const sets = layoutSets(family);
  const known = podLinks === undefined ? sets.podCidrs : sets.linkPods;
  const kept = podLinks === undefined ? sets.keptCidrs : sets.linkPods;
  const by = podLinks === undefined ? '' : `, Pods by ${JSON.stringify(podLinks)}`;
  return {
    family,
    table,
    comment: `portico ipvs proxy, layout ${layoutVersion}${by.replaceAll('"', '')}`,
    sets,
    chains: [
      chain('guard', rule({ kind: 'vmap', key: frontendKey, map: sets.guards.name })),
      ...refusalChains(sets),
      ...sourceChains(sets, { known, kept }),
      ...baseChains(sets, inSet([field.saddr], known), podLinks),
    ],
  };
}

/** Names a list of blocks by what is in it (FNV-1a, 64 bits): Service ports with the same blocks share a chain. */
function guardName(blocks: readonly string[]): string {
  let hash = 0xcbf29ce484222325n;
  for (const code of Buffer.from(blocks.join(' '))) {
    hash = BigInt.asUintN(64, (hash ^ BigInt(code)) * 0x100000001b3n);
  }
  return `guard-${hash.toString(16).padStart(16, '0')}`;
}

/**
 * The chain that drops clients outside of all blocks. A process of this machine that calls a virtual address has that address as
 * its own: it passes when the node's address would.
 */
export function guardChain(blocks: readonly string[], sets: LayoutSets, isNodeInside: boolean): ChainRules {
  const own: Rule[] = isNodeInside ? [rule(inSet([field.saddr], sets.virtualIps), back)] : [];
  return {
    chain: { name: `${guardName(blocks)}${isNodeInside ? '-node' : ''}` },
    rules: [
      ...blocks.map((value) => rule({ kind: 'match', left: field.saddr, value }, back)),
      ...own,
      rule({ kind: 'verdict', verdict: { kind: 'drop' } }),
    ],
  };
}

/** Whether a chain was made by `guardChain`. */
export const isGuardName = (name: string): boolean => name.startsWith('guard-');

export const chainCommands = ({ chain: made, rules }: ChainRules): Command[] => [
  { op: 'add-chain', chain: made },
  ...rules.map((each): Command => ({ op: 'add-rule', chain: made.name, rule: each })),
];

/** What is left of the table when another mode serves new connections. */
export interface RetiredLayout extends Pick<Layout, 'table' | 'comment' | 'chains'> {
  readonly sets: Pick<LayoutSets, 'virtualIps' | 'frontends' | 'marks' | 'insideMarks'>;
}

/**
 * Sets record what is ours. Addresses that stay are this machine's: what nobody serves there must not meet a local process that
 * listens on all addresses. The rule is behind those of the mode that serves new connections.
 */
export function retiredLayoutOf(family: IpFamily): RetiredLayout {
  const { table, sets } = layoutOf(family);
  const { virtualIps, frontends, marks, insideMarks } = sets;
  return {
    table,
    comment: `portico ipvs proxy, retired, layout ${layoutVersion}`,
    sets: { virtualIps, frontends, marks, insideMarks },
    chains: [
      refusedChain,
      base(
        'filter-input',
        { type: 'filter', priority: 1, hook: 'input' },
        rule(isNew, inSet([field.daddr], virtualIps), goto('refused')),
      ),
    ],
  };
}

/** Makes the table anew, whatever was there under its name. */
export function layoutCommands({ sets, chains, comment }: Layout | RetiredLayout): Command[] {
  return [
    { op: 'add-table' },
    { op: 'delete-table' },
    { op: 'add-table', comment },
    ...Object.values(sets).map((set: NftSet): Command => ({ op: 'add-set', set })),
    ...chains.flatMap(chainCommands),
  ];
}

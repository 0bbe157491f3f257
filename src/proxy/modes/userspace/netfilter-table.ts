import type {
  Command,
  DataType,
  NftChain,
  NftElement,
  NftFamily,
  NftSet,
} from '../../../kernel/nft/model.ts';
import { elementKey } from '../../../kernel/nft/model.ts';
import { field, jump } from '../../../kernel/nft/rule.ts';
import type { Statement } from '../../../kernel/nft/rule.ts';
import type { ProxyNode } from '../../state/model.ts';
import { renderCidrs } from '../nftables/render.ts';

export const TABLE_NAME = 'portico-userspace';

/** NF_IP_PRI_NAT_DST and NF_IP_PRI_FILTER of linux/netfilter_ipv4.h. */
const PRIORITY_DSTNAT = -100;
const PRIORITY_FILTER = 0;

/** An element and the set it belongs to. */
export interface Placed {
  readonly set: NftSet;
  readonly element: NftElement;
}

/** Elements by a text that names set and key. */
export type Elements = ReadonlyMap<string, Placed>;

export function byText(placed: Iterable<Placed>): Elements {
  return new Map(Array.from(placed, (each) => [`${each.set.name} ${elementKey(each.element.key)}`, each]));
}

export type SetName =
  | 'services'
  | 'node-ports'
  | 'services-inside'
  | 'node-ports-inside'
  | 'services-closed'
  | 'node-ports-closed'
  | 'guarded';

/** The sets of the table: where open frontends go, what happens to those without endpoints, and who may come. */
export function setsOf(family: NftFamily): Readonly<Record<SetName, NftSet>> {
  const address = addressType(family);
  const service: readonly DataType[] = [address, 'inet_proto', 'inet_service'];
  const port: readonly DataType[] = ['inet_proto', 'inet_service'];
  const target: readonly DataType[] = [address, 'inet_service'];
  return {
    services: { name: 'services', key: service, data: target },
    'node-ports': { name: 'node-ports', key: port, data: target },
    'services-inside': { name: 'services-inside', key: service, data: target },
    'node-ports-inside': { name: 'node-ports-inside', key: port, data: target },
    'services-closed': { name: 'services-closed', key: service, data: 'verdict' },
    'node-ports-closed': { name: 'node-ports-closed', key: port, data: 'verdict' },
    guarded: { name: 'guarded', key: service, data: 'verdict' },
  };
}

const addressType = (family: NftFamily): DataType => (family === 'ip' ? 'ipv4_addr' : 'ipv6_addr');

interface ChainRules {
  readonly chain: NftChain;
  readonly rules: readonly (readonly Statement[])[];
}

/** Some sets and chains, the latter after those they lead to, and the elements that belong to these sets whatever is served. */
export interface Part {
  readonly sets: readonly NftSet[];
  readonly chains: readonly ChainRules[];
  readonly elements: readonly Placed[];
}

/**
 * What of the table depends on the node alone. New connections to a frontend go to the process's own listener; packets that leave or
 * enter the machine for a frontend without one are refused.
 */
export function fixedPart(family: NftFamily, node: ProxyNode): Part {
  const { daddr, dport, l4proto } = field;
  const [toNode, addressBlocks] = toNodePorts(family, node);
  const [fromPods, podBlocks] = knownPods(family, node);
  const isNew: Statement = { kind: 'ct', is: { key: 'state', flag: 'new' } };
  const service = [daddr, l4proto, dport];
  const port = [l4proto, dport];
  const isGuarded: Statement = { kind: 'vmap', key: service, map: 'guarded' };
  const chain = (name: string, ...rules: readonly (readonly Statement[])[]): ChainRules => ({
    chain: { name },
    rules,
  });
  return {
    sets: [...Object.values(setsOf(family)), ...addressBlocks.sets, ...podBlocks.sets],
    elements: [...addressBlocks.elements, ...podBlocks.elements],
    chains: [
      chain(
        'reject',
        [
          { kind: 'match', left: l4proto, value: 'tcp' },
          { kind: 'reject', with: 'tcp-reset' },
        ],
        [{ kind: 'reject', with: 'port-unreachable' }],
      ),
      chain(
        'capture',
        [{ kind: 'dnat', key: service, map: 'services' }],
        [...toNode, { kind: 'dnat', key: port, map: 'node-ports' }],
      ),
      chain(
        'capture-inside',
        [{ kind: 'dnat', key: service, map: 'services-inside' }],
        [...toNode, { kind: 'dnat', key: port, map: 'node-ports-inside' }],
      ),
      chain(
        'from-network',
        [isGuarded],
        ...(fromPods === undefined ? [] : [[fromPods, jump('capture-inside')]]),
        [jump('capture')],
      ),
      chain('from-node', [isGuarded], [jump('capture-inside')], [jump('capture')]),
      chain(
        'refuse',
        [{ kind: 'vmap', key: service, map: 'services-closed' }],
        [...toNode, { kind: 'vmap', key: port, map: 'node-ports-closed' }],
      ),
      ...hooks.map(([name, type, hook, priority, to]): ChainRules => ({
        chain: { name, base: { type, hook, priority } },
        rules: [type === 'nat' ? [jump(to)] : [isNew, jump(to)]],
      })),
    ],
  };
}

/** What a change does to a packet between two of its lookups is made good by the second walk, as in the nftables mode. */
const hooks = [
  ['prerouting', 'nat', 'prerouting', PRIORITY_DSTNAT, 'from-network'],
  ['prerouting-again', 'nat', 'prerouting', PRIORITY_DSTNAT + 1, 'from-network'],
  ['nat-output', 'nat', 'output', PRIORITY_DSTNAT, 'from-node'],
  ['nat-output-again', 'nat', 'output', PRIORITY_DSTNAT + 1, 'from-node'],
  ['input', 'filter', 'input', PRIORITY_FILTER, 'refuse'],
  ['forward', 'filter', 'forward', PRIORITY_FILTER, 'refuse'],
  ['output', 'filter', 'output', PRIORITY_FILTER, 'refuse'],
] as const;

const nothing: Part = { sets: [], chains: [], elements: [] };

/** A set of these blocks of the family, those inside of others left out. */
function blockPart(family: NftFamily, name: string, blocks: readonly string[]): Part {
  const set: NftSet = { name, key: [addressType(family)], isInterval: true };
  const elements = renderCidrs(blocks, family === 'ip' ? 'IPv4' : 'IPv6', 'none');
  return { ...nothing, sets: [set], elements: elements.map((element) => ({ set, element })) };
}

/** The conditions under which an address is one that node ports are served at, and the set they need. */
function toNodePorts(
  family: NftFamily,
  { nodePortAddresses, hasLocalhostNodePorts }: ProxyNode,
): [readonly Statement[], Part] {
  const part = blockPart(family, 'node-port-addresses', nodePortAddresses);
  const loopback = family === 'ip' ? '127.0.0.0/8' : '::1/128';
  const isRestricted = part.elements.length > 0;
  const inBlocks: Statement = { kind: 'in-set', key: [field.daddr], set: 'node-port-addresses' };
  return [
    [
      { kind: 'daddr-is-local' },
      ...(hasLocalhostNodePorts === true
        ? []
        : [{ kind: 'match', left: field.daddr, isNegated: true, value: loopback } as const]),
      ...(isRestricted ? [inBlocks] : []),
    ],
    isRestricted ? part : nothing,
  ];
}

/** The condition under which a packet comes from a Pod, undefined where Pods are not known, and the set it needs. */
function knownPods(family: NftFamily, { podCIDRs, podLinks }: ProxyNode): [Statement | undefined, Part] {
  if (podLinks !== undefined) {
    const value = 'bridge' in podLinks ? podLinks.bridge : `${podLinks.prefix}*`;
    return [{ kind: 'match', left: field.iifname, value }, nothing];
  }
  const part = blockPart(family, 'pod-cidrs', podCIDRs);
  if (part.elements.length === 0) return [undefined, nothing];
  return [{ kind: 'in-set', key: [field.saddr], set: 'pod-cidrs' }, part];
}

export interface GuardPart extends Part {
  /** Of the chain. */
  readonly name: string;
}

/** The chain that drops clients outside of some blocks: its name is that of its set, too. */
export function guardPart(family: NftFamily, name: string, allowedSources: readonly string[]): GuardPart {
  const rules: ChainRules['rules'] = [
    [
      { kind: 'in-set', key: [field.saddr], set: name },
      { kind: 'verdict', verdict: { kind: 'return' } },
    ],
    [{ kind: 'verdict', verdict: { kind: 'drop' } }],
  ];
  return { ...blockPart(family, name, allowedSources), chains: [{ chain: { name }, rules }], name };
}

/** Makes what the part has, but for elements. */
export const partCommands = ({ sets, chains }: Part): readonly Command[] => [
  ...sets.map((set) => ({ op: 'add-set', set }) as const),
  ...chains.map(({ chain }) => ({ op: 'add-chain', chain }) as const),
  ...ruleCommands({ chains }),
];

/** Takes away what partCommands makes; nothing else may name its chains by then. */
export const partRemoval = ({ sets, chains }: Part): readonly Command[] => [
  ...chains.flatMap(
    ({ chain: { name } }) =>
      [
        { op: 'flush-chain', name },
        { op: 'delete-chain', name },
      ] as const,
  ),
  ...sets.map(({ name }) => ({ op: 'delete-set', name }) as const),
];

const ruleCommands = ({ chains }: Pick<Part, 'chains'>): readonly Command[] =>
  chains.flatMap(({ chain, rules }) =>
    rules.map((statements) => ({ op: 'add-rule', chain: chain.name, rule: { statements } }) as const),
  );

/**
 * Turns one fixed part into another in its place, but for elements: chains stay and get other rules, so that a packet on its way through
 * their hooks meets the old ones or the new ones. A new table in place of the old one would let it pass between both.
 */
export function partChange(before: Part, after: Part): readonly Command[] {
  const missingIn = (sets: readonly NftSet[], { sets: others }: Part): readonly NftSet[] =>
    others.filter(({ name }) => !sets.some((set) => set.name === name));
  return [
    ...missingIn(before.sets, after).map((set) => ({ op: 'add-set', set }) as const),
    ...after.chains.map(({ chain: { name } }) => ({ op: 'flush-chain', name }) as const),
    ...ruleCommands(after),
    ...missingIn(after.sets, before).map(({ name }) => ({ op: 'delete-set', name }) as const),
  ];
}

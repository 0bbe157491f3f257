import type { Command, DataType, NftElement, NftFamily, NftSet, Verdict } from '../../../kernel/nft/model.ts';
import { elementData, elementKey } from '../../../kernel/nft/model.ts';
import { field, jump } from '../../../kernel/nft/rule.ts';
import type { Statement } from '../../../kernel/nft/rule.ts';
import type { Frontend, ProxyNode } from '../../state/model.ts';
import type { LocalAddress, OpenPortal } from './capture.ts';

export const TABLE_NAME = 'portico-userspace';

/** NF_IP_PRI_NAT_DST and NF_IP_PRI_FILTER of linux/netfilter_ipv4.h. */
const PRIORITY_DSTNAT = -100;
const PRIORITY_FILTER = 0;

/** An element and the set it belongs to. */
export interface Placed {
  readonly set: SetName;
  readonly element: NftElement;
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

export const setNames: readonly SetName[] = [
  'services',
  'node-ports',
  'services-inside',
  'node-ports-inside',
  'services-closed',
  'node-ports-closed',
  'guarded',
];

/**
 * The table without elements, replacing whatever table of the name was there. New connections to a frontend go to the
 * process's own listener; packets that leave or enter the machine for a frontend without one are refused.
 */
export function tableCommands(family: NftFamily, node: ProxyNode): readonly Command[] {
  const { daddr, dport, l4proto } = field;
  const [toNode, addressCommands] = toNodePorts(family, node);
  const [fromPods, podCommands] = knownPods(family, node);
  const isNew: Statement = { kind: 'ct', is: { key: 'state', flag: 'new' } };
  const service = [daddr, l4proto, dport];
  const port = [l4proto, dport];
  const rules: readonly (readonly [chain: string, statements: readonly Statement[]])[] = [
    ['prerouting', [{ kind: 'vmap', key: service, map: 'guarded' }]],
    ...(fromPods === undefined ? [] : [['prerouting', [fromPods, jump('capture-inside')]] as const]),
    ['prerouting', [jump('capture')]],
    ['nat-output', [{ kind: 'vmap', key: service, map: 'guarded' }]],
    ['nat-output', [jump('capture-inside')]],
    ['nat-output', [jump('capture')]],
    ['capture-inside', [{ kind: 'dnat', key: service, map: 'services-inside' }]],
    ['capture-inside', [...toNode, { kind: 'dnat', key: port, map: 'node-ports-inside' }]],
    ['capture', [{ kind: 'dnat', key: service, map: 'services' }]],
    ['capture', [...toNode, { kind: 'dnat', key: port, map: 'node-ports' }]],
    ['input', [isNew, jump('refuse')]],
    ['forward', [isNew, jump('refuse')]],
    ['output', [isNew, jump('refuse')]],
    ['refuse', [{ kind: 'vmap', key: service, map: 'services-closed' }]],
    ['refuse', [...toNode, { kind: 'vmap', key: port, map: 'node-ports-closed' }]],
    [
      'reject',
      [
        { kind: 'match', left: l4proto, value: 'tcp' },
        { kind: 'reject', with: 'tcp-reset' },
      ],
    ],
    ['reject', [{ kind: 'reject', with: 'port-unreachable' }]],
  ];
  const chains = ['reject', 'capture', 'capture-inside', 'refuse'];
  return [
    { op: 'add-table' },
    { op: 'delete-table' },
    { op: 'add-table' },
    ...chains.map((name) => ({ op: 'add-chain', chain: { name } }) as const),
    ...Object.values(setsOf(family)).map((set) => ({ op: 'add-set', set }) as const),
    ...addressCommands,
    ...podCommands,
    ...baseChains,
    ...rules.map(([chain, statements]) => ({ op: 'add-rule', chain, rule: { statements } }) as const),
  ];
}

const ofFamily = (family: NftFamily, blocks: readonly string[]): readonly string[] =>
  blocks.filter((block) => block.includes(':') === (family === 'ip6'));

/** The conditions under which an address is one that node ports are served at, and the set they need. */
function toNodePorts(
  family: NftFamily,
  { nodePortAddresses, hasLocalhostNodePorts }: ProxyNode,
): [readonly Statement[], readonly Command[]] {
  const blocks = ofFamily(family, nodePortAddresses);
  const set = blockSet(family, 'node-port-addresses');
  const loopback = family === 'ip' ? '127.0.0.0/8' : '::1/128';
  const isRestricted = blocks.length > 0;
  return [
    [
      { kind: 'daddr-is-local' },
      ...(hasLocalhostNodePorts === true
        ? []
        : [{ kind: 'match', left: field.daddr, isNegated: true, value: loopback } as const]),
      ...(isRestricted ? [{ kind: 'in-set', key: [field.daddr], set: set.name } as const] : []),
    ],
    isRestricted ? blockCommands(set, blocks) : [],
  ];
}

/** The condition under which a packet comes from a Pod, undefined where Pods are not known, and the set it needs. */
function knownPods(
  family: NftFamily,
  { podCIDRs, podLinks }: ProxyNode,
): [Statement | undefined, readonly Command[]] {
  if (podLinks !== undefined) {
    const value = 'bridge' in podLinks ? podLinks.bridge : `${podLinks.prefix}*`;
    return [{ kind: 'match', left: field.iifname, value }, []];
  }
  const blocks = ofFamily(family, podCIDRs);
  const set = blockSet(family, 'pod-cidrs');
  if (blocks.length === 0) return [undefined, []];
  return [{ kind: 'in-set', key: [field.saddr], set: set.name }, blockCommands(set, blocks)];
}

const blockSet = (family: NftFamily, name: string): NftSet => ({
  name,
  key: [addressType(family)],
  isInterval: true,
});

function blockCommands(set: NftSet, blocks: readonly string[]): readonly Command[] {
  return [
    { op: 'add-set', set },
    { op: 'add-elements', set, elements: blocks.map((block) => ({ key: [block] })) },
  ];
}

/** The chain that drops clients outside of some blocks: its name is that of its set, too. */
export function guardCommands(
  family: NftFamily,
  name: string,
  allowedSources: readonly string[],
): { readonly add: readonly Command[]; readonly remove: readonly Command[] } {
  const set = blockSet(family, name);
  const blocks = ofFamily(family, allowedSources);
  const rules: readonly (readonly Statement[])[] = [
    [
      { kind: 'in-set', key: [field.saddr], set: name },
      { kind: 'verdict', verdict: { kind: 'return' } },
    ],
    [{ kind: 'verdict', verdict: { kind: 'drop' } }],
  ];
  return {
    add: [
      { op: 'add-set', set },
      ...(blocks.length > 0
        ? [{ op: 'add-elements', set, elements: blocks.map((block) => ({ key: [block] })) } as const]
        : []),
      { op: 'add-chain', chain: { name } },
      ...rules.map((statements) => ({ op: 'add-rule', chain: name, rule: { statements } }) as const),
    ],
    remove: [
      { op: 'flush-chain', name },
      { op: 'delete-chain', name },
      { op: 'delete-set', name },
    ],
  };
}

const baseChains: readonly Command[] = (
  [
    ['prerouting', 'nat', 'prerouting', PRIORITY_DSTNAT],
    ['nat-output', 'nat', 'output', PRIORITY_DSTNAT],
    ['input', 'filter', 'input', PRIORITY_FILTER],
    ['forward', 'filter', 'forward', PRIORITY_FILTER],
    ['output', 'filter', 'output', PRIORITY_FILTER],
  ] as const
).map(([name, type, hook, priority]) => ({
  op: 'add-chain',
  chain: { name, base: { type, hook, priority } },
}));

/** What one portal needs in the table, by a text that names set and key. `guardOf` names the chain for allowedSources. */
export function elementsOf(
  portal: OpenPortal,
  guardOf: (allowedSources: readonly string[]) => string,
): ReadonlyMap<string, Placed> {
  const placed = new Map<string, Placed>();
  const place = (set: SetName, element: NftElement): void =>
    void placed.set(`${set} ${elementKey(element.key)}`, { set, element });
  const [address] = portal.addresses;
  for (const frontend of portal.frontends) {
    const key = keyOf(portal, frontend);
    const to = frontend.kind === 'nodePort' ? 'node-ports' : 'services';
    if (address !== undefined)
      place(portal.isForCluster ? `${to}-inside` : to, { key, data: dataOf(address) });
    // The inside is served by what everybody is served by where it has nothing of its own.
    else if (!portal.isForCluster) place(`${to}-closed`, { key, data: verdictOf(portal) });
    if (portal.allowedSources !== undefined && to === 'services')
      place('guarded', { key, data: { kind: 'jump', chain: guardOf(portal.allowedSources) } });
  }
  return placed;
}

const dataOf = ({ host, port }: LocalAddress): readonly [string, number] => [host, port];

function verdictOf({ whenEmpty }: OpenPortal): Verdict {
  return whenEmpty === 'drop' ? { kind: 'drop' } : { kind: 'goto', chain: 'reject' };
}

function keyOf(portal: OpenPortal, frontend: Frontend): readonly (string | number)[] {
  const protocol = portal.protocol.toLowerCase();
  return frontend.kind === 'nodePort' ? [protocol, frontend.port] : [frontend.ip, protocol, frontend.port];
}

/** Deletes what is gone or different, then adds what is new or different; nothing for what stayed. */
export function elementChanges(
  family: NftFamily,
  before: ReadonlyMap<string, Placed>,
  after: ReadonlyMap<string, Placed>,
): readonly Command[] {
  const same = (a: Placed | undefined, b: Placed): boolean =>
    a !== undefined && elementData(a.element.data) === elementData(b.element.data);
  const gone = [...before].filter(([key, placed]) => !same(after.get(key), placed));
  const added = [...after].filter(([key, placed]) => !same(before.get(key), placed));
  const sets = setsOf(family);
  const inSet = (list: typeof gone, name: SetName): readonly NftElement[] =>
    list.filter(([, { set }]) => set === name).map(([, { element }]) => element);
  return (
    [
      ['delete-elements', gone],
      ['add-elements', added],
    ] as const
  ).flatMap(([op, list]) =>
    setNames
      .map((name) => ({ op, set: sets[name], elements: inSet(list, name) }) as const)
      .filter(({ elements }) => elements.length > 0),
  );
}

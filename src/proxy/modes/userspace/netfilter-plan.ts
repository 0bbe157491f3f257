import type { Command, DataType, NftElement, NftFamily, NftSet, Verdict } from '../../../kernel/nft/model.ts';
import { elementData, elementKey } from '../../../kernel/nft/model.ts';
import { field, jump } from '../../../kernel/nft/rule.ts';
import type { Statement } from '../../../kernel/nft/rule.ts';
import type { Frontend } from '../../state/model.ts';
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

export type SetName = 'services' | 'node-ports' | 'services-closed' | 'node-ports-closed';

/** The sets of the table: where open frontends go, and what happens to those without endpoints. */
export function setsOf(family: NftFamily): Readonly<Record<SetName, NftSet>> {
  const address: DataType = family === 'ip' ? 'ipv4_addr' : 'ipv6_addr';
  const service: readonly DataType[] = [address, 'inet_proto', 'inet_service'];
  const port: readonly DataType[] = ['inet_proto', 'inet_service'];
  return {
    services: { name: 'services', key: service, data: [address, 'inet_service'] },
    'node-ports': { name: 'node-ports', key: port, data: [address, 'inet_service'] },
    'services-closed': { name: 'services-closed', key: service, data: 'verdict' },
    'node-ports-closed': { name: 'node-ports-closed', key: port, data: 'verdict' },
  };
}

export const setNames: readonly SetName[] = [
  'services',
  'node-ports',
  'services-closed',
  'node-ports-closed',
];

/**
 * The table without elements, replacing whatever table of the name was there. New connections to a frontend go to the
 * process's own listener; packets that leave or enter the machine for a frontend without one are refused.
 */
export function tableCommands(family: NftFamily, nodePortAddresses: readonly string[]): readonly Command[] {
  const addressSet: NftSet = {
    name: 'node-port-addresses',
    key: [family === 'ip' ? 'ipv4_addr' : 'ipv6_addr'],
    isInterval: true,
  };
  const isRestricted = nodePortAddresses.length > 0;
  const { daddr, dport, l4proto } = field;
  const toNode: readonly Statement[] = [
    { kind: 'daddr-is-local' },
    ...(isRestricted ? [{ kind: 'in-set', key: [daddr], set: addressSet.name } as const] : []),
  ];
  const isNew: Statement = { kind: 'ct', is: { key: 'state', flag: 'new' } };
  const rules: readonly (readonly [chain: string, statements: readonly Statement[]])[] = [
    ['prerouting', [jump('capture')]],
    ['nat-output', [jump('capture')]],
    ['capture', [{ kind: 'dnat', key: [daddr, l4proto, dport], map: 'services' }]],
    ['capture', [...toNode, { kind: 'dnat', key: [l4proto, dport], map: 'node-ports' }]],
    ['input', [isNew, jump('refuse')]],
    ['forward', [isNew, jump('refuse')]],
    ['output', [isNew, jump('refuse')]],
    ['refuse', [{ kind: 'vmap', key: [daddr, l4proto, dport], map: 'services-closed' }]],
    ['refuse', [...toNode, { kind: 'vmap', key: [l4proto, dport], map: 'node-ports-closed' }]],
    [
      'reject',
      [
        { kind: 'match', left: l4proto, value: 'tcp' },
        { kind: 'reject', with: 'tcp-reset' },
      ],
    ],
    ['reject', [{ kind: 'reject', with: 'port-unreachable' }]],
  ];
  return [
    { op: 'add-table' },
    { op: 'delete-table' },
    { op: 'add-table' },
    { op: 'add-chain', chain: { name: 'reject' } },
    ...Object.values(setsOf(family)).map((set) => ({ op: 'add-set', set }) as const),
    ...(isRestricted ? addressCommands(addressSet, nodePortAddresses) : []),
    { op: 'add-chain', chain: { name: 'capture' } },
    { op: 'add-chain', chain: { name: 'refuse' } },
    ...baseChains,
    ...rules.map(([chain, statements]) => ({ op: 'add-rule', chain, rule: { statements } }) as const),
  ];
}

function addressCommands(set: NftSet, addresses: readonly string[]): readonly Command[] {
  return [
    { op: 'add-set', set },
    { op: 'add-elements', set, elements: addresses.map((address) => ({ key: [address] })) },
  ];
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

/** What one portal needs in the table, by a text that names set and key. */
export function elementsOf(portal: OpenPortal): ReadonlyMap<string, Placed> {
  const placed = new Map<string, Placed>();
  for (const frontend of portal.frontends) {
    const isNodePort = frontend.kind === 'nodePort';
    const key = keyOf(portal, frontend);
    const [address] = portal.addresses;
    const set: SetName =
      address === undefined
        ? isNodePort
          ? 'node-ports-closed'
          : 'services-closed'
        : isNodePort
          ? 'node-ports'
          : 'services';
    const element = { key, data: address === undefined ? verdictOf(portal) : dataOf(address) };
    placed.set(`${set} ${elementKey(key)}`, { set, element });
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

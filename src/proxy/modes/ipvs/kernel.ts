import { setImmediate } from 'node:timers/promises';
import { hasCode } from '../../../kernel/libc/system-error.ts';
import { diffServer } from '../../../kernel/ipvs/diff.ts';
import type { HeldServer } from '../../../kernel/ipvs/diff.ts';
import { serverText } from '../../../kernel/ipvs/model.ts';
import type { HeldDestination, Ipvs, IpvsCommand, VirtualServerKey } from '../../../kernel/ipvs/model.ts';
import type { Command, NftElement, NftSet } from '../../../kernel/nft/model.ts';
import type { NftKernel } from '../../../kernel/nft/nft-kernel.ts';
import type { AddressSpec, NetworkStack } from '../../../kernel/route/model.ts';
import { cidrContains, parseCidr } from '../../../net/cidr.ts';
import { isLinkLocal, isLoopback, parseIp } from '../../../net/ip.ts';
import type { IpFamily } from '../../../net/ip.ts';
import { chainCommands, isGuardName, layoutCommands, linkName } from './layout.ts';
import type { Layout } from './layout.ts';
import { placeKey } from './plan.ts';
import type { Change, Contents, Step } from './plan.ts';
import type { PlacedElement, PlannedServer } from './render.ts';

/** The kernel's facilities the mode writes to. */
export interface Kernel {
  readonly ipvs: Ipvs;
  readonly nft: NftKernel;
  readonly stack: NetworkStack;
}

/** Elements in one transaction: what an ordinary user's socket takes, and a moment of the event loop. */
const maxElements = 2500;
const maxCommands = 1000;
/** Servers whose destinations are read in one turn of the event loop. */
const maxReads = 200;

/** The addresses of one family, by whose they are. */
export interface MachineAddresses {
  /** On our device. */
  readonly link: ReadonlySet<string>;
  /** On others, loopback among them. */
  readonly node: ReadonlySet<string>;
}

export function readAddresses(stack: NetworkStack, family: IpFamily): MachineAddresses {
  const link = new Set<string>();
  const node = new Set<string>();
  for (const object of stack.list('address')) {
    const { address, link: name } = object as AddressSpec;
    const ip = parseIp(address.split('/')[0] ?? '');
    if (ip === undefined || ip.family !== family || (ip.family === 'IPv6' && isLinkLocal(ip))) continue;
    (name === linkName ? link : node).add(ip.text);
  }
  return { link, node };
}

/** The addresses that serve node ports: inside the blocks of this family, or all without any; loopback never. */
export function nodePortAddresses(
  node: ReadonlySet<string>,
  blocks: readonly string[],
  family: IpFamily,
): string[] {
  const own = blocks.map(parseCidr).filter((cidr) => cidr?.family === family);
  return [...node].sort().filter((text) => {
    const ip = parseIp(text);
    if (ip === undefined || isLoopback(ip)) return false;
    return own.length === 0 || own.some((cidr) => cidr !== undefined && cidrContains(cidr, ip));
  });
}

const addressSpec = (ip: string): AddressSpec => ({
  kind: 'address',
  link: linkName,
  address: `${ip}/${ip.includes(':') ? 128 : 32}`,
});

/** Makes the device; kernels without dummies get a bridge without ports. */
export function ensureLink(stack: NetworkStack): void {
  const link = { kind: 'link', name: linkName, isUp: true } as const;
  try {
    stack.ensure({ ...link, create: { type: 'dummy' } });
  } catch (error) {
    if (!hasCode(error, 'EOPNOTSUPP')) throw error;
    stack.ensure({ ...link, create: { type: 'bridge' } });
  }
}

function elementCommands(changes: readonly Change[]): Command[] {
  const group = (op: 'add-elements' | 'delete-elements', of: readonly Change[]): Command[] => {
    const bySet = new Map<string, { readonly set: NftSet; readonly elements: NftElement[] }>();
    for (const { set, element } of of) {
      const found = bySet.get(set.name);
      if (found === undefined) bySet.set(set.name, { set, elements: [element] });
      else found.elements.push(element);
    }
    return [...bySet.values()].map((each) => ({ op, ...each }));
  };
  return [
    ...group(
      'delete-elements',
      changes.filter(({ kind }) => kind !== 'add'),
    ),
    ...group(
      'add-elements',
      changes.filter(({ kind }) => kind !== 'delete'),
    ),
  ];
}

/** The table as it is: undefined when there is none, or none of this layout. */
export async function readContents(nft: NftKernel, layout: Layout): Promise<Contents | undefined> {
  const shape = await nft.table(layout.table);
  if (shape?.comment !== layout.comment) return undefined;
  const isWhole =
    layout.chains.every(({ chain, rules }) => (shape.nRules.get(chain.name) ?? 0) === rules.length) &&
    Object.values(layout.sets).every(({ name }: NftSet) => shape.sets.has(name));
  if (!isWhole) return undefined;
  const contents = new Map<string, PlacedElement>();
  for (const set of Object.values(layout.sets) as NftSet[]) {
    if (set.dynamic !== undefined) continue;
    for (const element of await nft.elements(layout.table, set)) {
      contents.set(placeKey({ set, element }), { set, element });
    }
    await setImmediate();
  }
  return contents;
}

/** Names of the chains of blocks that are there. */
export async function readGuards(nft: NftKernel, layout: Layout): Promise<ReadonlySet<string>> {
  const shape = await nft.table(layout.table);
  return new Set([...(shape?.nRules.keys() ?? [])].filter(isGuardName));
}

type NftStep = Pick<Step, 'newChains' | 'changes' | 'goneChains'> & { readonly isNew?: boolean };

/** Writes to the table in transactions of a bearable size; nothing when there is nothing to write. */
export async function writeTable(nft: NftKernel, layout: Layout, step: NftStep): Promise<void> {
  const { table } = layout;
  let before: Command[] = [
    ...(step.isNew === true ? layoutCommands(layout) : []),
    ...step.newChains.flatMap(chainCommands),
  ];
  const after = step.goneChains.map((name): Command => ({ op: 'delete-chain', name }));
  for (let at = 0; at === 0 || at < step.changes.length; at += maxElements) {
    const isLast = at + maxElements >= step.changes.length;
    const changes = elementCommands(step.changes.slice(at, at + maxElements));
    const commands = [...before, ...changes, ...(isLast ? after : [])];
    before = [];
    if (commands.length > 0) await nft.apply({ table, commands });
    if (!isLast) await setImmediate();
  }
}

/** The destinations of a server; undefined when there is no such server. */
export async function readDestinations(
  ipvs: Ipvs,
  key: VirtualServerKey,
): Promise<HeldDestination[] | undefined> {
  try {
    return await ipvs.destinations(key);
  } catch (error) {
    if (hasCode(error, 'ESRCH')) return undefined;
    throw error;
  }
}

/**
 * Makes servers as they are wanted; `held` are those that may be there already, by serverText. Returns the texts of those that
 * have destinations which wait for their connections to end.
 */
export async function writeServers(
  ipvs: Ipvs,
  servers: readonly PlannedServer[],
  held: ReadonlyMap<string, HeldServer['server']>,
): Promise<Set<string>> {
  const draining = new Set<string>();
  let commands: IpvsCommand[] = [];
  for (const [i, wanted] of servers.entries()) {
    if (i % maxReads === maxReads - 1) await setImmediate();
    const text = serverText(wanted.server.key);
    const known = held.get(text);
    const destinations = known && (await readDestinations(ipvs, known.key));
    const found = known && destinations && { server: known, destinations };
    const step = diffServer(wanted, found, wanted);
    commands.push(...step.commands);
    if (step.draining.length > 0) draining.add(text);
    if (commands.length < maxCommands) continue;
    await ipvs.apply(commands);
    commands = [];
    await setImmediate();
  }
  if (commands.length > 0) await ipvs.apply(commands);
  return draining;
}

/** Deletes servers; one that is gone already is no matter. */
export async function deleteServers(ipvs: Ipvs, keys: readonly VirtualServerKey[]): Promise<void> {
  for (const key of keys) {
    try {
      await ipvs.apply([{ op: 'delete-server', key }]);
    } catch (error) {
      if (!hasCode(error, 'ESRCH')) throw error;
    }
  }
}

export function removeAddresses(stack: NetworkStack, ips: readonly string[]): void {
  for (const ip of ips) stack.remove(addressSpec(ip));
}

export async function addAddresses(stack: NetworkStack, ips: readonly string[]): Promise<void> {
  for (const [i, ip] of ips.entries()) {
    stack.ensure(addressSpec(ip));
    if (i % maxCommands === maxCommands - 1) await setImmediate();
  }
}

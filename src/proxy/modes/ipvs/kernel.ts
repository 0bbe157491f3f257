import { setImmediate } from 'node:timers/promises';
import { hasCode } from '../../../kernel/libc/system-error.ts';
import { diffServer } from '../../../kernel/ipvs/diff.ts';
import { serverText } from '../../../kernel/ipvs/model.ts';
import type {
  HeldServer,
  Ipvs,
  IpvsCommand,
  VirtualServer,
  VirtualServerKey,
} from '../../../kernel/ipvs/model.ts';
import type { Command, NftElement, NftSet } from '../../../kernel/nft/model.ts';
import type { NftKernel } from '../../../kernel/nft/nft-kernel.ts';
import type { AddressSpec, NetworkStack } from '../../../kernel/route/model.ts';
import { cidrContains, hostBlock, parseCidr } from '../../../net/cidr.ts';
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
/** Servers that are asked for one by one; for more it is cheaper to have all listed. */
export const maxReads = 50;
/** Addresses in one turn of the event loop: the kernel looks through all of a device for each. */
const maxAddresses = 200;

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
  address: hostBlock(ip),
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

/** The server with its destinations; undefined when there is none. */
async function readServer(ipvs: Ipvs, server: VirtualServer): Promise<HeldServer | undefined> {
  try {
    return { server, destinations: await ipvs.destinations(server.key) };
  } catch (error) {
    if (hasCode(error, 'ESRCH')) return undefined;
    throw error;
  }
}

/** Servers by serverText, as the kernel has them. */
export type HeldServers = ReadonlyMap<string, HeldServer>;

export const byText = (servers: readonly HeldServer[]): Map<string, HeldServer> =>
  new Map(servers.map((each) => [serverText(each.server.key), each]));

/** Reads the servers that may be there, as they are remembered: a few one by one, many by a look at all there are. */
export async function readServers(ipvs: Ipvs, servers: readonly VirtualServer[]): Promise<HeldServers> {
  if (servers.length <= maxReads) {
    const found = await Promise.all(servers.map((server) => readServer(ipvs, server)));
    return byText(found.filter((each) => each !== undefined));
  }
  const wanted = new Set(servers.map(({ key }) => serverText(key)));
  return byText((await ipvs.servers()).filter(({ server }) => wanted.has(serverText(server.key))));
}

/** Makes servers as they are wanted from what is held, once; returns those with destinations that wait, by serverText. */
async function writeOnce(
  ipvs: Ipvs,
  servers: readonly PlannedServer[],
  held: HeldServers,
): Promise<Map<string, PlannedServer>> {
  const draining = new Map<string, PlannedServer>();
  let commands: IpvsCommand[] = [];
  for (const wanted of servers) {
    const text = serverText(wanted.server.key);
    const step = diffServer(wanted, held.get(text), wanted);
    commands.push(...step.commands);
    if (step.draining.length > 0) draining.set(text, wanted);
    if (commands.length < maxCommands) continue;
    await ipvs.apply(commands);
    commands = [];
    await setImmediate();
  }
  if (commands.length > 0) await ipvs.apply(commands);
  return draining;
}

/**
 * Makes servers as they are wanted; `held` are those that are there already. Returns the texts of those that have destinations which
 * wait for their connections to end. Whether one has any is seen after it has lost its weight: a client may come at any time before.
 */
export async function writeServers(
  ipvs: Ipvs,
  servers: readonly PlannedServer[],
  held: HeldServers,
): Promise<ReadonlySet<string>> {
  const draining = await writeOnce(ipvs, servers, held);
  if (draining.size === 0) return new Set();
  const again = [...draining.values()];
  const now = await readServers(
    ipvs,
    again.map(({ server }) => server),
  );
  return new Set((await writeOnce(ipvs, again, now)).keys());
}

/** Deletes servers; those that are gone already are no matter. */
export async function deleteServers(ipvs: Ipvs, keys: readonly VirtualServerKey[]): Promise<void> {
  if (keys.length === 0) return;
  try {
    await ipvs.apply(keys.map((key) => ({ op: 'delete-server', key })));
  } catch (error) {
    if (!hasCode(error, 'ESRCH')) throw error;
  }
}

/** Puts addresses on the device, or takes them from it. */
export async function changeAddresses(
  stack: NetworkStack,
  change: 'ensure' | 'remove',
  ips: readonly string[],
): Promise<void> {
  for (let at = 0; at < ips.length; at += maxAddresses) {
    if (at > 0) await setImmediate();
    stack[change](ips.slice(at, at + maxAddresses).map(addressSpec));
  }
}

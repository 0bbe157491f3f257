import type { Logger } from '../../../base/logger.ts';
import type { Conntrack } from '../../../kernel/conntrack/model.ts';
import { isBusy } from '../../../kernel/ipvs/diff.ts';
import type { HeldServer, Ipvs, IpvsCommand, VirtualServer } from '../../../kernel/ipvs/model.ts';
import { hasCode } from '../../../kernel/libc/system-error.ts';
import { elementData } from '../../../kernel/nft/model.ts';
import type { NetworkStack, RouteSpec } from '../../../kernel/route/model.ts';
import { hostBlock } from '../../../net/cidr.ts';
import { isLoopback, parseIp } from '../../../net/ip.ts';
import type { IpFamily } from '../../../net/ip.ts';
import * as kernel from './kernel.ts';
import type { Kernel } from './kernel.ts';
import { layoutCommands, layoutOf, linkName, retiredLayoutOf } from './layout.ts';
import type { Layout } from './layout.ts';
import { isExcluded, isOurs, isRecordedIp, recordOf } from './ownership.ts';
import type { Found } from './ownership.ts';
import { placeKey } from './plan.ts';
import type { PlacedElement } from './render.ts';

/** How the mode leaves: at once, or when the connections that pass through IPVS have ended. */
export interface Departure extends Kernel {
  readonly family: IpFamily;
  readonly conntrack: Conntrack;
  readonly logger: Logger;
  readonly excludeCIDRs: readonly string[];
  /** This very process made something; else only our table tells that anything is ours. */
  readonly isKnown: boolean;
}

interface Holding extends Found {
  /** All virtual addresses of ours, whether they are on the device or have a route of their own. */
  readonly virtualIps: readonly string[];
  readonly servers: readonly HeldServer[];
}

/** On loopback: the kernel drops the routes of a device that loses its last address. */
const localRoute = (ip: string, source?: string): RouteSpec => ({
  kind: 'route',
  isLocal: true,
  link: 'lo',
  to: hostBlock(ip),
  ...(source === undefined ? {} : { source }),
});

/** Addresses of an earlier departure that are on the device again need no routes. */
export function dropRoutes(stack: NetworkStack, record: readonly PlacedElement[]): void {
  for (const { set, element } of record)
    if (set.name === 'virtual-ips') stack.remove(localRoute(String(element.key[0])));
}

/** Undefined: nothing is ours. Without our table a device of that name may be kube-proxy's. */
async function look(departure: Departure, layout: Layout): Promise<Holding | undefined> {
  const { nft, ipvs, stack, family, excludeCIDRs } = departure;
  const contents =
    (await recordOf(nft, layout)) ?? (departure.isKnown ? new Map<string, PlacedElement>() : undefined);
  if (contents === undefined) return undefined;
  const found = { layout, addresses: kernel.readAddresses(stack, family), contents, excludeCIDRs };
  const recorded = [...contents.values()].filter(({ set }) => set.name === layout.sets.virtualIps.name);
  const ips = new Set([...found.addresses.link, ...recorded.map(({ element: { key } }) => String(key[0]))]);
  const servers = await ipvs.servers().catch((error: unknown) => {
    if (hasCode(error, 'ENOENT')) return [];
    throw error;
  });
  return {
    ...found,
    virtualIps: [...ips].filter((ip) => !isExcluded(ip, excludeCIDRs)),
    servers: servers.filter(({ server }) => isOurs(server, found)),
  };
}

/** Takes everything away at once, whoever is connected. */
export async function leaveAtOnce(departure: Departure): Promise<void> {
  const holding = await look(departure, layoutOf(departure.family));
  if (holding === undefined) return;
  await kernel.deleteServers(
    departure.ipvs,
    holding.servers.map(({ server }) => server.key),
  );
  await removeIps(departure, holding.virtualIps);
  await removeTable(departure);
}

/** Takes virtual addresses away, or their routes. */
async function removeIps({ stack, family }: Departure, gone: readonly string[]): Promise<void> {
  const { link } = kernel.readAddresses(stack, family);
  await kernel.changeAddresses(
    stack,
    'remove',
    gone.filter((ip) => link.has(ip)),
  );
  for (const ip of gone) stack.remove(localRoute(ip));
}

/** The device goes too when nobody has it any more. */
async function removeTable({ nft, stack, family }: Departure): Promise<void> {
  const { table } = layoutOf(family);
  await nft.apply({ table, commands: [{ op: 'add-table' }, { op: 'delete-table' }] });
  const otherFamily = family === 'IPv4' ? 'IPv6' : 'IPv4';
  const isInUse =
    kernel.readAddresses(stack, family).link.size > 0 ||
    kernel.readAddresses(stack, otherFamily).link.size > 0 ||
    (await nft.table(layoutOf(otherFamily).table)) !== undefined;
  if (!isInUse) stack.remove({ kind: 'link', name: linkName });
}

/** Takes new connections from a server that has some. */
function quietly({ server: { key }, destinations }: HeldServer): IpvsCommand[] {
  return destinations.flatMap(({ ip, port, weight, nActive, nInactive }): IpvsCommand[] => {
    const destination = { ip, port, weight: 0 };
    if (nActive + nInactive === 0) return [{ op: 'delete-destination', key, destination }];
    return weight === 0 ? [] : [{ op: 'set-destination', key, destination }];
  });
}

/** Takes new connections from all servers, deletes those without any, and returns the others. */
async function quiesce(ipvs: Ipvs, servers: readonly HeldServer[]): Promise<VirtualServer[]> {
  const busy = servers.filter(isBusy);
  await kernel.deleteServers(
    ipvs,
    servers.filter((each) => !isBusy(each)).map(({ server }) => server.key),
  );
  const commands = busy.flatMap(quietly);
  if (commands.length > 0) await ipvs.apply(commands);
  return busy.map(({ server }) => server);
}

/**
 * From now on processes of this machine that call a virtual address have the node's own for source, as with any other mode: the
 * address becomes a local route. Without an address of the node they stay as they are.
 */
async function turnIntoRoutes(
  { stack }: Departure,
  { addresses, virtualIps }: Holding,
  nodeIp?: string,
): Promise<void> {
  const usable = [...addresses.node].filter((text) => {
    const ip = parseIp(text);
    return ip !== undefined && !isLoopback(ip);
  });
  const source = nodeIp !== undefined && addresses.node.has(nodeIp) ? nodeIp : usable.sort()[0];
  if (source === undefined) return;
  const onDevice = virtualIps.filter((ip) => addresses.link.has(ip));
  for (const ip of onDevice) stack.ensure(localRoute(ip, source));
  await kernel.changeAddresses(stack, 'remove', onDevice);
}

/** Virtual addresses that are the source of a connection: a process of this machine made it while it had them. */
async function sourcesInUse({ conntrack, family }: Departure): Promise<ReadonlySet<string>> {
  const sources = new Set<string>();
  for (const protocol of ['TCP', 'UDP', 'SCTP'] as const)
    for (const { original } of await conntrack.list({ family, protocol })) sources.add(original.source);
  return sources;
}

/** What the table records of the servers and addresses that stay. */
function remnant(
  { layout: { sets }, contents }: Holding,
  busy: readonly VirtualServer[],
  sources: ReadonlySet<string>,
): PlacedElement[] {
  const marks = new Set(busy.flatMap(({ key }) => (key.kind === 'mark' ? [String(key.mark)] : [])));
  const isMarked = ({ set, element }: PlacedElement): boolean =>
    (set.name === sets.marks.name || set.name === sets.insideMarks.name) &&
    marks.has(elementData(element.data));
  const marked = [...(contents?.values() ?? [])].filter(isMarked);
  const keys = [
    ...busy.flatMap(({ key }) =>
      key.kind === 'address' ? [[key.ip, key.protocol.toLowerCase(), key.port] as const] : [],
    ),
    ...marked.map(({ element }) => element.key),
  ];
  const found = { layout: { sets }, contents };
  const ips = [...keys.map(([ip]) => String(ip)), ...sources].filter((ip) => isRecordedIp(ip, found));
  const all = [
    ...keys.map((key) => ({ set: sets.frontends, element: { key } })),
    ...marked,
    ...ips.map((ip) => ({ set: sets.virtualIps, element: { key: [ip] } })),
  ];
  return [...new Map(all.map((each) => [placeKey(each), each])).values()];
}

async function writeRemnant(
  { nft, family }: Departure,
  { contents }: Holding,
  stays: readonly PlacedElement[],
): Promise<void> {
  const layout = retiredLayoutOf(family);
  const { table, sets } = layout;
  const shape = await nft.table(table);
  const isSame =
    shape?.comment === layout.comment &&
    contents?.size === stays.length &&
    stays.every((each) => contents.has(placeKey(each)));
  if (isSame) return;
  const adds = Object.values(sets).flatMap((set) => {
    const elements = stays.filter((each) => each.set.name === set.name).map(({ element }) => element);
    return elements.length === 0 ? [] : [{ op: 'add-elements' as const, set, elements }];
  });
  await nft.apply({ table, commands: [...layoutCommands(layout), ...adds] });
}

/**
 * Another mode serves new connections: leaves servers with connections, quiesced, and the addresses that established connections
 * come for or from. True while something stays; nothing but the kernel's state is relied upon, so that a later process can go on.
 */
export async function leaveGradually(departure: Departure, nodeIp?: string): Promise<boolean> {
  const { family, ipvs, logger } = departure;
  const layout = layoutOf(family);
  const holding = await look(departure, layout);
  if (holding === undefined) return false;
  const busy = await quiesce(ipvs, holding.servers);
  await turnIntoRoutes(departure, holding, nodeIp);
  const stays = remnant(holding, busy, await sourcesInUse(departure));
  const kept = new Set(
    stays.flatMap(({ set, element }) =>
      set.name === layout.sets.virtualIps.name ? [String(element.key[0])] : [],
    ),
  );
  const gone = holding.virtualIps.filter((ip) => !kept.has(ip));
  if (stays.length > 0) await writeRemnant(departure, holding, stays);
  await removeIps(departure, gone);
  if (stays.length === 0) {
    await removeTable(departure);
    logger.info('nothing is left of the ipvs mode', { family });
    return false;
  }
  logger.debug('connections through ipvs go on', { family, servers: busy.length, addresses: kept.size });
  return true;
}

import { isBusy } from '../../../kernel/ipvs/diff.ts';
import type { VirtualServer } from '../../../kernel/ipvs/model.ts';
import { elementData } from '../../../kernel/nft/model.ts';
import type { NftElement } from '../../../kernel/nft/model.ts';
import type { NftKernel } from '../../../kernel/nft/nft-kernel.ts';
import { cidrContains, parseCidr } from '../../../net/cidr.ts';
import { parseIp } from '../../../net/ip.ts';
import type { HeldServers, MachineAddresses } from './kernel.ts';
import type { Layout } from './layout.ts';
import { isOwnMark } from './marks.ts';
import { placeKey } from './plan.ts';
import type { Contents } from './plan.ts';
import type { PlacedElement, PlannedServer, PortPlan } from './render.ts';

/**
 * What the table says is ours, whatever layout it has: addresses, frontends and their marks. Undefined: there is no such table.
 */
export async function recordOf(nft: NftKernel, { table, sets }: Layout): Promise<Contents | undefined> {
  const shape = await nft.table(table);
  if (shape === undefined) return undefined;
  const contents = new Map<string, PlacedElement>();
  for (const set of [sets.virtualIps, sets.frontends, sets.marks, sets.insideMarks]) {
    if (!shape.sets.has(set.name)) continue;
    for (const element of await nft.elements(table, set)) {
      contents.set(placeKey({ set, element }), { set, element });
    }
  }
  return contents;
}

/** Whether the table has the address as one of ours. */
export const isRecordedIp = (
  ip: string,
  { layout, contents }: { readonly layout: Pick<Layout, 'sets'>; readonly contents: Contents | undefined },
): boolean => contents?.has(placeKey({ set: layout.sets.virtualIps, element: { key: [ip] } })) === true;

/** What a process finds in the machine. */
export interface Found {
  readonly layout: Layout;
  readonly addresses: MachineAddresses;
  /** Of the table, what says whose things are at least. Undefined: there is no table of ours. */
  readonly contents: Contents | undefined;
  /** Blocks whose virtual servers and addresses are somebody else's. */
  readonly excludeCIDRs: readonly string[];
}

type AddressKey = Extract<VirtualServer['key'], { kind: 'address' }>;

export function isExcluded(text: string, blocks: readonly string[]): boolean {
  const ip = parseIp(text);
  return blocks.some((block) => {
    const cidr = parseCidr(block);
    return ip !== undefined && cidr !== undefined && cidrContains(cidr, ip);
  });
}

const frontendElement = (key: AddressKey) => ({ key: [key.ip, key.protocol.toLowerCase(), key.port] });

/**
 * Whether a virtual server is ours: its address is on our device, or our table has it as a frontend, or its mark is one of ours. Node
 * ports have addresses of other devices, which is why the table is asked.
 */
export function isOurs({ key }: VirtualServer, found: Found): boolean {
  if (key.family !== found.layout.family) return false;
  if (key.kind === 'mark') return isOwnMark(key.mark);
  if (isExcluded(key.ip, found.excludeCIDRs)) return false;
  const place = placeKey({ set: found.layout.sets.frontends, element: frontendElement(key) });
  return found.addresses.link.has(key.ip) || found.contents?.has(place) === true;
}

/** What stays of a server whose Service port nobody remembers: it, and the addresses of the frontends the table had for it. */
function leftOver(planned: PlannedServer, found: Found): PortPlan {
  const { key } = planned.server;
  const { sets } = found.layout;
  const keys = key.kind === 'address' ? [frontendElement(key).key] : markedFrontends(key.mark, found);
  const ips = [...new Set(keys.map(([ip]) => String(ip)))].filter(
    (ip) => found.addresses.link.has(ip) || isRecordedIp(ip, found),
  );
  return {
    servers: [planned],
    chains: [],
    owners: [],
    elements: [
      ...keys.map((each) => ({ set: sets.frontends, element: { key: each } })),
      ...ips.map((ip) => ({ set: sets.virtualIps, element: { key: [ip] } })),
    ],
    addresses: ips,
  };
}

/** The frontends whose packets get that mark. */
function markedFrontends(mark: number, { contents, layout: { sets } }: Found): NftElement['key'][] {
  const names = [sets.marks.name, sets.insideMarks.name];
  return [...(contents?.values() ?? [])].flatMap(({ set, element }) =>
    names.includes(set.name) && elementData(element.data) === String(mark) ? [element.key] : [],
  );
}

/** Servers of an earlier process that nobody wants, by their texts: those with connections stay as ghosts. Others' are left alone. */
export function leftovers(
  found: Found,
  held: HeldServers,
  wanted: ReadonlySet<string>,
): { readonly ghosts: readonly PortPlan[]; readonly gone: readonly PlannedServer[] } {
  const ghosts: PortPlan[] = [];
  const gone: PlannedServer[] = [];
  for (const [text, each] of held) {
    const { server } = each;
    if (wanted.has(text) || !isOurs(server, found)) continue;
    const isGraceful = server.key.kind === 'mark' || server.key.protocol === 'TCP';
    const planned = { server, destinations: [], isGraceful };
    if (isGraceful && isBusy(each)) ghosts.push(leftOver(planned, found));
    else gone.push(planned);
  }
  return { ghosts, gone };
}

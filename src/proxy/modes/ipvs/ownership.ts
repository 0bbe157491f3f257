import { serverText } from '../../../kernel/ipvs/model.ts';
import type { VirtualServer } from '../../../kernel/ipvs/model.ts';
import { cidrContains, parseCidr } from '../../../net/cidr.ts';
import { parseIp } from '../../../net/ip.ts';
import type { MachineAddresses } from './kernel.ts';
import type { Layout } from './layout.ts';
import { isOwnMark } from './marks.ts';
import { placeKey } from './plan.ts';
import type { Contents } from './plan.ts';
import type { PlannedServer, PortPlan } from './render.ts';

/** What a process finds in the machine. */
export interface Found {
  readonly layout: Layout;
  readonly addresses: MachineAddresses;
  /** Undefined: there is no table of ours. */
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

/** What stays of a server whose Service port nobody remembers. */
function leftOver(planned: PlannedServer, { layout, addresses }: Found): PortPlan {
  const { key } = planned.server;
  const none = { servers: [planned], chains: [], owners: [] };
  if (key.kind === 'mark') return { ...none, elements: [], addresses: [] };
  const isVirtual = addresses.link.has(key.ip);
  const virtual = isVirtual ? [{ set: layout.sets.virtualIps, element: { key: [key.ip] } }] : [];
  return {
    ...none,
    elements: [{ set: layout.sets.frontends, element: frontendElement(key) }, ...virtual],
    addresses: isVirtual ? [key.ip] : [],
  };
}

/** Servers of an earlier process that nobody wants: those with connections stay as ghosts. Others' are left alone. */
export async function leftovers(
  found: Found,
  servers: {
    readonly held: Iterable<VirtualServer>;
    readonly wanted: ReadonlySet<string>;
    readonly isBusy: (server: PlannedServer) => Promise<boolean>;
  },
): Promise<{ readonly ghosts: readonly PortPlan[]; readonly gone: readonly PlannedServer[] }> {
  const ghosts: PortPlan[] = [];
  const gone: PlannedServer[] = [];
  for (const server of servers.held) {
    if (servers.wanted.has(serverText(server.key)) || !isOurs(server, found)) continue;
    const isGraceful = server.key.kind === 'mark' || server.key.protocol === 'TCP';
    const planned = { server, destinations: [], isGraceful };
    if (isGraceful && (await servers.isBusy(planned))) ghosts.push(leftOver(planned, found));
    else gone.push(planned);
  }
  return { ghosts, gone };
}

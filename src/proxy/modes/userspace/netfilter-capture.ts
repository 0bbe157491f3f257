import type { Conntrack } from '../../../kernel/conntrack/model.ts';
import type { Command, NftFamily } from '../../../kernel/nft/model.ts';
import type { NftKernel } from '../../../kernel/nft/nft-kernel.ts';
import type { IpFamily } from '../../../net/ip.ts';
import type { Capture, Captured } from './capture.ts';
import { TABLE_NAME, elementChanges, elementsOf, tableCommands } from './netfilter-plan.ts';
import type { Placed } from './netfilter-plan.ts';
import { staleFlows } from './stale-flows.ts';

export interface NetfilterCaptureOptions {
  readonly family: IpFamily;
  readonly nft: NftKernel;
  readonly conntrack: Conntrack;
  /**
   * The node's own address. All listeners are bound to it, so that answers leave with the address the connection was
   * translated to, whichever way the client's packets came in.
   */
  readonly address: string;
}

type Elements = ReadonlyMap<string, Placed>;

interface Capturing extends NetfilterCaptureOptions {
  readonly nftFamily: NftFamily;
  /** What the kernel holds, by portal; undefined = unknown, the next apply writes everything. */
  held: Map<string, Elements> | undefined;
}

/** Elements per transaction; an ordinary user's netlink socket takes about 3 500. */
const SLICE = 2000;

/** Sends what is addressed to virtual IPs and node ports to the process, by destination NAT in a table of its own. */
export function createNetfilterCapture(options: NetfilterCaptureOptions): Capture {
  const nftFamily: NftFamily = options.family === 'IPv4' ? 'ip' : 'ip6';
  const capturing: Capturing = { ...options, nftFamily, held: undefined };
  const { address, nft } = options;
  return {
    places: (portal) =>
      portal.hasEndpoints ? [{ name: address, candidates: [{ host: address, port: 0 }] }] : [],
    apply: ({ node, portals, changed }) =>
      capturing.held === undefined || changed === undefined
        ? applyAll(capturing, { node, portals })
        : applyChanged(capturing, capturing.held, { portals, changed }),
    cleanup: async () => {
      capturing.held = undefined;
      const table = { family: nftFamily, name: TABLE_NAME };
      await nft.apply({ table, commands: [{ op: 'add-table' }, { op: 'delete-table' }] });
    },
  };
}

/** A new table in place of whatever was there, in one transaction as long as it is not very large. */
async function applyAll(capturing: Capturing, { node, portals }: Omit<Captured, 'changed'>): Promise<void> {
  const { nft, nftFamily, family } = capturing;
  capturing.held = undefined;
  const byPortal = new Map([...portals].map(([id, portal]) => [id, elementsOf(portal)]));
  const elements = [...byPortal.values()].flatMap((placed) => [...placed]);
  const addresses = node.nodePortAddresses.filter((cidr) => cidr.includes(':') === (family === 'IPv6'));
  const table = { family: nftFamily, name: TABLE_NAME };
  let commands: readonly Command[] = tableCommands(nftFamily, addresses);
  for (let i = 0; i === 0 || i < elements.length; i += SLICE) {
    const slice = new Map(elements.slice(i, i + SLICE));
    await nft.apply({ table, commands: [...commands, ...elementChanges(nftFamily, new Map(), slice)] });
    commands = [];
  }
  capturing.held = byPortal;
  await endStaleFlows(capturing, elements, new Map(elements));
}

async function applyChanged(
  capturing: Capturing,
  held: Map<string, Elements>,
  { portals, changed }: { portals: Captured['portals']; changed: ReadonlySet<string> },
): Promise<void> {
  const { nft, nftFamily } = capturing;
  const before = new Map<string, Placed>();
  const after = new Map<string, Placed>();
  for (const id of changed) {
    const portal = portals.get(id);
    const elements = portal && elementsOf(portal);
    for (const [text, placed] of held.get(id) ?? []) before.set(text, placed);
    for (const [text, placed] of elements ?? []) after.set(text, placed);
  }
  const commands = elementChanges(nftFamily, before, after);
  if (commands.length === 0) return;
  // A refusal means the kernel holds something else than we think: the next attempt writes everything.
  capturing.held = undefined;
  await nft.apply({ table: { family: nftFamily, name: TABLE_NAME }, commands });
  capturing.held = held;
  for (const id of changed) {
    const portal = portals.get(id);
    if (portal === undefined) held.delete(id);
    else held.set(id, elementsOf(portal));
  }
  await endStaleFlows(capturing, [...before, ...after], after);
}

async function endStaleFlows(
  { conntrack, family }: Capturing,
  changed: readonly (readonly [string, Placed])[],
  now: Elements,
): Promise<void> {
  const udp = changed.filter(([, { element }]) => element.key.includes('udp'));
  if (udp.length === 0) return;
  const flows = await conntrack.list({ family, protocol: 'UDP' });
  for (const flow of staleFlows(flows, udp, now)) await conntrack.delete(flow);
}

import type { Conntrack, Flow } from '../../../kernel/conntrack/model.ts';
import type { Command, NftFamily } from '../../../kernel/nft/model.ts';
import type { NftKernel } from '../../../kernel/nft/nft-kernel.ts';
import type { IpFamily } from '../../../net/ip.ts';
import type { Watched } from '../../conntrack/reconciled-mode.ts';
import { countOwnWrites } from '../nftables/own-writes.ts';
import type { OwnWrites } from '../nftables/own-writes.ts';
import type { Capture, Captured, OpenPortal } from './capture.ts';
import { TABLE_NAME, elementChanges, elementsOf, guardCommands, tableCommands } from './netfilter-plan.ts';
import type { Placed } from './netfilter-plan.ts';
import { isToAddressOf } from '../../conntrack/stale-flows.ts';
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
  readonly watched?: Watched;
}

type Elements = ReadonlyMap<string, Placed>;

interface Capturing extends NetfilterCaptureOptions {
  readonly nftFamily: NftFamily;
  /** What the kernel holds, by portal; undefined = unknown, the next apply writes everything. */
  held: Map<string, OpenPortal> | undefined;
  /** The facts of the node that the table was made of, as text. */
  heldNode: string;
  readonly guards: Guards;
  readonly own: OwnWrites;
}

/** Chains for lists of allowed sources, one for each different list. */
interface Guards {
  /** Text of the list -> its chain. */
  readonly names: Map<string, Guard>;
  nEver: number;
}

interface Guard {
  readonly name: string;
  readonly allowedSources: readonly string[];
}

/** Elements per transaction; an ordinary user's netlink socket takes about 3 500. */
const SLICE = 2000;

/** Sends what is addressed to virtual IPs and node ports to the process, by destination NAT in a table of its own. */
export function createNetfilterCapture(options: NetfilterCaptureOptions): Capture {
  const nftFamily: NftFamily = options.family === 'IPv4' ? 'ip' : 'ip6';
  const guards: Guards = { names: new Map(), nEver: 0 };
  const own = countOwnWrites(options.nft);
  const { nft } = own;
  const capturing: Capturing = { ...options, nft, own, nftFamily, held: undefined, heldNode: '', guards };
  const { address } = options;
  return {
    leadsToOldListeners: true,
    places: (portal) =>
      portal.hasEndpoints ? [{ name: address, candidates: [{ host: address, port: 0 }] }] : [],
    apply: async ({ node, portals, changed }) => {
      const { held, heldNode } = capturing;
      if (held === undefined) return applyAll(capturing, { node, portals });
      if (changed !== undefined) return applyChanged(capturing, held, { portals, changed });
      // A look at everything finds what we wrote, as long as nobody else wrote anything.
      if (heldNode !== JSON.stringify(node) || !(await own.areAll()))
        return applyAll(capturing, { node, portals });
      const others = [...portals.keys(), ...held.keys()].filter((id) => portals.get(id) !== held.get(id));
      return applyChanged(capturing, held, { portals, changed: new Set(others) });
    },
    cleanup: async () => {
      capturing.held = undefined;
      const table = { family: nftFamily, name: TABLE_NAME };
      await nft.apply({ table, commands: [{ op: 'add-table' }, { op: 'delete-table' }] });
    },
  };
}

/** A new table in place of whatever was there, in one transaction as long as it is not very large. */
async function applyAll(capturing: Capturing, { node, portals }: Omit<Captured, 'changed'>): Promise<void> {
  const { nft, nftFamily, guards } = capturing;
  capturing.held = undefined;
  await capturing.own.watch();
  guards.names.clear();
  const elements = [...portals.values()].flatMap((portal) => [...elementsFor(guards, portal)]);
  const table = { family: nftFamily, name: TABLE_NAME };
  let commands: readonly Command[] = [
    ...tableCommands(nftFamily, node),
    ...guardChanges(nftFamily, new Map(), guards.names).add,
  ];
  for (let i = 0; i === 0 || i < elements.length; i += SLICE) {
    const slice = new Map(elements.slice(i, i + SLICE));
    await nft.apply({ table, commands: [...commands, ...elementChanges(nftFamily, new Map(), slice)] });
    commands = [];
  }
  capturing.held = new Map(portals);
  capturing.heldNode = JSON.stringify(node);
  await endStaleFlows(capturing, elements, new Map(elements));
}

async function applyChanged(
  capturing: Capturing,
  held: Map<string, OpenPortal>,
  { portals, changed }: { portals: Captured['portals']; changed: ReadonlySet<string> },
): Promise<void> {
  const { nft, nftFamily, guards } = capturing;
  const before = new Map<string, Placed>();
  const after = new Map<string, Placed>();
  const guardsBefore = new Map(guards.names);
  for (const id of changed) {
    for (const [text, placed] of elementsFor(guards, held.get(id))) before.set(text, placed);
    for (const [text, placed] of elementsFor(guards, portals.get(id))) after.set(text, placed);
  }
  if (guards.names.size > 0) forgetUnused(guards, portals);
  const chains = guardChanges(nftFamily, guardsBefore, guards.names);
  const commands = [...chains.add, ...elementChanges(nftFamily, before, after), ...chains.remove];
  if (commands.length > 0) {
    // A refusal means the kernel holds something else than we think: the next attempt writes everything.
    capturing.held = undefined;
    await nft.apply({ table: { family: nftFamily, name: TABLE_NAME }, commands });
    capturing.held = held;
  }
  for (const id of changed) {
    const portal = portals.get(id);
    if (portal === undefined) held.delete(id);
    else held.set(id, portal);
  }
  await endStaleFlows(capturing, [...before, ...after], after);
}

function elementsFor(guards: Guards, portal: OpenPortal | undefined): Elements {
  if (portal === undefined) return new Map();
  return elementsOf(portal, (allowedSources) => {
    const text = allowedSources.join(' ');
    const known = guards.names.get(text);
    if (known !== undefined) return known.name;
    const name = `allowed-${++guards.nEver}`;
    guards.names.set(text, { name, allowedSources });
    return name;
  });
}

function forgetUnused({ names }: Guards, portals: Captured['portals']): void {
  const used = new Set<string>();
  for (const { allowedSources } of portals.values()) if (allowedSources) used.add(allowedSources.join(' '));
  for (const text of names.keys()) if (!used.has(text)) names.delete(text);
}

function guardChanges(
  family: NftFamily,
  before: ReadonlyMap<string, Guard>,
  after: ReadonlyMap<string, Guard>,
): { readonly add: readonly Command[]; readonly remove: readonly Command[] } {
  const commandsOf = ({ name, allowedSources }: Guard) => guardCommands(family, name, allowedSources);
  const missingIn = (other: ReadonlyMap<string, Guard>, guards: ReadonlyMap<string, Guard>): Guard[] =>
    [...guards].filter(([text]) => !other.has(text)).map(([, guard]) => guard);
  return {
    add: missingIn(before, after).flatMap((guard) => commandsOf(guard).add),
    remove: missingIn(after, before).flatMap((guard) => commandsOf(guard).remove),
  };
}

async function endStaleFlows(
  { conntrack, family, watched, held }: Capturing,
  changed: readonly (readonly [string, Placed])[],
  now: Elements,
): Promise<void> {
  const udp = changed.filter(([, { element }]) => element.key.includes('udp'));
  if (udp.length === 0) return;
  const startMs = watched?.clock.now() ?? 0;
  let nEnded = 0;
  const flows = await conntrack.list({ family, protocol: 'UDP' });
  const isOthers = (flow: Flow): boolean =>
    [...(held?.values() ?? [])].some(
      ({ protocol, frontends }) =>
        protocol === 'UDP' && frontends.some((frontend) => isToAddressOf(frontend, flow)),
    );
  for (const flow of staleFlows(flows, { changed: udp, now }, isOthers))
    if (await conntrack.delete(flow)) nEnded++;
  watched?.onReconciled({ nEnded, durationMs: watched.clock.now() - startMs });
}

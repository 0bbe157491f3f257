import { deepEqual } from '../../../base/deep-equal.ts';
import type { Conntrack, Flow } from '../../../kernel/conntrack/model.ts';
import type { Command, NftFamily, NftSet, TableRef } from '../../../kernel/nft/model.ts';
import type { NftKernel } from '../../../kernel/nft/nft-kernel.ts';
import type { IpFamily } from '../../../net/ip.ts';
import type { Watched } from '../../conntrack/reconciled-mode.ts';
import { countOwnWrites } from '../nftables/own-writes.ts';
import type { OwnWrites } from '../nftables/own-writes.ts';
import type { ProxyNode } from '../../state/model.ts';
import type { Capture, Captured, OpenPortal } from './capture.ts';
import { elementCommands, elementsOf, slicesOf } from './netfilter-plan.ts';
import type { ElementChange } from './netfilter-plan.ts';
import {
  TABLE_NAME,
  byText,
  fixedPart,
  guardPart,
  partChange,
  partCommands,
  partRemoval,
  setsOf,
} from './netfilter-table.ts';
import type { Elements, GuardPart, Part, Placed } from './netfilter-table.ts';
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

interface Capturing extends NetfilterCaptureOptions {
  readonly nftFamily: NftFamily;
  readonly sets: ReturnType<typeof setsOf>;
  /** What the kernel holds, by portal; undefined = unknown, the next apply looks at everything. */
  held: Map<string, OpenPortal> | undefined;
  /** The node that the rules of our table were made for; undefined = whatever table is there is not ours. */
  heldNode: ProxyNode | undefined;
  readonly guards: Guards;
  readonly own: OwnWrites;
}

/** Chains for lists of allowed sources, one for each different list. */
interface Guards {
  /** Text of the list -> its chain. */
  readonly parts: Map<string, GuardPart>;
  nEver: number;
}

/** Elements changed by one transaction; an ordinary user's netlink socket takes about 3 500. */
const SLICE = 1700;

/** Sends what is addressed to virtual IPs and node ports to the process, by destination NAT in a table of its own. */
export function createNetfilterCapture(options: NetfilterCaptureOptions): Capture {
  const nftFamily: NftFamily = options.family === 'IPv4' ? 'ip' : 'ip6';
  const guards: Guards = { parts: new Map(), nEver: 0 };
  const own = countOwnWrites(options.nft);
  const { nft } = own;
  const capturing: Capturing = {
    ...options,
    ...{ nft, own, nftFamily, guards, sets: setsOf(nftFamily) },
    held: undefined,
    heldNode: undefined,
  };
  const { address } = options;
  return {
    leadsToOldListeners: true,
    places: (portal) =>
      portal.hasEndpoints ? [{ name: address, candidates: [{ host: address, port: 0 }] }] : [],
    apply: async ({ node, portals, changed }) => {
      const { held, heldNode } = capturing;
      if (heldNode === undefined) return replaceAll(capturing, { node, portals });
      if (held === undefined) return correctAll(capturing, { node, portals });
      if (changed !== undefined) return applyChanged(capturing, held, { portals, changed });
      // A look at everything finds what we wrote, as long as nobody else wrote anything.
      if (!deepEqual(heldNode, node) || !(await own.areAll()))
        return correctAll(capturing, { node, portals });
      const others = [...portals.keys(), ...held.keys()].filter((id) => portals.get(id) !== held.get(id));
      return applyChanged(capturing, held, { portals, changed: new Set(others) });
    },
    cleanup: async () => {
      capturing.held = undefined;
      capturing.heldNode = undefined;
      await nft.apply({ table: tableOf(capturing), commands: [{ op: 'add-table' }, { op: 'delete-table' }] });
    },
  };
}

const tableOf = ({ nftFamily }: Capturing): TableRef => ({ family: nftFamily, name: TABLE_NAME });

type All = Omit<Captured, 'changed'>;

/** A new table in place of whatever was there, in one transaction as long as it is not very large. */
async function replaceAll(capturing: Capturing, { node, portals }: All): Promise<void> {
  const { nftFamily, guards } = capturing;
  capturing.held = undefined;
  capturing.heldNode = undefined;
  await capturing.own.watch();
  const guardsBefore = new Map<string, GuardPart>();
  guards.parts.clear();
  const served = elementsForAll(capturing, portals);
  const fixed = fixedPart(nftFamily, node);
  const first: readonly Command[] = [
    ...(['add-table', 'delete-table', 'add-table'] as const).map((op) => ({ op })),
    ...partCommands(fixed),
  ];
  const after = new Map([...byText(fixed.elements), ...served]);
  const onBegun = (): void => void (capturing.heldNode = node);
  await write(capturing, { before: new Map(), after, guardsBefore, first, onBegun });
  capturing.held = new Map(portals);
  await endStaleFlows(capturing, [...served], served);
}

/**
 * Reads the table that we made, and corrects what differs: somebody else wrote to nf_tables, the node is another one, or a change was
 * refused. The hooks stay, since a packet can pass between a table that goes and one that comes.
 */
async function correctAll(capturing: Capturing, { node, portals }: All): Promise<void> {
  const { nftFamily, guards, heldNode = node } = capturing;
  capturing.held = undefined;
  await capturing.own.watch();
  const fixed = fixedPart(nftFamily, heldNode);
  const partsBefore = [fixed, ...guards.parts.values()];
  if (!(await isIntact(capturing, partsBefore))) return replaceAll(capturing, { node, portals });
  const guardsBefore = new Map(guards.parts);
  const served = elementsForAll(capturing, portals);
  forgetUnused(guards, portals);
  const next = deepEqual(heldNode, node) ? fixed : fixedPart(nftFamily, node);
  const partsAfter = [next, ...guards.parts.values()];
  const left = new Set(partsAfter.flatMap(({ sets }) => sets.map(({ name }) => name)));
  const before = await read(
    capturing,
    partsBefore.flatMap(({ sets }) => sets.filter(({ name }) => left.has(name))),
  );
  const after = new Map([...byText(partsAfter.flatMap(({ elements }) => elements)), ...served]);
  const first = next === fixed ? [] : partChange(fixed, next);
  const onBegun = (): void => void (capturing.heldNode = node);
  await write(capturing, { before, after, guardsBefore, first, onBegun });
  capturing.held = new Map(portals);
  await endStaleFlows(capturing, [...before, ...served], served);
}

/** Whether the table has these chains, with as many rules, and these sets, and no others. */
async function isIntact(capturing: Capturing, parts: readonly Part[]): Promise<boolean> {
  const shape = await capturing.nft.table(tableOf(capturing));
  if (shape === undefined) return false;
  const chains = parts.flatMap((part) => part.chains);
  const sets = parts.flatMap((part) => part.sets);
  return (
    shape.nRules.size === chains.length &&
    chains.every(({ chain, rules }) => shape.nRules.get(chain.name) === rules.length) &&
    shape.sets.size === sets.length &&
    sets.every(({ name }) => shape.sets.has(name))
  );
}

async function read(capturing: Capturing, sets: readonly NftSet[]): Promise<Elements> {
  const placed: Placed[] = [];
  for (const set of sets)
    for (const element of await capturing.nft.elements(tableOf(capturing), set))
      placed.push({ set, element });
  return byText(placed);
}

interface Writing extends ElementChange {
  /** The guards the kernel has. */
  readonly guardsBefore: GuardParts;
  readonly first?: readonly Command[];
  /** After the first transaction, which has `first`. */
  readonly onBegun?: () => void;
}

/** What comes first, guards that are new, elements that differ, and guards that go: in one transaction, unless it is very large. */
async function write(
  capturing: Capturing,
  { guardsBefore, first = [], onBegun, ...change }: Writing,
): Promise<void> {
  const { guards, nft } = capturing;
  const { add, remove, elements } = guardChanges(guardsBefore, guards.parts);
  const after = new Map([...elements, ...change.after]);
  const steps = slicesOf({ before: change.before, after }, SLICE).map(elementCommands);
  if (steps.length === 0) steps.push([]);
  try {
    for (const [i, step] of steps.entries()) {
      const isLast = i === steps.length - 1;
      const commands = [...(i === 0 ? [...first, ...add] : []), ...step, ...(isLast ? remove : [])];
      if (commands.length > 0) await nft.apply({ table: tableOf(capturing), commands });
      onBegun?.();
    }
  } catch (error) {
    guards.parts.clear();
    for (const [text, part] of guardsBefore) guards.parts.set(text, part);
    throw error;
  }
}

async function applyChanged(
  capturing: Capturing,
  held: Map<string, OpenPortal>,
  { portals, changed }: { portals: Captured['portals']; changed: ReadonlySet<string> },
): Promise<void> {
  const { guards } = capturing;
  const before = new Map<string, Placed>();
  const after = new Map<string, Placed>();
  const guardsBefore = new Map(guards.parts);
  for (const id of changed) {
    for (const [text, placed] of elementsFor(capturing, held.get(id))) before.set(text, placed);
    for (const [text, placed] of elementsFor(capturing, portals.get(id))) after.set(text, placed);
  }
  if (guards.parts.size > 0) forgetUnused(guards, portals);
  // A refusal means the kernel holds something else than we think: the next attempt looks at everything.
  capturing.held = undefined;
  await write(capturing, { before, after, guardsBefore });
  capturing.held = held;
  for (const id of changed) {
    const portal = portals.get(id);
    if (portal === undefined) held.delete(id);
    else held.set(id, portal);
  }
  await endStaleFlows(capturing, [...before, ...after], after);
}

const elementsForAll = (capturing: Capturing, portals: Captured['portals']): Elements =>
  new Map([...portals.values()].flatMap((portal) => [...elementsFor(capturing, portal)]));

function elementsFor({ nftFamily, sets, guards }: Capturing, portal: OpenPortal | undefined): Elements {
  if (portal === undefined) return new Map();
  return elementsOf(sets, portal, (allowedSources) => {
    const text = allowedSources.join(' ');
    const part = guards.parts.get(text) ?? guardPart(nftFamily, `allowed-${++guards.nEver}`, allowedSources);
    guards.parts.set(text, part);
    return part.name;
  });
}

function forgetUnused({ parts }: Guards, portals: Captured['portals']): void {
  const used = new Set<string>();
  for (const { allowedSources } of portals.values()) if (allowedSources) used.add(allowedSources.join(' '));
  for (const text of parts.keys()) if (!used.has(text)) parts.delete(text);
}

interface GuardChanges {
  readonly add: readonly Command[];
  /** Of those that are new. */
  readonly elements: Elements;
  readonly remove: readonly Command[];
}

type GuardParts = ReadonlyMap<string, GuardPart>;

function guardChanges(before: GuardParts, after: GuardParts): GuardChanges {
  const missingIn = (other: GuardParts, parts: GuardParts): readonly Part[] =>
    [...parts].filter(([text, part]) => other.get(text) !== part).map(([, part]) => part);
  const added = missingIn(before, after);
  return {
    add: added.flatMap(partCommands),
    elements: byText(added.flatMap(({ elements }) => elements)),
    remove: missingIn(after, before).flatMap(partRemoval),
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

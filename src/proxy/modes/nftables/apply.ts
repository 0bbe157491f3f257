import { setImmediate } from 'node:timers/promises';
import { elementKey } from '../../../kernel/nft/model.ts';
import type { NftElement, NftFamily, NftSet, Scalar } from '../../../kernel/nft/model.ts';
import { NftError } from '../../../kernel/nft/nft-kernel.ts';
import type { NftKernel } from '../../../kernel/nft/nft-kernel.ts';
import type { ProxyNode, ServicePort } from '../../state/model.ts';
import { demandChains } from './demand-chains.ts';
import { layoutCommands } from './layout.ts';
import type { Layout } from './layout.ts';
import { writeWhatFits } from './narrowing.ts';
import type { Refused } from './narrowing.ts';
import { emptyMemory, planAdoption, planChange, planCidrs, planLeftovers } from './plan.ts';
import type { Contents, Memory } from './plan.ts';
import { renderCidrs } from './render.ts';
import type { PlacedElement } from './render.ts';
import { demandSet, isEndpointsKind, parseDemand } from './sets.ts';
import { SliceWriter } from './slice-writer.ts';

/** Service ports planned between two turns of the event loop. */
const portsPerTurn = 500;

export interface Target {
  readonly nft: NftKernel;
  readonly layout: Layout;
  /** Addresses for Services: what has no Service there is dropped. Empty = nothing is dropped. */
  readonly serviceCIDRs: readonly string[];
}

export interface Wanted {
  readonly node: ProxyNode;
  readonly ports: readonly ServicePort[];
}

function wantedCidrs({ layout, serviceCIDRs }: Target, node: ProxyNode): PlacedElement[] {
  const { sets, table } = layout;
  const family = table.family === 'ip' ? 'IPv4' : 'IPv6';
  const place = (set: NftSet, elements: readonly NftElement[]): PlacedElement[] =>
    elements.map((element) => ({ set, element }));
  return [
    ...place(sets.podCidrs, renderCidrs(node.podCIDRs, family, 'all')),
    ...place(sets.knownPods, renderCidrs(node.podCIDRs, family, 'none')),
    ...place(sets.nodePortCidrs, renderCidrs(node.nodePortAddresses, family, 'all')),
    ...place(sets.serviceCidrs, renderCidrs(serviceCIDRs, family, 'none')),
  ];
}

/** The maps of remembered clients among these names. */
export function affinityMaps(names: Iterable<string>, { table }: Layout): NftSet[] {
  return demandSets(names, table.family).filter(({ dynamic }) => dynamic !== undefined);
}

function demandSets(names: Iterable<string>, family: NftFamily): NftSet[] {
  return [...names].flatMap((name) => {
    const demand = parseDemand(name);
    return demand === undefined ? [] : [demandSet(family, demand)];
  });
}

/**
 * Reads what stands in our table. `foreign` = it is not as this version makes it: another layout, or chains, rules or sets that
 * somebody removed or added. Clients' affinity is not read: it is the kernel's own.
 */
async function readContents({ nft, layout }: Target): Promise<Contents | 'absent' | 'foreign'> {
  const shape = await nft.table(layout.table);
  if (shape === undefined) return 'absent';
  if (shape.comment !== layout.comment) return 'foreign';
  const names = new Set(shape.sets);
  for (const { name } of Object.values(layout.sets)) if (!names.delete(name)) return 'foreign';
  const demanded = demandSets(names, layout.table.family);
  if (demanded.length !== names.size) return 'foreign';
  const chains = new Map(shape.nRules);
  const nExpected = new Map(
    [...layout.chains, ...demandChains(names)].map(({ chain, rules }) => [chain.name, rules.length]),
  );
  for (const [name, n] of nExpected) {
    if ((chains.get(name) ?? 0) !== n) return 'foreign';
    chains.delete(name);
  }
  /** The others are those of shared affinity, which have one rule. */
  if ([...chains.values()].some((n) => n !== 1)) return 'foreign';
  const contents: Contents = { elements: new Map(), chains: new Set(chains.keys()), sets: names };
  for (const set of [...Object.values(layout.sets), ...demanded]) {
    if (set.dynamic !== undefined) continue;
    contents.elements.set(set.name, await byKey(await nft.elements(layout.table, set)));
  }
  return contents;
}

/** Elements looked at between two turns of the event loop. */
const elementsPerTurn = 5000;

async function byKey(elements: readonly NftElement[]): Promise<Map<string, NftElement>> {
  const found = new Map<string, NftElement>();
  for (const element of elements) {
    found.set(elementKey(element.key), element);
    if (found.size % elementsPerTurn === 0) await setImmediate();
  }
  return found;
}

interface Adopted {
  readonly memory: Memory;
  readonly goneFrontends: readonly Scalar[][];
}

/** Keys of the frontends that endpoints were found for and not wanted: `ip, protocol, port`, or `protocol, port`. */
function goneFrontends({ sets: { rangeIps, insideRangeIps } }: Layout, contents: Contents): Scalar[][] {
  return [...contents.elements].flatMap(([name, left]) => {
    const keys = [...left.values()].map(({ key }) => [...key]);
    if (name === rangeIps.name || name === insideRangeIps.name) return keys;
    const kind = parseDemand(name)?.kind;
    if (kind === undefined || !isEndpointsKind(kind) || kind.includes('range')) return [];
    return keys.map((key) => key.slice(0, -1));
  });
}

async function adopt(
  target: Target,
  wanted: Wanted,
  start: { writer: SliceWriter; contents: Contents },
): Promise<Adopted> {
  const { layout } = target;
  const { writer, contents } = start;
  const memory = emptyMemory();
  await writer.push(planCidrs(contents, wantedCidrs(target, wanted.node)));
  for (let i = 0; i < wanted.ports.length; i += portsPerTurn) {
    const ports = wanted.ports.slice(i, i + portsPerTurn);
    await writer.push(planAdoption(memory, contents, { ports, layout }));
    if (i > 0) await setImmediate();
  }
  const gone = goneFrontends(layout, contents);
  await writer.push(planLeftovers(memory, contents, layout));
  await writer.finish();
  return { memory, goneFrontends: gone };
}

const emptyContents = (): Contents => ({ elements: new Map(), chains: new Set(), sets: new Set() });

async function replace(target: Target, wanted: Wanted, isWhole: boolean): Promise<Adopted> {
  const { nft, layout } = target;
  const writer = new SliceWriter({ nft, table: layout.table, isWhole, before: layoutCommands(layout) });
  return adopt(target, wanted, { writer, contents: emptyContents() });
}

const isDrift = (error: unknown): boolean =>
  error instanceof NftError && ['EEXIST', 'ENOENT', 'EBUSY'].includes(error.code);

export interface Outcome extends Adopted {
  /** What was found: our table, none, or one that had to be replaced. */
  readonly found: 'adopted' | 'absent' | 'foreign';
}

/**
 * Makes the table hold exactly what is wanted, starting from whatever is there: a right table is only corrected where it differs; another
 * one under our name is replaced in one transaction if the kernel takes it in one, so that no connection meets a gap.
 */
export async function applyAll(target: Target, wanted: Wanted): Promise<Outcome> {
  const { nft, layout } = target;
  const contents = await readContents(target);
  if (contents !== 'absent' && contents !== 'foreign') {
    try {
      const writer = new SliceWriter({ nft, table: layout.table });
      return { ...(await adopt(target, wanted, { writer, contents })), found: 'adopted' };
    } catch (error) {
      if (!isDrift(error)) throw error;
    }
  }
  if (contents === 'absent') return { ...(await replace(target, wanted, false)), found: 'absent' };
  try {
    return { ...(await replace(target, wanted, true)), found: 'foreign' };
  } catch (error) {
    if (!(error instanceof NftError) || error.code !== 'EMSGSIZE') throw error;
    return { ...(await replace(target, wanted, false)), found: 'foreign' };
  }
}

/**
 * As `applyAll`, but Service ports that the kernel refuses are left out; what they had goes. A table that is not ours is emptied
 * first, since nobody knows whether a whole one would be taken.
 */
export async function applyWhatFits(
  target: Target,
  wanted: Wanted,
): Promise<Outcome & { readonly refused: readonly Refused[] }> {
  const { nft, layout } = target;
  const read = await readContents(target);
  const isOurs = read !== 'absent' && read !== 'foreign';
  if (!isOurs) await nft.apply({ table: layout.table, commands: layoutCommands(layout) });
  const contents = isOurs ? read : emptyContents();
  const blocks = new SliceWriter({ nft, table: layout.table });
  await blocks.push(planCidrs(contents, wantedCidrs(target, wanted.node)));
  await blocks.finish();
  const written = await writeWhatFits(target, { memory: emptyMemory(), contents }, wanted.ports);
  const gone = goneFrontends(layout, written.contents);
  const rest = new SliceWriter({ nft, table: layout.table });
  await rest.push(planLeftovers(written.memory, written.contents, layout));
  await rest.finish();
  const { memory, refused } = written;
  return { memory, goneFrontends: gone, found: isOurs ? 'adopted' : read, refused };
}

/** Changes what differs for these ids (undefined = gone), in one transaction unless it is huge; `memory` follows. */
export async function applyChange(
  { nft, layout }: Target,
  memory: Memory,
  next: ReadonlyMap<string, ServicePort | undefined>,
): Promise<void> {
  const writer = new SliceWriter({ nft, table: layout.table });
  await writer.push(planChange(memory, next, layout));
  await writer.finish();
}

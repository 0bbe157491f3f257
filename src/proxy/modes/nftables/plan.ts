import { elementData, elementKey } from '../../../kernel/nft/model.ts';
import type { NftElement, NftSet } from '../../../kernel/nft/model.ts';
import type { ServicePort } from '../../state/model.ts';
import { demandChains } from './demand-chains.ts';
import type { Layout } from './layout.ts';
import type { ChainRules } from './rules.ts';
import { demandSet, parseDemand } from './sets.ts';
import { renderServicePort } from './render.ts';
import type { PlacedElement } from './render.ts';

/** `replace` has the element as it shall be. */
export interface Change extends PlacedElement {
  readonly kind: 'add' | 'replace' | 'delete';
}

/** What makes the table right: new sets and chains first, then the changes in order, then what nothing leads to any more. */
export interface Step {
  readonly newSets: readonly NftSet[];
  /** Chains that get other rules before the changes, to reach new sets, and after them, to let go of old ones. */
  readonly widened: readonly ChainRules[];
  readonly trimmed: readonly ChainRules[];
  readonly newChains: readonly ChainRules[];
  readonly changes: readonly Change[];
  readonly goneChains: readonly string[];
  readonly goneSets: readonly string[];
}

/** How many Service ports need something that they share; the key is its name. */
export type Counts = Map<string, number>;

/** What the table holds because of whom, so that a change can be planned without reading it. */
export interface Memory {
  readonly ports: Map<string, ServicePort>;
  /** Elements of shared sets, by `set|key`. */
  readonly shared: Counts;
  readonly chains: Counts;
  /** Sets made on demand. */
  readonly sets: Counts;
}

export function emptyMemory(): Memory {
  return { ports: new Map(), shared: new Map(), chains: new Map(), sets: new Map() };
}

/** What stands in the kernel, as read; planning takes out what is wanted, and what is left is to be deleted. */
export interface Contents {
  /** By set and key as text. */
  readonly elements: Map<string, Map<string, NftElement>>;
  /** Chains made on demand. */
  readonly chains: Set<string>;
  /** Sets made on demand. */
  readonly sets: Set<string>;
}

interface Counted<T> {
  readonly value: T;
  n: number;
}

interface Collected {
  readonly own: Map<string, PlacedElement>;
  readonly shared: Map<string, Counted<PlacedElement>>;
  readonly chains: Map<string, Counted<ChainRules>>;
  readonly sets: Map<string, Counted<NftSet>>;
}

const placeKey = (set: NftSet, element: NftElement): string => `${set.name}|${elementKey(element.key)}`;

function count<T>(into: Map<string, Counted<T>>, key: string, value: T): void {
  const counted = into.get(key);
  if (counted === undefined) into.set(key, { value, n: 1 });
  else counted.n++;
}

function collect(ports: Iterable<ServicePort>, layout: Layout): Collected {
  const collected: Collected = {
    own: new Map(),
    shared: new Map(),
    chains: new Map(),
    sets: new Map(),
  };
  const { clusterIps, externalIps, hairpin } = layout.sets;
  const isShared = (set: NftSet): boolean => set === clusterIps || set === externalIps || set === hairpin;
  for (const port of ports) {
    const { elements, chains, sets } = renderServicePort(port, layout);
    for (const placed of elements) {
      const key = placeKey(placed.set, placed.element);
      if (isShared(placed.set)) count(collected.shared, key, placed);
      else collected.own.set(key, placed);
    }
    for (const chain of chains) count(collected.chains, chain.chain.name, chain);
    for (const set of sets) count(collected.sets, set.name, set);
  }
  return collected;
}

/** Adds `by` to a count; says whether it came to life or died. */
function shift(counts: Counts, key: string, by: number): 'born' | 'dead' | 'same' {
  const before = counts.get(key) ?? 0;
  const after = before + by;
  if (after > 0) counts.set(key, after);
  else counts.delete(key);
  if (before <= 0 && after > 0) return 'born';
  return before > 0 && after <= 0 ? 'dead' : 'same';
}

function shiftAll<T>(
  counts: Counts,
  before: ReadonlyMap<string, Counted<T>>,
  after: ReadonlyMap<string, Counted<T>>,
): { born: T[]; dead: T[] } {
  const born: T[] = [];
  const dead: T[] = [];
  for (const [key, { value, n }] of after) {
    if (shift(counts, key, n - (before.get(key)?.n ?? 0)) === 'born') born.push(value);
    else if (!counts.has(key)) dead.push(value);
  }
  for (const [key, { value, n }] of before) {
    if (!after.has(key) && shift(counts, key, -n) === 'dead') dead.push(value);
  }
  return { born, dead };
}

/** Guards and endpoints first and deletions last: should a huge change need several transactions, nothing leads into a gap in between. */
function inOrder(changes: readonly Change[]): Change[] {
  const isGuard = (set: NftSet): boolean => set.isInterval === true && set.data === undefined;
  const rank = ({ kind, set }: Change): number =>
    kind === 'delete' ? 2 : !isGuard(set) && (set.data === undefined || set.data === 'verdict') ? 1 : 0;
  return [0, 1, 2].flatMap((wanted) => changes.filter((change) => rank(change) === wanted));
}

/** Plans from what the table is known to hold; brings `memory` to what it will hold. `next` has the changed ids; undefined = gone. */
export function planChange(
  memory: Memory,
  next: ReadonlyMap<string, ServicePort | undefined>,
  layout: Layout,
): Step {
  const old = [...next.keys()].flatMap((id) => memory.ports.get(id) ?? []);
  const before = collect(old, layout);
  const after = collect(
    [...next.values()].filter((port) => port !== undefined),
    layout,
  );
  const changes: Change[] = [];
  for (const [key, placed] of after.own) {
    const previous = before.own.get(key);
    if (previous === undefined) changes.push({ kind: 'add', ...placed });
    else if (elementData(previous.element.data) !== elementData(placed.element.data))
      changes.push({ kind: 'replace', ...placed });
  }
  for (const [key, placed] of before.own)
    if (!after.own.has(key)) changes.push({ kind: 'delete', ...placed });
  const shared = shiftAll(memory.shared, before.shared, after.shared);
  // One by one: of hundreds of thousands, spread as arguments, the stack has no room.
  for (const placed of shared.born) changes.push({ kind: 'add', ...placed });
  for (const placed of shared.dead) changes.push({ kind: 'delete', ...placed });
  const chains = shiftAll(memory.chains, before.chains, after.chains);
  const sets = shiftAll(memory.sets, before.sets, after.sets);
  const goneSets = sets.dead.map(({ name }) => name);
  for (const [id, port] of next) {
    if (port === undefined) memory.ports.delete(id);
    else memory.ports.set(id, port);
  }
  return {
    newSets: sets.born,
    widened: sets.born.length > 0 ? demandChains([...memory.sets.keys(), ...goneSets]) : [],
    trimmed: goneSets.length > 0 ? demandChains(memory.sets.keys()) : [],
    newChains: chains.born,
    changes: inOrder(changes),
    goneChains: chains.dead.map(({ chain }) => chain.name),
    goneSets,
  };
}

function compareWith(contents: Contents, placed: PlacedElement): Change | undefined {
  const { set, element } = placed;
  const held = contents.elements.get(set.name);
  // Of a first load nothing is there to be found.
  if (held === undefined || held.size === 0) return { kind: 'add', ...placed };
  const key = elementKey(element.key);
  const found = held.get(key);
  if (found === undefined) return { kind: 'add', ...placed };
  held.delete(key);
  return elementData(found.data) === elementData(element.data) ? undefined : { kind: 'replace', ...placed };
}

function deletions(contents: Contents, sets: readonly NftSet[]): Change[] {
  return sets.flatMap((set) => {
    const left = [...(contents.elements.get(set.name)?.values() ?? [])];
    contents.elements.delete(set.name);
    return left.map((element): Change => ({ kind: 'delete', set, element }));
  });
}

const noStep: Step = {
  newSets: [],
  widened: [],
  trimmed: [],
  newChains: [],
  changes: [],
  goneChains: [],
  goneSets: [],
};

/** Plans the sets of address blocks. Their old blocks go in the same step, since blocks must not overlap. */
export function planCidrs(contents: Contents, wanted: readonly PlacedElement[]): Step {
  const changes = wanted.flatMap((placed) => compareWith(contents, placed) ?? []);
  const sets = [...new Set(wanted.map(({ set }) => set))];
  return { ...noStep, changes: [...deletions(contents, sets), ...changes] };
}

/** Plans some more Service ports against what was read, and notes them in `memory`. Nothing is deleted yet. */
export function planAdoption(
  memory: Memory,
  contents: Contents,
  { ports, layout }: { ports: readonly ServicePort[]; layout: Layout },
): Step {
  const wanted = collect(ports, layout);
  const none = new Map<string, Counted<never>>();
  const placed = [...wanted.own.values(), ...shiftAll(memory.shared, none, wanted.shared).born];
  const changes = placed.flatMap((each) => compareWith(contents, each) ?? []);
  const newChains = shiftAll(memory.chains, none, wanted.chains).born.filter(
    ({ chain }) => !contents.chains.delete(chain.name),
  );
  const newSets = shiftAll(memory.sets, none, wanted.sets).born.filter(
    ({ name }) => !contents.sets.delete(name),
  );
  for (const port of ports) memory.ports.set(port.id, port);
  const names = [...memory.sets.keys(), ...contents.sets];
  const widened = newSets.length > 0 ? demandChains(names) : [];
  return { ...noStep, newSets, widened, newChains, changes: inOrder(changes) };
}

/** Plans the end of an adoption: deletes what nothing wanted. */
export function planLeftovers(memory: Memory, contents: Contents, layout: Layout): Step {
  const { family } = layout.table;
  const kept = [...memory.sets.keys()].flatMap((name) => {
    const demand = parseDemand(name);
    return demand === undefined ? [] : [demandSet(family, demand)];
  });
  return {
    ...noStep,
    trimmed: contents.sets.size > 0 ? demandChains(memory.sets.keys()) : [],
    changes: deletions(contents, [...Object.values(layout.sets), ...kept]),
    goneChains: [...contents.chains],
    goneSets: [...contents.sets],
  };
}

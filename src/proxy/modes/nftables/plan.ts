import { elementData, elementKey } from '../../../kernel/nft/model.ts';
import type { NftElement, NftSet } from '../../../kernel/nft/model.ts';
import type { ServicePort } from '../../state/model.ts';
import type { ChainRules, Layout } from './layout.ts';
import { renderServicePort } from './render.ts';
import type { PlacedElement } from './render.ts';

/** `replace` has the element as it shall be. */
export interface Change extends PlacedElement {
  readonly kind: 'add' | 'replace' | 'delete';
}

/** What makes the table right: new sets and chains first, then the changes in order, then what nothing leads to any more. */
export interface Step {
  readonly newSets: readonly NftSet[];
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
  readonly affinitySets: Counts;
}

export function emptyMemory(): Memory {
  return { ports: new Map(), shared: new Map(), chains: new Map(), affinitySets: new Map() };
}

/** What stands in the kernel, as read; planning takes out what is wanted, and what is left is to be deleted. */
export interface Contents {
  /** By set and key as text. */
  readonly elements: Map<string, Map<string, NftElement>>;
  /** Chains made on demand. */
  readonly chains: Set<string>;
  /** Affinity maps. */
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
  readonly affinitySets: Map<string, Counted<NftSet>>;
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
    affinitySets: new Map(),
  };
  const { clusterIps, hairpin } = layout.sets;
  for (const port of ports) {
    const { elements, chains, affinitySet } = renderServicePort(port, layout);
    for (const placed of elements) {
      const key = placeKey(placed.set, placed.element);
      if (placed.set === clusterIps || placed.set === hairpin) count(collected.shared, key, placed);
      else collected.own.set(key, placed);
    }
    for (const chain of chains) count(collected.chains, chain.chain.name, chain);
    if (affinitySet !== undefined) count(collected.affinitySets, affinitySet.name, affinitySet);
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

/** Endpoints first, then what remembers and masquerades, then what leads to them: a reader in between finds no gap. */
function inOrder(changes: Change[], { sets }: Layout): Change[] {
  const last = new Set<NftSet>([
    sets.serviceIps,
    sets.serviceNodePorts,
    sets.noEndpointIps,
    sets.noEndpointNodePorts,
  ]);
  const first = new Set<NftSet>([sets.endpoints, sets.nodePortEndpoints]);
  const rank = ({ kind, set }: Change): number =>
    kind === 'delete' ? 3 : first.has(set) ? 0 : last.has(set) ? 2 : 1;
  return changes
    .map((change) => ({ change, rank: rank(change) }))
    .sort((a, b) => a.rank - b.rank)
    .map(({ change }) => change);
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
  changes.push(...shared.born.map((placed): Change => ({ kind: 'add', ...placed })));
  changes.push(...shared.dead.map((placed): Change => ({ kind: 'delete', ...placed })));
  const chains = shiftAll(memory.chains, before.chains, after.chains);
  const sets = shiftAll(memory.affinitySets, before.affinitySets, after.affinitySets);
  for (const [id, port] of next) {
    if (port === undefined) memory.ports.delete(id);
    else memory.ports.set(id, port);
  }
  return {
    newSets: sets.born,
    newChains: chains.born,
    changes: inOrder(changes, layout),
    goneChains: chains.dead.map(({ chain }) => chain.name),
    goneSets: sets.dead.map(({ name }) => name),
  };
}

function compareWith(contents: Contents, placed: PlacedElement): Change | undefined {
  const { set, element } = placed;
  const held = contents.elements.get(set.name);
  const key = elementKey(element.key);
  const found = held?.get(key);
  if (found === undefined) return { kind: 'add', ...placed };
  held?.delete(key);
  return elementData(found.data) === elementData(element.data) ? undefined : { kind: 'replace', ...placed };
}

function deletions(contents: Contents, sets: readonly NftSet[]): Change[] {
  return sets.flatMap((set) => {
    const left = [...(contents.elements.get(set.name)?.values() ?? [])];
    contents.elements.delete(set.name);
    return left.map((element): Change => ({ kind: 'delete', set, element }));
  });
}

const noStep: Step = { newSets: [], newChains: [], changes: [], goneChains: [], goneSets: [] };

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
  const newSets = shiftAll(memory.affinitySets, none, wanted.affinitySets).born.filter(
    ({ name }) => !contents.sets.delete(name),
  );
  for (const port of ports) memory.ports.set(port.id, port);
  return { newSets, newChains, changes: inOrder(changes, layout), goneChains: [], goneSets: [] };
}

/** Plans the end of an adoption: deletes what nothing wanted. */
export function planLeftovers(contents: Contents, layout: Layout): Step {
  return {
    ...noStep,
    changes: deletions(contents, Object.values(layout.sets)),
    goneChains: [...contents.chains],
    goneSets: [...contents.sets],
  };
}

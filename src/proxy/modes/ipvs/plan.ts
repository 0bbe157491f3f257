import { deepEqual } from '../../../base/deep-equal.ts';
import { serverText } from '../../../kernel/ipvs/model.ts';
import { elementData, elementKey } from '../../../kernel/nft/model.ts';
import type { NftElement } from '../../../kernel/nft/model.ts';
import type { ServicePort } from '../../state/model.ts';
import type { ChainRules } from './layout.ts';
import type { PlacedElement, PlannedServer, PortPlan } from './render.ts';

/** Something several Service ports may want; `n` = how often. */
interface Held<T> {
  readonly value: T;
  readonly n: number;
}

/** What is in the kernel because of whom, so that a change can be planned without reading it. */
export interface Memory {
  readonly ports: Map<string, ServicePort>;
  /** What stays of Service ports, by their id, for connections that have not ended. */
  readonly ghosts: Map<string, PortPlan>;
  /** By set and key. */
  readonly elements: Map<string, Held<PlacedElement>>;
  readonly chains: Map<string, Held<ChainRules>>;
  readonly addresses: Map<string, Held<string>>;
  /** By serverText. */
  readonly servers: Map<string, Held<PlannedServer>>;
}

export const emptyMemory = (): Memory => ({
  ports: new Map(),
  ghosts: new Map(),
  elements: new Map(),
  chains: new Map(),
  addresses: new Map(),
  servers: new Map(),
});

/** `replace` has the element as it shall be. */
export interface Change extends PlacedElement {
  readonly kind: 'add' | 'replace' | 'delete';
}

/** What a change comes to, in the order it is carried out. */
export interface Step {
  readonly goneAddresses: readonly string[];
  readonly newChains: readonly ChainRules[];
  readonly changes: readonly Change[];
  readonly goneChains: readonly string[];
  /** New ones and those that differ. */
  readonly servers: readonly PlannedServer[];
  readonly goneServers: readonly PlannedServer[];
  readonly newAddresses: readonly string[];
}

export const placeKey = ({ set, element }: PlacedElement): string => `${set.name}|${elementKey(element.key)}`;

type Counted<T> = Map<string, Held<T>>;

function collect<T>(items: Iterable<T>, keyOf: (item: T) => string): Counted<T> {
  const counted: Counted<T> = new Map();
  for (const item of items) {
    const key = keyOf(item);
    const found = counted.get(key);
    /** The first one's word counts: what is wanted comes before what is left over. */
    counted.set(key, found === undefined ? { value: item, n: 1 } : { value: found.value, n: found.n + 1 });
  }
  return counted;
}

interface Shift<T> {
  readonly born: readonly T[];
  readonly changed: readonly T[];
  readonly dead: readonly T[];
}

/** Takes `before` out of what is held and puts `after` in. */
function shift<T>(
  held: Map<string, Held<T>>,
  { before, after }: { readonly before: Counted<T>; readonly after: Counted<T> },
  isSame: (a: T, b: T) => boolean,
): Shift<T> {
  const born: T[] = [];
  const changed: T[] = [];
  const dead: T[] = [];
  for (const key of new Set([...before.keys(), ...after.keys()])) {
    const had = held.get(key);
    const wanted = after.get(key);
    const n = (had?.n ?? 0) - (before.get(key)?.n ?? 0) + (wanted?.n ?? 0);
    const value = wanted?.value ?? had?.value;
    if (value === undefined) continue;
    if (n > 0) held.set(key, { value, n });
    else held.delete(key);
    if (had === undefined) {
      if (n > 0) born.push(value);
    } else if (n <= 0) dead.push(had.value);
    else if (!isSame(had.value, value)) changed.push(value);
  }
  return { born, changed, dead };
}

const serverKey = ({ server }: PlannedServer): string => serverText(server.key);
const isSameElement = (a: PlacedElement, b: PlacedElement): boolean =>
  elementData(a.element.data) === elementData(b.element.data);

/** Plans from what is known to be held, and brings `memory` to what will be. Ports come before ghosts in `after`. */
export function planChange(
  memory: Memory,
  plans: { readonly before: readonly PortPlan[]; readonly after: readonly PortPlan[] },
): Step {
  const both = <T>(of: (plan: PortPlan) => readonly T[], keyOf: (item: T) => string) => ({
    before: collect(plans.before.flatMap(of), keyOf),
    after: collect(plans.after.flatMap(of), keyOf),
  });
  const elements = shift(
    memory.elements,
    both((plan) => plan.elements, placeKey),
    isSameElement,
  );
  const chains = shift(
    memory.chains,
    both(
      (plan) => plan.chains,
      ({ chain }) => chain.name,
    ),
    () => true,
  );
  const addresses = shift(
    memory.addresses,
    both(
      (plan) => plan.addresses,
      (address) => address,
    ),
    () => true,
  );
  const servers = shift(
    memory.servers,
    both((plan) => plan.servers, serverKey),
    deepEqual,
  );
  return {
    goneAddresses: addresses.dead,
    newChains: chains.born,
    changes: [
      ...elements.dead.map((placed): Change => ({ kind: 'delete', ...placed })),
      ...elements.changed.map((placed): Change => ({ kind: 'replace', ...placed })),
      ...elements.born.map((placed): Change => ({ kind: 'add', ...placed })),
    ],
    goneChains: chains.dead.map(({ chain }) => chain.name),
    servers: [...servers.born, ...servers.changed],
    goneServers: servers.dead,
    newAddresses: addresses.born,
  };
}

/** What the table holds, by set and key. */
export type Contents = ReadonlyMap<string, PlacedElement>;

/** What makes elements as read like those that are wanted. */
export function planElements(held: Contents, wanted: Iterable<PlacedElement>): Change[] {
  const changes: Change[] = [];
  const left = new Map(held);
  for (const placed of wanted) {
    const key = placeKey(placed);
    const found = held.get(key);
    left.delete(key);
    if (found === undefined) changes.push({ kind: 'add', ...placed });
    else if (!isSameElement(found, placed)) changes.push({ kind: 'replace', ...placed });
  }
  return [...[...left.values()].map((placed): Change => ({ kind: 'delete', ...placed })), ...changes];
}

/** Elements for blocks of addresses or plain ones. */
export const placed = (set: PlacedElement['set'], elements: readonly NftElement[]): PlacedElement[] =>
  elements.map((element) => ({ set, element }));

const noPlan: PortPlan = { servers: [], elements: [], chains: [], addresses: [], owners: [] };

/**
 * What stays of a Service port whose servers `kept` still have connections: the servers without any wanted destination, and the
 * addresses their packets come for. New connections find no destination with a weight.
 */
export function ghostOf(plan: PortPlan, kept: readonly PlannedServer[], sets: readonly string[]): PortPlan {
  if (kept.length === 0) return noPlan;
  const isMarked = kept.some(({ server }) => server.key.kind === 'mark');
  const byAddress = new Set(
    kept.flatMap(({ server: { key } }) =>
      key.kind === 'address' ? [elementKey([key.ip, key.protocol.toLowerCase(), key.port])] : [],
    ),
  );
  const [virtualIps, frontends] = sets;
  return {
    ...noPlan,
    servers: kept.map((server) => ({ ...server, destinations: [] })),
    elements: plan.elements.filter(
      ({ set, element }) =>
        set.name === virtualIps || (set.name === frontends && byAddress.has(elementKey(element.key))),
    ),
    addresses: plan.addresses,
    owners: isMarked ? plan.owners : [],
  };
}

import type { Node } from '../../api/core/v1/node.ts';
import type { Service } from '../../api/core/v1/service.ts';
import type { Endpoint, EndpointSlice } from '../../api/discovery/v1/endpoint-slice.ts';
import { parseQuantity } from '../../api/quantity.ts';
import type { EventNote } from '../../client/event-recorder.ts';
import type { SliceWrites } from './packing.ts';

/** Hints of KEP-2433: endpoints are shared out over the zones by the CPU of their nodes (upstream: topologycache). */

/** How much more than its share an endpoint may get. */
const overloadThreshold = 0.2;
const zoneLabel = 'topology.kubernetes.io/zone';
const excluded = ['node-role.kubernetes.io/control-plane', 'node-role.kubernetes.io/master'];
const modeAnnotation = 'service.kubernetes.io/topology-mode';
const oldAnnotation = 'service.kubernetes.io/topology-aware-hints';

/** Each zone's share of the cluster's CPU. */
export type ZoneRatios = ReadonlyMap<string, number>;

/** Whether the Service asks for hints by zone; then `trafficDistribution` is not looked at. */
export function wantsTopologyHints({ metadata }: Service): boolean {
  const mode = metadata.annotations?.[modeAnnotation] ?? metadata.annotations?.[oldAnnotation];
  return mode === 'Auto' || mode === 'auto';
}

const cpuOf = ({ status }: Node): bigint => parseQuantity(String(status?.allocatable?.cpu ?? ''))?.nano ?? 0n;

/** Undefined while a node says neither zone nor CPU, or there are fewer than two zones. */
export function zoneRatios(nodes: readonly Node[]): ZoneRatios | undefined {
  const byZone = new Map<string, number>();
  let total = 0;
  for (const node of nodes) {
    const { labels = {} } = node.metadata;
    const isReady = node.status?.conditions?.some(
      ({ type, status }) => type === 'Ready' && status === 'True',
    );
    if (excluded.some((label) => label in labels) || isReady !== true) continue;
    const zone = labels[zoneLabel] ?? '';
    const cpu = Number(cpuOf(node));
    if (zone === '' || cpu === 0) return undefined;
    byZone.set(zone, (byZone.get(zone) ?? 0) + cpu);
    total += cpu;
  }
  if (total === 0 || byZone.size < 2) return undefined;
  return new Map([...byZone].sort().map(([zone, cpu]) => [zone, cpu / total]));
}

interface Allocation {
  readonly desired: number;
  readonly maximum: number;
}

type Allocations = ReadonlyMap<string, Allocation>;

/** The share of each zone, or why there is none. */
function allocationsFor(n: number, ratios: ZoneRatios | undefined): Allocations | string {
  if (ratios === undefined) {
    return 'Insufficient Node information: allocatable CPU or zone not specified on one or more nodes';
  }
  const counts = `(${n} endpoints, ${ratios.size} zones)`;
  if (ratios.size > n) return `Insufficient number of endpoints ${counts}`;
  const minimums = [...ratios].map(([zone, ratio]): [string, number, number] => {
    const desired = ratio * n;
    const minimum = Math.ceil(desired * (1 / (1 + overloadThreshold)));
    return [zone, minimum, Math.max(desired, minimum)];
  });
  const total = minimums.reduce((sum, [, minimum]) => sum + minimum, 0);
  if (total > n) {
    return `Unable to allocate minimum required endpoints to each zone without exceeding overload threshold ${counts}`;
  }
  return new Map(
    minimums.map(([zone, minimum, desired]) => [zone, { desired, maximum: minimum + n - total }]),
  );
}

const isReady = ({ conditions }: Endpoint): boolean => conditions?.ready === true;
const forZone = (name: string): Endpoint['hints'] => ({ forZones: [{ name }] });

export interface HintInput {
  readonly writes: SliceWrites;
  /** Slices that would not be written. */
  readonly unchanged: readonly EndpointSlice[];
  readonly ratios: ZoneRatios | undefined;
  readonly addressType: string;
}

export interface Hinted {
  readonly writes: SliceWrites;
  readonly hasHints: boolean;
  /** Why there are no hints. */
  readonly refusal: EventNote | undefined;
}

/** Puts hints on the slices that are written, and writes those whose hints no longer fit. */
export function addTopologyHints({ writes, unchanged, ratios, addressType }: HintInput): Hinted {
  const all = [...writes.creates, ...writes.updates, ...unchanged].flatMap(({ endpoints }) => endpoints);
  const ready = all.filter(isReady);
  const allocations = allocationsFor(ready.length, ratios);
  const refuse = (reason: string): Hinted => ({
    ...withoutHints(writes, unchanged),
    refusal: {
      type: 'Warning',
      reason: 'TopologyAwareHintsDisabled',
      message: `${reason}, addressType: ${addressType}`,
    },
  });
  if (typeof allocations === 'string') return refuse(allocations);
  const { kept, counts } = standingHints(unchanged, allocations);
  const rewritten = unchanged.filter((slice) => !kept.has(slice));
  const open = [...writes.creates, ...writes.updates, ...rewritten];
  const written = open.flatMap(({ endpoints }) => endpoints).filter(isReady);
  if (written.some(({ zone = '' }) => zone === '')) {
    return refuse('One or more endpoints do not have a zone specified');
  }
  for (const { zone = '' } of written) counts.set(zone, (counts.get(zone) ?? 0) + 1);
  if (counts.size === 0) return refuse('No hints allocated for zones');
  const moves = movesBetween(allocations, counts);
  const hinted = (slice: EndpointSlice): EndpointSlice => ({
    ...slice,
    endpoints: slice.endpoints.map((endpoint) => hintedEndpoint(endpoint, moves)),
  });
  return {
    writes: {
      creates: writes.creates.map(hinted),
      updates: [...writes.updates, ...rewritten].map(hinted),
      deletes: writes.deletes,
    },
    hasHints: true,
    refusal: undefined,
  };
}

/** In its own zone, unless that one has to give and another to receive. */
function hintedEndpoint(endpoint: Endpoint, { giving, receiving }: Moves): Endpoint {
  const { hints: _, ...bare } = endpoint;
  const { zone = '' } = endpoint;
  if (!isReady(endpoint) || zone === '') return bare;
  const toGive = giving.get(zone) ?? 0;
  const receiver = [...receiving].find(([, n]) => n > 0)?.[0];
  if (toGive === 0 || receiver === undefined) return { ...bare, hints: forZone(zone) };
  giving.set(zone, toGive - 1);
  receiving.set(receiver, (receiving.get(receiver) ?? 0) - 1);
  return { ...bare, hints: forZone(receiver) };
}

/** Hints that stand and leave each zone its share; the other slices are to be written. */
function standingHints(
  unchanged: readonly EndpointSlice[],
  allocations: Allocations,
): { readonly kept: ReadonlySet<EndpointSlice>; readonly counts: Map<string, number> } {
  const kept = new Set<EndpointSlice>();
  const counts = new Map<string, number>();
  for (const slice of unchanged) {
    const ready = slice.endpoints.filter(isReady);
    const zones = ready.map(({ hints }) => (hints?.forZones ?? []).map(({ name }) => name));
    const own = new Map<string, number>();
    for (const zone of zones.flat()) own.set(zone, (own.get(zone) ?? 0) + 1);
    const doesFit = [...own].every(
      ([zone, n]) => n + (counts.get(zone) ?? 0) <= (allocations.get(zone)?.maximum ?? -1),
    );
    if (!doesFit || zones.some((names) => names.length === 0)) continue;
    kept.add(slice);
    for (const [zone, n] of own) counts.set(zone, (counts.get(zone) ?? 0) + n);
  }
  return { kept, counts };
}

interface Moves {
  readonly giving: Map<string, number>;
  readonly receiving: Map<string, number>;
}

/** How many endpoints go from which zones to which, the greatest need first; less than half of one is let be. */
function movesBetween(allocations: Allocations, counts: ReadonlyMap<string, number>): Moves {
  const surplus = [...allocations].map(([zone, { desired }]): [string, number] => [
    zone,
    (counts.get(zone) ?? 0) - desired,
  ]);
  const over = new Map(surplus.filter(([, n]) => n > 0));
  const under = new Map(surplus.filter(([, n]) => n < 0).map(([zone, n]): [string, number] => [zone, -n]));
  const most = (zones: ReadonlyMap<string, number>): readonly [string, number] =>
    [...zones].reduce((best, next) => (next[1] > best[1] ? next : best), ['', 0]);
  const moves: Moves = { giving: new Map(), receiving: new Map() };
  for (;;) {
    const [giver, toGive] = most(over);
    const [receiver, toReceive] = most(under);
    const isLittle = (toGive < 1 && toReceive < 1) || toGive < 0.5 || toReceive < 0.5;
    if (giver === '' || receiver === '' || isLittle) return moves;
    moves.giving.set(giver, (moves.giving.get(giver) ?? 0) + 1);
    over.set(giver, toGive - 1);
    moves.receiving.set(receiver, (moves.receiving.get(receiver) ?? 0) + 1);
    under.set(receiver, toReceive - 1);
  }
}

/** Slices that have hints are written once more. */
function withoutHints(writes: SliceWrites, unchanged: readonly EndpointSlice[]): Omit<Hinted, 'refusal'> {
  const bare = (slice: EndpointSlice): EndpointSlice => ({
    ...slice,
    endpoints: slice.endpoints.map(({ hints: _, ...endpoint }) => endpoint),
  });
  const hinted = unchanged.filter(({ endpoints }) => endpoints.some(({ hints }) => hints !== undefined));
  return {
    writes: {
      creates: writes.creates.map(bare),
      updates: [...writes.updates, ...hinted].map(bare),
      deletes: writes.deletes,
    },
    hasHints: false,
  };
}

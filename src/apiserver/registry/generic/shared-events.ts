import type { KubeObject } from '../../../api/kind.ts';
import type { Change, EventLog } from '../../cache/event-log.ts';
import type { WatchEvent } from '../../rest/rest.ts';
import { markShared } from '../../rest/shared-batches.ts';

type Batch<T> = readonly WatchEvent<T>[];

const NOTHING: Batch<never> = [];

/** What is told to whoever has seen at least `from` and nothing from `first` on. */
interface Kept {
  readonly from: number;
  readonly first: number;
  readonly to: number;
  readonly batch: Batch<KubeObject>;
}

/** Watchers that lag behind are at a few different places. */
const KEPT_PLACES = 4;
/** Selections that are remembered; those of watches that have ended are among them. */
const KEPT_SELECTIONS = 2000;

const kept = new WeakMap<EventLog, Map<string, Kept[]>>();

/** Changes of one resource as watchers of one selection see them. */
export interface SeenThrough<T extends KubeObject> {
  readonly log: EventLog;
  /** The same text for the same selection. */
  readonly selection: string;
  readonly eventsOf: (changes: readonly Change[]) => Batch<T>;
}

/**
 * The events after `from`: the very same batch for all who see the resource in the same way and are at the same place.
 * Undefined when the log no longer has all of them.
 */
export function eventsAfter<T extends KubeObject>(
  { log, selection, eventsOf }: SeenThrough<T>,
  from: number,
): Batch<T> | undefined {
  const to = log.head;
  if (from >= to && from >= log.floor) return NOTHING;
  let selections = kept.get(log);
  if (selections === undefined || (selections.size >= KEPT_SELECTIONS && !selections.has(selection))) {
    selections = new Map();
    kept.set(log, selections);
  }
  let places = selections.get(selection);
  const found = places?.find((place) => place.to === to && place.from <= from && from < place.first);
  if (found !== undefined) return found.batch as Batch<T>;
  const changes = log.after(from);
  if (changes === undefined) return undefined;
  const batch = markShared(eventsOf(changes));
  if (places === undefined) selections.set(selection, (places = []));
  places.push({ from, first: changes[0]?.revision ?? Infinity, to, batch });
  if (places.length > KEPT_PLACES) places.shift();
  return batch;
}

const keptOfPast = new WeakMap<readonly Change[], Map<string, Batch<KubeObject>>>();

/** The events of changes that several watchers read from the store; the same batch for all of one selection. */
export function eventsAmong<T extends KubeObject>(
  changes: readonly Change[],
  { selection, eventsOf }: Pick<SeenThrough<T>, 'selection' | 'eventsOf'>,
): Batch<T> {
  let selections = keptOfPast.get(changes);
  if (selections === undefined) keptOfPast.set(changes, (selections = new Map<string, Batch<KubeObject>>()));
  const known = selections.get(selection);
  if (known !== undefined) return known as Batch<T>;
  const batch = markShared(eventsOf(changes));
  selections.set(selection, batch);
  return batch;
}

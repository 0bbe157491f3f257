import { ApiError, expired, internal } from '../../../api/errors/api-error.ts';
import type { KubeObject } from '../../../api/kind.ts';
import { CompactedError } from '../../../storage/store.ts';
import { FLOW_END, flowOf, iterableOf } from '../../../base/flow.ts';
import type { Flow } from '../../../base/flow.ts';
import type { Change } from '../../cache/event-log.ts';
import { objectPrefix } from '../../cache/stored-object.ts';
import type { RequestScope, WatchEvent, WatchQuery } from '../../rest/rest.ts';
import { freshResource, type RegistryContext } from './context.ts';
import type { Definition } from './definition.ts';
import { parseRevision } from './list.ts';
import { type Selection, selectionOf } from './selection.ts';
import { eventsAfter, eventsAmong } from './shared-events.ts';

/** Tells a client that waited for a whole initial list (WatchList) that it has it. */
const INITIAL_EVENTS_END = { 'k8s.io/initial-events-end': 'true' };

interface Watching<T extends KubeObject> {
  readonly context: RegistryContext;
  readonly definition: Definition<T>;
  readonly selection: Selection<T>;
  readonly query: WatchQuery;
  readonly signal: AbortSignal;
}

type Batch<T> = readonly WatchEvent<T>[];

/**
 * Follows the objects a request is about. Throws BadRequest at once for what cannot be watched; what fails later is an
 * ERROR event, after which the stream ends.
 */
export function watchObjects<T extends KubeObject>(
  context: RegistryContext,
  definition: Definition<T>,
  [scope, query]: readonly [RequestScope, WatchQuery],
): AsyncIterable<Batch<T>> {
  const selection = selectionOf(definition, scope.namespace, query);
  parseRevision(query.resourceVersion);
  return iterableOf(new WatchFlow({ context, definition, selection, query, signal: scope.signal }));
}

/** What a client is told first, and the revision from which it goes on. */
interface Beginning<T extends KubeObject> {
  readonly batches: readonly Batch<T>[];
  readonly revision: number;
}

async function begin<T extends KubeObject>(watching: Watching<T>): Promise<Beginning<T>> {
  const { context, query, selection } = watching;
  const asked = parseRevision(query.resourceVersion) ?? 0;
  // Without a place to start from, a watch begins with all there is, unless the client says otherwise.
  const hasInitialEvents = query.sendInitialEvents ?? asked === 0;
  await context.cache.atLeast(asked);
  const resource = await freshResource(context, watching.definition);
  const { revision } = context.cache;
  if (!hasInitialEvents) return { batches: [], revision: asked > 0 ? asked : revision };
  const objects = resource.objects.range(selection.keyPrefix, '') as T[];
  const added = objects.filter((object) => selection.matches(object));
  const batches: Batch<T>[] = [];
  if (added.length > 0) batches.push(added.map((object) => ({ type: 'ADDED', object })));
  if (query.sendInitialEvents === true && query.allowWatchBookmarks) {
    batches.push([{ type: 'BOOKMARK', resourceVersion: String(revision), annotations: INITIAL_EVENTS_END }]);
  }
  return { batches, revision };
}

/** How far a watch has come. All it holds is its place in the log, so a slow client costs nothing. */
interface Place {
  seen: number;
  /** The revision the client knows of, and since when. */
  told: number;
  toldAtMs: number;
}

/** Idle clients hear this often how far the world has moved, so that they can resume from there. */
const BOOKMARK_MS = 55_000;

/** Everything a watch yields. What has to be waited for comes from generators; what the log has, without any waiting. */
class WatchFlow<T extends KubeObject> implements Flow<Batch<T>> {
  private readonly watching: Watching<T>;
  private readonly prefix: string;
  private readonly unsubscribe: () => void;
  private place: Place = { seen: 0, told: 0, toldAtMs: 0 };
  /** Where events come from that are not (or no longer) in the log. */
  private slow: Flow<Batch<T>> | undefined;
  private wake: (() => void) | undefined;
  private isOver = false;

  constructor(watching: Watching<T>) {
    this.watching = watching;
    this.prefix = objectPrefix(watching.definition.kind);
    this.unsubscribe = watching.context.cache.subscribe(this.prefix, this.ring);
    watching.signal.addEventListener('abort', this.ring);
    this.slow = flowOf(this.beginning());
  }

  next(wake: () => void): Batch<T> | undefined | typeof FLOW_END {
    if (this.isOver || this.watching.signal.aborted) return this.end();
    try {
      const batch = this.slow === undefined ? this.live(wake) : this.slowly(this.slow, wake);
      // Who has been answered waits for nothing.
      if (batch !== undefined) this.wake = undefined;
      if (batch !== undefined && batch.length > 0)
        this.watching.context.watched?.(this.watching.definition.kind, batch.length);
      return batch;
    } catch (error) {
      this.end();
      if (this.watching.signal.aborted) return FLOW_END;
      const { status } = error instanceof ApiError ? error : internal(error);
      return [{ type: 'ERROR', status }];
    }
  }

  stop(): void {
    this.end();
  }

  private end(): typeof FLOW_END {
    if (this.isOver) return FLOW_END;
    this.isOver = true;
    this.slow?.stop();
    this.unsubscribe();
    this.watching.signal.removeEventListener('abort', this.ring);
    return FLOW_END;
  }

  private readonly ring = (): void => {
    const { wake } = this;
    this.wake = undefined;
    wake?.();
  };

  private slowly(slow: Flow<Batch<T>>, wake: () => void): Batch<T> | undefined {
    this.wake = wake;
    const batch = slow.next(this.ring);
    if (batch !== FLOW_END) return batch;
    this.slow = undefined;
    return this.live(wake);
  }

  private live(wake: () => void): Batch<T> | undefined {
    const { log } = this.watching.context.cache.resource(this.prefix);
    const { selection } = this.watching;
    const eventsOf = (changes: readonly Change[]): Batch<T> => eventsIn(selection, changes);
    // Changes that concern nobody here give an empty batch, and may go with a bookmark.
    const events = eventsAfter({ log, selection: selection.text, eventsOf }, this.place.seen);
    if (events === undefined) {
      this.slow = flowOf(pastEvents(this.watching, this.place));
      return this.slowly(this.slow, wake);
    }
    const batch = nextBatch(this.watching, this.place, { events, head: log.head });
    if (batch.length > 0) return batch;
    this.wake = wake;
    return undefined;
  }

  private async *beginning(): AsyncGenerator<Batch<T>> {
    const { batches, revision } = await begin(this.watching);
    this.place = { seen: revision, told: revision, toldAtMs: this.watching.context.clock.now() };
    yield* batches;
  }
}

interface News<T> {
  readonly events: Batch<T>;
  /** The revision up to which they tell everything. */
  readonly head: number;
}

/** The events, or a bookmark when the client has long heard nothing; moves the place along. */
function nextBatch<T extends KubeObject>(
  watching: Watching<T>,
  place: Place,
  { events, head }: News<T>,
): Batch<T> {
  const { cache, clock } = watching.context;
  place.seen = Math.max(place.seen, head);
  if (events.length > 0) {
    place.told = place.seen;
    place.toldAtMs = clock.now();
    return events;
  }
  const isDue = watching.query.allowWatchBookmarks && clock.now() - place.toldAtMs >= BOOKMARK_MS;
  if (!isDue || cache.revision <= place.told) return [];
  place.seen = place.told = cache.revision;
  place.toldAtMs = clock.now();
  return [{ type: 'BOOKMARK', resourceVersion: String(place.seen) }];
}

/** From the store, what the log has dropped; moves the place along. Throws 410 when the store has forgotten it, too. */
async function* pastEvents<T extends KubeObject>(
  { context, definition, selection, signal }: Watching<T>,
  place: Place,
): AsyncGenerator<Batch<T>> {
  const resource = context.cache.resource(objectPrefix(definition.kind));
  const from = place.seen;
  const eventsOf = (changes: readonly Change[]): Batch<T> => eventsIn(selection, changes);
  try {
    for await (const { changes, to } of context.cache.history(resource, from, signal)) {
      place.seen = to;
      const events = eventsAmong(changes, { selection: selection.text, eventsOf });
      if (events.length > 0) yield events;
    }
  } catch (error) {
    if (!(error instanceof CompactedError)) throw error;
    throw expired(`too old resource version: ${from} (${error.compactedRevision})`);
  }
}

/** How the changes look to someone who only sees the selected objects. */
function eventsIn<T extends KubeObject>(
  selection: Selection<T>,
  changes: readonly Change[],
): readonly WatchEvent<T>[] {
  const events: WatchEvent<T>[] = [];
  for (const change of changes as readonly Change<T>[]) {
    if (!change.key.startsWith(selection.keyPrefix)) continue;
    const { next, prev } = change;
    const isSeen = next !== undefined && selection.matches(next);
    const wasSeen = prev !== undefined && selection.matches(prev);
    if (isSeen) events.push({ type: wasSeen ? 'MODIFIED' : 'ADDED', object: next });
    else if (wasSeen) events.push({ type: 'DELETED', object: change.gone() });
  }
  return events;
}

import { ApiError, expired, internal } from '../../../api/errors/api-error.ts';
import type { KubeObject } from '../../../api/kind.ts';
import { CompactedError } from '../../../storage/store.ts';
import type { Change } from '../../cache/event-log.ts';
import { objectPrefix } from '../../cache/stored-object.ts';
import type { RequestScope, WatchEvent, WatchQuery } from '../../rest/rest.ts';
import { freshResource, type RegistryContext } from './context.ts';
import type { Definition } from './definition.ts';
import { parseRevision } from './list.ts';
import { type Selection, selectionOf } from './selection.ts';

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
  return follow({ context, definition, selection, query, signal: scope.signal });
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

/** A single generator: each further one between the log and the client would cost turns for every event. */
async function* follow<T extends KubeObject>(watching: Watching<T>): AsyncGenerator<Batch<T>> {
  const { signal } = watching;
  const { cache, clock } = watching.context;
  const prefix = objectPrefix(watching.definition.kind);
  const bell = createBell(signal);
  const unsubscribe = cache.subscribe(prefix, () => bell.ring());
  try {
    const { batches, revision } = await begin(watching);
    for (const batch of batches) {
      watching.context.watched?.(watching.definition.kind, batch.length);
      yield batch;
    }
    const place: Place = { seen: revision, told: revision, toldAtMs: clock.now() };
    while (!signal.aborted) {
      const { log } = cache.resource(prefix);
      const changes = log.after(place.seen);
      if (changes === undefined) {
        const { floor } = log;
        yield* pastEvents(watching, place.seen);
        place.seen = floor;
        continue;
      }
      const batch = nextBatch(watching, place, changes);
      if (batch.length > 0) {
        watching.context.watched?.(watching.definition.kind, batch.length);
        yield batch;
      } else if (changes.length === 0) await bell.heard();
    }
  } catch (error) {
    if (signal.aborted) return;
    const { status } = error instanceof ApiError ? error : internal(error);
    yield [{ type: 'ERROR', status }];
  } finally {
    unsubscribe();
    bell.dispose();
  }
}

/** The events of `changes`, or a bookmark when the client has long heard nothing; moves the place along. */
function nextBatch<T extends KubeObject>(
  watching: Watching<T>,
  place: Place,
  changes: readonly Change[],
): Batch<T> {
  const { cache, clock } = watching.context;
  place.seen = changes.at(-1)?.revision ?? place.seen;
  const events = eventsOf(watching, changes);
  if (events.length > 0) {
    place.told = place.seen;
    place.toldAtMs = clock.now();
    return events;
  }
  const isDue = watching.query.allowWatchBookmarks && clock.now() - place.toldAtMs >= BOOKMARK_MS;
  if (!isDue || changes.length > 0 || cache.revision <= place.told) return [];
  place.seen = place.told = cache.revision;
  place.toldAtMs = clock.now();
  return [{ type: 'BOOKMARK', resourceVersion: String(place.seen) }];
}

/** From the store, what the log has dropped. Rejects with 410 when the store has forgotten it, too. */
async function* pastEvents<T extends KubeObject>(
  watching: Watching<T>,
  from: number,
): AsyncGenerator<Batch<T>> {
  const { context, definition, signal } = watching;
  const resource = context.cache.resource(objectPrefix(definition.kind));
  try {
    for await (const changes of context.cache.history(resource, from, signal)) {
      const events = eventsOf(watching, changes);
      if (events.length > 0) yield events;
    }
  } catch (error) {
    if (!(error instanceof CompactedError)) throw error;
    throw expired(`too old resource version: ${from} (${error.compactedRevision})`);
  }
}

/** How the changes look to someone who only sees the selected objects. */
function eventsOf<T extends KubeObject>(
  { selection }: Watching<T>,
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

interface Bell {
  ring(): void;
  /** Resolves at the next ring, at once if it has rung since it was last heard; and when the signal aborts. */
  heard(): Promise<void>;
  dispose(): void;
}

function createBell(signal: AbortSignal): Bell {
  let hasRung = false;
  let resume: (() => void) | undefined;
  const ring = (): void => {
    hasRung = true;
    resume?.();
  };
  signal.addEventListener('abort', ring);
  return {
    ring,
    async heard() {
      if (!hasRung) await new Promise<void>((resolve) => (resume = resolve));
      hasRung = false;
      resume = undefined;
    },
    dispose: () => signal.removeEventListener('abort', ring),
  };
}

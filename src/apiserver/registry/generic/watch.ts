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
  return withErrorEvent(
    follow({ context, definition, selection, query, signal: scope.signal }),
    scope.signal,
  );
}

async function* withErrorEvent<T extends KubeObject>(
  batches: AsyncIterable<Batch<T>>,
  signal: AbortSignal,
): AsyncGenerator<Batch<T>> {
  try {
    yield* batches;
  } catch (error) {
    if (signal.aborted) return;
    const { status } = error instanceof ApiError ? error : internal(error);
    yield [{ type: 'ERROR', status }];
  }
}

async function* follow<T extends KubeObject>(watching: Watching<T>): AsyncGenerator<Batch<T>> {
  const { context, query } = watching;
  const asked = parseRevision(query.resourceVersion) ?? 0;
  // Without a place to start from, a watch begins with all there is, unless the client says otherwise.
  const hasInitialEvents = query.sendInitialEvents ?? asked === 0;
  await context.cache.atLeast(asked);
  const resource = await freshResource(context, watching.definition);
  const start = !hasInitialEvents && asked > 0 ? asked : undefined;
  const { revision } = context.cache;
  if (hasInitialEvents) {
    const objects = resource.objects.range(watching.selection.keyPrefix, '') as T[];
    const added = objects.filter((object) => watching.selection.matches(object));
    if (added.length > 0) yield added.map((object) => ({ type: 'ADDED', object }));
    if (query.sendInitialEvents === true && query.allowWatchBookmarks) {
      yield [{ type: 'BOOKMARK', resourceVersion: String(revision), annotations: INITIAL_EVENTS_END }];
    }
  }
  yield* live(watching, start ?? revision);
}

/** Idle clients hear this often how far the world has moved, so that they can resume from there. */
const BOOKMARK_MS = 55_000;

/** Changes after `from`, for ever. Its place in the log is all that a watch holds, so a slow client costs nothing. */
async function* live<T extends KubeObject>(watching: Watching<T>, from: number): AsyncGenerator<Batch<T>> {
  const { context, query, signal } = watching;
  const { cache, clock } = context;
  const prefix = objectPrefix(watching.definition.kind);
  const bell = createBell(signal);
  const unsubscribe = cache.subscribe(prefix, () => bell.ring());
  let seen = from;
  let told = { revision: from, atMs: clock.now() };
  try {
    while (!signal.aborted) {
      const resource = cache.resource(prefix);
      const changes = resource.log.after(seen);
      if (changes === undefined) {
        const { floor } = resource.log;
        yield* pastEvents(watching, seen);
        seen = floor;
        continue;
      }
      seen = changes.at(-1)?.revision ?? seen;
      const events = eventsOf(watching, changes);
      const isQuiet = events.length === 0 && clock.now() - told.atMs >= BOOKMARK_MS;
      if (events.length > 0) {
        told = { revision: seen, atMs: clock.now() };
        yield events;
      } else if (isQuiet && query.allowWatchBookmarks && cache.revision > told.revision) {
        seen = cache.revision;
        told = { revision: seen, atMs: clock.now() };
        yield [{ type: 'BOOKMARK', resourceVersion: String(seen) }];
      } else if (changes.length === 0) await bell.heard();
    }
  } finally {
    unsubscribe();
    bell.dispose();
  }
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

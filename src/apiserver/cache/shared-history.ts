import type { Store, WatchBatch } from '../../storage/store.ts';
import type { Change, EventLog } from './event-log.ts';

/** Changes of one resource, all up to `to`. */
export interface PastChanges {
  readonly changes: readonly Change[];
  readonly to: number;
}

export interface PastResource {
  readonly prefix: string;
  readonly log: EventLog;
}

export interface SharedHistoryOptions {
  readonly store: Store;
  /** The changes of a commit that are of the resource. */
  readonly changesIn: (batch: WatchBatch, prefix: string) => readonly Change[];
}

/**
 * What a resource's log has dropped, read from the store: after `from`, up to the log's floor. Throws CompactedError.
 * Watchers fall behind together, when a server has more to do than it can, and would then give it a thousand times the
 * work of the one that reads: all who ask for the same piece get the same one.
 */
export type SharedHistory = (
  resource: PastResource,
  from: number,
  signal: AbortSignal,
) => AsyncIterable<PastChanges>;

/** Pieces end at multiples of this, so that readers who began at different places soon ask for the same. */
const PIECE_REVISIONS = 500;
/** They end earlier when the objects, as stored, are large. */
const PIECE_BYTES = 1024 * 1024;
/** Pieces that are kept, as long as anybody reads. */
const KEPT_PIECES = 4;

export function createSharedHistory({ store, changesIn }: SharedHistoryOptions): SharedHistory {
  const readers = new Set<symbol>();
  const pieces = new Map<string, Promise<PastChanges>>();
  let reading = new AbortController();
  const leave = (reader: symbol): void => {
    if (!readers.delete(reader) || readers.size > 0) return;
    pieces.clear();
    reading.abort();
    reading = new AbortController();
  };
  const load = async ({ prefix, log }: PastResource, from: number): Promise<PastChanges> => {
    // A floor is the revision of a commit, so the watch of all keys surely gets there.
    const to = Math.min(log.floor, (Math.floor(from / PIECE_REVISIONS) + 1) * PIECE_REVISIONS);
    const changes: Change[] = [];
    let nBytes = 0;
    for await (const batch of store.watch('', from, reading.signal)) {
      const { revision } = batch;
      if (revision <= to) {
        const found = changesIn(batch, prefix);
        changes.push(...found);
        if (found.length > 0) nBytes += sizeOf(batch);
      }
      if (revision >= to) return { changes, to };
      if (nBytes >= PIECE_BYTES) return { changes, to: revision };
    }
    throw new Error('the store has ended');
  };
  const piece = (resource: PastResource, from: number): Promise<PastChanges> => {
    const key = `${resource.prefix} ${from}`;
    const known = pieces.get(key);
    if (known !== undefined) return known;
    const loading = load(resource, from);
    pieces.set(key, loading);
    // Whoever comes later may have more luck.
    loading.catch(() => pieces.get(key) === loading && pieces.delete(key));
    const [oldest] = pieces.keys();
    if (pieces.size > KEPT_PIECES && oldest !== undefined) pieces.delete(oldest);
    return loading;
  };
  return async function* read(resource, from, signal) {
    const reader = Symbol('a reader');
    const onAbort = (): void => leave(reader);
    readers.add(reader);
    signal.addEventListener('abort', onAbort);
    try {
      for (let at = from; at < resource.log.floor && !signal.aborted;) {
        const past = await piece(resource, at);
        at = past.to;
        yield past;
      }
    } finally {
      signal.removeEventListener('abort', onAbort);
      leave(reader);
    }
  };
}

const sizeOf = ({ events }: WatchBatch): number =>
  events.reduce((sum, event) => sum + (event.type === 'put' ? event.entry.value.length : 0), 0);

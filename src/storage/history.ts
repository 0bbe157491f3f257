import { CompactedError } from './store.ts';
import type { WatchBatch } from './store.ts';

/** How much history a store keeps by itself before it forgets the oldest part. */
export interface HistoryLimit {
  readonly commits: number;
  /** Of values that are no longer current. */
  readonly bytes: number;
}

/** Some minutes of a busy cluster, and a bounded share of the memory of a small one. */
export const DEFAULT_HISTORY_LIMIT: HistoryLimit = { commits: 20_000, bytes: 16 * 1024 * 1024 };

/** The batches after the compacted revision, one for each revision, without gaps. */
export interface History {
  /** 0 for a store never written. */
  readonly revision: number;
  readonly compactedRevision: number;
  /** The batch must have the next revision. */
  append(batch: WatchBatch): void;
  /** Undefined outside of what is kept. */
  at(revision: number): WatchBatch | undefined;
  /** Forgets the batches up to `revision`, which is one of those kept. */
  trim(revision: number): void;
  /** The revision to trim to in order to be well within the limit again; undefined while it is kept. */
  overflow(): number | undefined;
  /** Throws CompactedError when what follows `revision` is no longer complete. */
  check(revision: number): void;
}

/** A history that begins after `compactedRevision`. */
export function createHistory(compactedRevision: number, limit: HistoryLimit): History {
  const batches: WatchBatch[] = [];
  let compacted = compactedRevision;
  let bytes = 0;
  const current = (): number => compacted + batches.length;
  return {
    get revision() {
      return current();
    },
    get compactedRevision() {
      return compacted;
    },
    append(batch) {
      if (batch.revision !== current() + 1) {
        throw new RangeError(`revision ${batch.revision} does not follow ${current()}`);
      }
      batches.push(batch);
      bytes += supersededBytes(batch);
    },
    at: (revision) => batches[revision - compacted - 1],
    trim(revision) {
      for (const batch of batches.splice(0, Math.max(0, revision - compacted))) {
        bytes -= supersededBytes(batch);
        compacted = batch.revision;
      }
    },
    overflow() {
      if (batches.length <= limit.commits && bytes <= limit.bytes) return undefined;
      // A quarter at once, so that this is rare.
      let [n, left] = [0, bytes];
      for (const batch of batches) {
        if (batches.length - n <= limit.commits * 0.75 && left <= limit.bytes * 0.75) break;
        left -= supersededBytes(batch);
        n++;
      }
      return compacted + n;
    },
    check(revision) {
      if (revision < compacted) throw new CompactedError(compacted, current());
    },
  };
}

function supersededBytes(batch: WatchBatch): number {
  let bytes = 0;
  for (const { previous } of batch.events) bytes += previous?.value.length ?? 0;
  return bytes;
}

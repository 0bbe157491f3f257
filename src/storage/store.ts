/**
 * One key as a revision left it. `value` is opaque to the store, which keeps the very array it was given: neither the
 * writer nor a reader may change its bytes afterwards.
 */
export interface Entry {
  readonly key: string;
  readonly value: Uint8Array;
  /** Revision of the commit that wrote this value. */
  readonly revision: number;
  /** Revision of the commit that created the key (it starts anew after a delete). */
  readonly createRevision: number;
}

/**
 * One write of a commit. A key is not empty, is well-formed Unicode, and comes once in a commit (else TypeError).
 * `expect` is what must hold for the key when the commit runs:
 * a revision, 'absent', or undefined for no condition. `value: null` deletes (a missing key stays missing).
 */
export interface Write {
  readonly key: string;
  readonly value: Uint8Array | null;
  readonly expect?: number | 'absent';
}

/** A conflict is a result, never an exception: `current` lists what stands at each key whose expectation failed. */
export type CommitResult =
  | { readonly ok: true; readonly revision: number }
  | {
      readonly ok: false;
      readonly conflicts: readonly { readonly key: string; readonly current: Entry | undefined }[];
    };

export interface ListOptions {
  /** Read as of this revision (default: now). Rejects with CompactedError when it is gone, RangeError when still to come. */
  readonly at?: number;
  /** Only keys greater than this one: the last key of the page before. */
  readonly after?: string;
  /** Most entries to return (default: all). 0 returns none, and `remaining` counts. */
  readonly limit?: number;
}

export interface ListResult {
  /** In ascending order of the key's UTF-8 bytes. */
  readonly entries: readonly Entry[];
  /** The revision the list is true for; 0 for a store never written. */
  readonly revision: number;
  /** How many entries follow the last one of this page. */
  readonly remaining: number;
}

export type StoreEvent =
  | { readonly type: 'put'; readonly entry: Entry; readonly previous: Entry | undefined }
  /** `revision` is that of the deleting commit; `previous` is what was deleted. */
  | { readonly type: 'delete'; readonly key: string; readonly revision: number; readonly previous: Entry };

/**
 * Everything one commit did under the prefix, in the order of its writes. Empty only where a store that others write to,
 * too, says that nothing under the prefix happened up to this revision.
 */
export interface WatchBatch {
  readonly revision: number;
  readonly events: readonly StoreEvent[];
}

/**
 * A revisioned key space with atomic commits over several keys. It knows bytes, no kinds.
 * Every method may reject when the medium fails (disk full, corrupt, closed); an acknowledged commit survives kill -9
 * in a durable store.
 */
export interface Store {
  get(key: string): Promise<Entry | undefined>;
  list(prefix: string, options?: ListOptions): Promise<ListResult>;
  /**
   * All or nothing. A store of one process judges commits in the order of the calls, one that others write to in any order
   * as long as they run at the same time. A commit with at least one effective write takes the next revision;
   * one without (nothing, or only deletes of missing keys) answers with the revision that stands.
   */
  commit(writes: readonly Write[]): Promise<CommitResult>;
  /**
   * Every batch with a revision greater than `from`, in order, without gaps, until `signal` aborts (then it ends quietly).
   * A `from` still to come waits for it. Throws CompactedError when `from` is older than the compacted revision, also
   * later, when the reader falls behind it: a slow reader costs no memory.
   */
  watch(prefix: string, from: number, signal: AbortSignal): AsyncIterable<WatchBatch>;
  /**
   * Forgets history older than `before`: later reads and watches from an older revision throw CompactedError. Never goes
   * back; a revision still to come counts as the current one. A store may also do it by itself to bound its memory.
   */
  compact(before: number): Promise<void>;
  /** Ends watches, finishes running commits and releases the medium. */
  close(): Promise<void>;
}

/**
 * Why a store could not do what it was asked for. Only after 'unknown-outcome' may a commit have been carried out (or be
 * carried out a little later); after the others nothing of it was kept.
 */
export type StoreTrouble = 'full' | 'too-large' | 'unavailable' | 'unknown-outcome';

/** The medium failed in a way that the caller can act on; the message says how in one sentence. */
export class StoreError extends Error {
  readonly trouble: StoreTrouble;
  constructor(trouble: StoreTrouble, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'StoreError';
    this.trouble = trouble;
  }
}

/** History older than `compactedRevision` is gone; list again. */
export class CompactedError extends Error {
  readonly compactedRevision: number;
  readonly currentRevision: number;
  constructor(compactedRevision: number, currentRevision: number) {
    super(`revision has been compacted: oldest is ${compactedRevision}, current is ${currentRevision}`);
    this.name = 'CompactedError';
    this.compactedRevision = compactedRevision;
    this.currentRevision = currentRevision;
  }
}

import type { Clock } from '../../base/clock.ts';
import type { Logger } from '../../base/logger.ts';
import { CompactedError, type Store, type StoreEvent, type WatchBatch } from '../../storage/store.ts';
import { type Change, changeOf, createEventLog, type EventLog } from './event-log.ts';
import { createDecoded, createObjectTable, type ObjectTable } from './object-table.ts';
import { createRevisionGate } from './revision-gate.ts';
import { createSharedHistory } from './shared-history.ts';
import type { SharedHistory } from './shared-history.ts';
import { decodeStored, prefixOf } from './stored-object.ts';
import { createWakeUp } from './wake-up.ts';

/** One resource in memory. */
export interface CachedResource {
  readonly prefix: string;
  readonly objects: ObjectTable;
  readonly log: EventLog;
}

/** Hears of keys that are no objects, such as claims: first all that stand (each as set), then each change. */
export interface KeyListener {
  readonly prefix: string;
  /** Everything is about to be told anew. */
  reset(): void;
  set(key: string): void;
  delete(key: string): void;
}

export interface WatchCacheOptions {
  readonly store: Store;
  /** Key prefixes of the resources, as `objectPrefix` gives them. */
  readonly prefixes: readonly string[];
  readonly listeners: readonly KeyListener[];
  readonly clock: Clock;
  readonly logger: Logger;
  /** Changes kept per resource for watchers (default 500); older ones are read from the store. */
  readonly logCapacity?: number;
}

/**
 * The objects of the store in memory, fed by a single watch over all keys, so that one revision is true for every
 * resource at once.
 */
export interface WatchCache {
  /** Follows the store until `signal` aborts. Rejects when the first load fails; later failures are logged and mended. */
  run(signal: AbortSignal): Promise<void>;
  /** Resolves when the store is in memory, however long that takes, or `signal` aborts. */
  loaded(signal: AbortSignal): Promise<void>;
  /** Everything up to this revision is in memory; -1 before the first load. */
  readonly revision: number;
  /** Resolves at once when `revision` is in memory already; rejects with 504 when it does not come in time. */
  atLeast(revision: number): Promise<void>;
  /** Throws before the first load, and for a prefix the cache was not made with. */
  resource(prefix: string): CachedResource;
  /**
   * Calls `wake` after changes of the resource (one call for several that come together), and once a minute besides. Returns what ends this. After a wake the
   * resource is to be asked for anew: it is another one when everything had to be loaded again.
   */
  subscribe(prefix: string, wake: () => void): () => void;
  /** Changes of a resource after `from` up to the floor of its log, read from the store. Throws CompactedError. */
  readonly history: SharedHistory;
}

/** Per resource. A few hundred large ConfigMaps must not cost a few hundred megabytes. */
const LOG_BYTES = 4 * 1024 * 1024;
const RETRY_MS = 500;
const TICK_MS = 60_000;

export function createWatchCache(options: WatchCacheOptions): WatchCache {
  const { store, clock, logger } = options;
  const gate = createRevisionGate(clock);
  const memory = createMemory(options);
  const subscribers = new Map(options.prefixes.map((prefix) => [prefix, createWakeUp(clock)]));
  const wake = (prefixes: Iterable<string>): void => {
    for (const prefix of prefixes) subscribers.get(prefix)?.ring();
  };
  const follow = async (signal: AbortSignal): Promise<void> => {
    gate.advance(await memory.load());
    wake(options.prefixes);
    for await (const batch of store.watch('', gate.revision, signal)) {
      const touched = memory.ingest(batch);
      gate.advance(batch.revision);
      wake(touched);
    }
  };
  const tick = async (signal: AbortSignal): Promise<void> => {
    while (!signal.aborted) {
      await clock.sleep(TICK_MS, signal);
      wake(options.prefixes);
    }
  };
  return {
    async run(signal) {
      void tick(signal);
      while (!signal.aborted) {
        await follow(signal).catch((error: unknown) => {
          if (gate.revision < 0 && !signal.aborted) throw error;
          // A slow reader of a busy store; loading everything again is the cure.
          if (error instanceof CompactedError) return;
          logger.error('the watch of the store broke off', { err: error });
        });
        await clock.sleep(RETRY_MS, signal);
      }
    },
    loaded: (signal) => gate.reached(0, signal),
    get revision() {
      return gate.revision;
    },
    atLeast: (revision) => gate.atLeast(revision),
    resource: (prefix) => memory.resource(prefix),
    subscribe(prefix, wakeOne) {
      return subscribers.get(prefix)?.add(wakeOne) ?? (() => undefined);
    },
    history: createSharedHistory({ store, changesIn }),
  };
}

interface Memory {
  /** Replaces everything by what the store has; returns the revision of that. */
  load(): Promise<number>;
  /** Returns the prefixes of the resources that changed. */
  ingest(batch: WatchBatch): ReadonlySet<string>;
  resource(prefix: string): CachedResource;
}

function createMemory({ store, prefixes, listeners, logCapacity = 500 }: WatchCacheOptions): Memory {
  let resources = new Map<string, CachedResource>();
  const tell = (key: string, isSet: boolean): void => {
    for (const listener of listeners) {
      if (!key.startsWith(listener.prefix)) continue;
      if (isSet) listener.set(key);
      else listener.delete(key);
    }
  };
  return {
    async load() {
      const { entries, revision } = await store.list('');
      for (const listener of listeners) listener.reset();
      const decoded = createDecoded();
      const fresh = (prefix: string): CachedResource => ({
        prefix,
        objects: createObjectTable(decoded),
        log: createEventLog(revision, { changes: logCapacity, bytes: LOG_BYTES }),
      });
      resources = new Map(prefixes.map((prefix) => [prefix, fresh(prefix)]));
      for (const entry of entries) {
        const { key } = entry;
        const resource = resources.get(prefixOf(key));
        if (resource === undefined) tell(key, true);
        else resource.objects.set(key.slice(resource.prefix.length), entry);
      }
      return revision;
    },
    ingest(batch) {
      const touched = new Set<string>();
      for (const event of batch.events) {
        const key = keyOf(event);
        const resource = resources.get(prefixOf(key));
        if (resource === undefined) {
          tell(key, event.type === 'put');
          continue;
        }
        apply(resource, event, batch.revision);
        touched.add(resource.prefix);
      }
      return touched;
    },
    resource(prefix) {
      const resource = resources.get(prefix);
      if (resource === undefined) throw new Error(`nothing is cached under ${prefix}`);
      return resource;
    },
  };
}

const keyOf = (event: StoreEvent): string => (event.type === 'put' ? event.entry.key : event.key);

function apply({ prefix, objects, log }: CachedResource, event: StoreEvent, revision: number): void {
  const key = keyOf(event).slice(prefix.length);
  const prev = objects.get(key);
  if (event.type === 'put') {
    const next = decodeStored(event.entry.value, revision);
    log.append(changeOf({ revision, key, next, prev }), event.entry.value.length);
    objects.set(key, event.entry, next);
  } else if (prev !== undefined) {
    log.append(changeOf({ revision, key, next: undefined, prev }), 0);
    objects.delete(key);
  }
}

function changesIn(batch: WatchBatch, prefix: string): readonly Change[] {
  return batch.events
    .filter((event) => prefixOf(keyOf(event)) === prefix)
    .map((event) => {
      const { previous } = event;
      return changeOf({
        revision: batch.revision,
        key: keyOf(event).slice(prefix.length),
        next: event.type === 'put' ? decodeStored(event.entry.value, batch.revision) : undefined,
        prev: previous && decodeStored(previous.value, previous.revision),
      });
    });
}

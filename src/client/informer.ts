import { objectKey } from '../api/kind.ts';
import type { KubeObject } from '../api/kind.ts';
import { createFollower } from './follower.ts';
import type { FollowOptions } from './follower.ts';
import { createObjectCache } from './object-cache.ts';
import type { Change } from './object-cache.ts';
import type { Indexer } from './object-index.ts';

export type { Change } from './object-cache.ts';
export type { Indexer } from './object-index.ts';

/** A local copy of the objects of one kind that follows the server through every failure. Never change what it hands out. */
export interface Informer<T> {
  /** `namespace/name`, or `name` for a cluster-wide kind. */
  get(key: string): T | undefined;
  list(): readonly T[];
  /** By one of the given indexes, or by the built-in `namespace`. */
  by(index: string, value: string): readonly T[];
  /**
   * Calls `handler` once for every change from now on, after the copy shows it; objects already known are handed over at
   * once as new. Returns what ends it. A handler that throws is logged and does not disturb the others.
   */
  onChange(handler: (change: Change<T>) => void): () => void;
  /** Whether the copy was complete once. */
  synced(): boolean;
  /** Follows the server until `signal` aborts. Never rejects. */
  run(signal: AbortSignal): Promise<void>;
  /** Resolves when the copy is complete for the first time. */
  readonly firstSync: Promise<void>;
}

export interface InformerOptions<T extends KubeObject> extends FollowOptions<T> {
  readonly indexers?: Readonly<Record<string, Indexer<T>>>;
}

/** Resolves when the informer's copy is complete for the first time, or at once when `signal` aborts. */
export function hasSynced(
  informer: { readonly firstSync: Promise<void> },
  signal: AbortSignal,
): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve();
    const done = (): void => {
      signal.removeEventListener('abort', done);
      resolve();
    };
    signal.addEventListener('abort', done, { once: true });
    void informer.firstSync.then(done);
  });
}

export function createInformer<T extends KubeObject>(options: InformerOptions<T>): Informer<T> {
  const cache = createObjectCache<T>({ namespace: namespaceOf, ...options.indexers });
  const handlers = new Set<(change: Change<T>) => void>();
  const logger = options.logger.child({ informer: options.kind.plural });
  const first = Promise.withResolvers<void>();
  let isSynced = false;

  const emit = (changes: readonly Change<T>[]): void => {
    for (const change of changes) for (const handler of [...handlers]) deliver(handler, change);
  };
  const deliver = (handler: (change: Change<T>) => void, change: Change<T>): void => {
    try {
      handler(change);
    } catch (err) {
      logger.error('a handler of changes failed', { key: change.key, err });
    }
  };
  const follower = createFollower({ ...options, logger }, cache, {
    emit,
    onListed: () => {
      isSynced = true;
      first.resolve();
    },
  });

  return {
    get: (key) => cache.get(key),
    list: () => cache.list(),
    by: (index, value) => cache.by(index, value),
    onChange: (handler) => {
      for (const next of cache.list()) deliver(handler, { key: objectKey(next), next, prev: undefined });
      handlers.add(handler);
      return () => void handlers.delete(handler);
    },
    synced: () => isSynced,
    run: async (signal) => {
      if (options.client.served?.isMissing(options.kind) !== true) return follower(signal);
      // The server has no such kind: nothing can be read, and nothing will come.
      isSynced = true;
      first.resolve();
    },
    firstSync: first.promise,
  };
}

const namespaceOf = (object: KubeObject): readonly string[] => [object.metadata.namespace ?? ''];

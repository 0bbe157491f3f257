import type { KubeObject } from '../../api/kind.ts';
import type { CachedResource, WatchCache } from './watch-cache.ts';

/** What is kept beside a resource: an index, a graph. */
export interface ViewListener<T> {
  /** Everything is about to be told anew, as objects without a `prev`. */
  reset(): void;
  move(key: string, prev: T | undefined, next: T | undefined): void;
}

export interface CacheView {
  /** Tells the listener what has changed since the last time. Throws before the cache is loaded. */
  refresh(): void;
}

/** Follows one resource of the cache, at the moments when somebody wants to know. Costs nothing while nothing changes. */
export function createCacheView<T extends KubeObject>(
  cache: WatchCache,
  prefix: string,
  listener: ViewListener<T>,
): CacheView {
  let known: CachedResource | undefined;
  let revision = -1;
  let isStale = true;
  cache.subscribe(prefix, () => (isStale = true));
  return {
    refresh() {
      if (!isStale) return;
      const resource = cache.resource(prefix);
      const changes = resource === known ? resource.log.after(revision) : undefined;
      isStale = false;
      known = resource;
      revision = cache.revision;
      if (changes !== undefined) {
        for (const { key, prev, next } of changes)
          listener.move(key, prev as T | undefined, next as T | undefined);
        return;
      }
      listener.reset();
      for (const object of resource.objects.range('', ''))
        listener.move(keyOf(object), undefined, object as T);
    },
  };
}

const keyOf = ({ metadata }: KubeObject): string =>
  metadata.namespace === undefined ? metadata.name : `${metadata.namespace}/${metadata.name}`;

/** The values under which an object is found; none leaves it out of the index. */
export type Indexer<T> = (object: T) => readonly string[];

/** The keys of objects by a value of theirs. */
export interface Index<T> {
  keys(value: string): ReadonlySet<string>;
  /** The object behind `key` was `prev` and is `next`; undefined for not there. */
  move(key: string, prev: T | undefined, next: T | undefined): void;
}

const noKeys: ReadonlySet<string> = new Set();

export function createIndex<T>(indexer: Indexer<T>): Index<T> {
  const buckets = new Map<string, Set<string>>();
  return {
    keys: (value) => buckets.get(value) ?? noKeys,
    move: (key, prev, next) => {
      const before = prev === undefined ? [] : indexer(prev);
      const after = next === undefined ? [] : indexer(next);
      for (const value of before) if (!after.includes(value)) removeFrom(buckets, value, key);
      for (const value of after) addTo(buckets, value, key);
    },
  };
}

function addTo(keys: Map<string, Set<string>>, value: string, key: string): void {
  const bucket = keys.get(value);
  if (bucket === undefined) keys.set(value, new Set([key]));
  else bucket.add(key);
}

function removeFrom(keys: Map<string, Set<string>>, value: string, key: string): void {
  const bucket = keys.get(value);
  bucket?.delete(key);
  if (bucket?.size === 0) keys.delete(value);
}

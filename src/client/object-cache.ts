import { objectKey } from '../api/kind.ts';
import type { KubeObject } from '../api/kind.ts';
import { createIndex } from './object-index.ts';
import type { Indexer } from './object-index.ts';
import { compareResourceVersions } from './resource-version.ts';

/** `prev`, what the copy held before, is absent for a new object; `next` for one that is gone; never both. */
export interface Change<T> {
  readonly key: string;
  readonly next: T | undefined;
  readonly prev: T | undefined;
}

/** The objects of one kind as last seen. Objects in it are shared: never change one. */
export interface ObjectCache<T> {
  get(key: string): T | undefined;
  list(): readonly T[];
  /** Objects with `value` in the index; throws for an index that does not exist. */
  by(index: string, value: string): readonly T[];
  /** The changes this makes: none for an object that is not newer than the one known. */
  put(object: T): readonly Change<T>[];
  /** None for an object that is unknown, or known newer. */
  remove(object: T): readonly Change<T>[];
  /** Makes the cache equal to a list just read, which is the truth even where its versions look older. */
  replace(objects: readonly T[]): readonly Change<T>[];
}

export function createObjectCache<T extends KubeObject>(
  indexers: Readonly<Record<string, Indexer<T>>>,
): ObjectCache<T> {
  const objects = new Map<string, T>();
  const indexes = new Map(Object.entries(indexers).map(([name, indexer]) => [name, createIndex(indexer)]));
  let snapshot: readonly T[] | undefined;

  const set = (key: string, prev: T | undefined, next: T | undefined): void => {
    snapshot = undefined;
    for (const index of indexes.values()) index.move(key, prev, next);
    if (next === undefined) objects.delete(key);
    else objects.set(key, next);
  };

  /** A change of identity is two changes: what depended on the old object must let go of it. */
  const write = (key: string, prev: T | undefined, next: T): readonly Change<T>[] => {
    set(key, prev, next);
    if (prev === undefined || prev.metadata.uid === next.metadata.uid) return [{ key, next, prev }];
    return [
      { key, next: undefined, prev },
      { key, next, prev: undefined },
    ];
  };

  const drop = (key: string, prev: T): Change<T> => {
    set(key, prev, undefined);
    return { key, next: undefined, prev };
  };

  return {
    get: (key) => objects.get(key),
    list: () => (snapshot ??= [...objects.values()]),
    by: (name, value) => {
      const index = indexes.get(name);
      if (index === undefined) throw new Error(`no index "${name}"`);
      return [...index.keys(value)].flatMap((key) => objects.get(key) ?? []);
    },
    put: (object) => {
      const key = objectKey(object);
      const prev = objects.get(key);
      return isNewer(object, prev) === false ? [] : write(key, prev, object);
    },
    remove: (object) => {
      const key = objectKey(object);
      const prev = objects.get(key);
      const order = compareResourceVersions(object.metadata.resourceVersion, prev?.metadata.resourceVersion);
      if (prev === undefined || (order !== undefined && order < 0)) return [];
      return [drop(key, prev)];
    },
    replace: (list) => {
      const keys = list.map(objectKey);
      const changes = list.flatMap((object, i) => {
        const key = keys[i] ?? '';
        const prev = objects.get(key);
        return isSame(object, prev) ? [] : write(key, prev, object);
      });
      const present = new Set(keys);
      for (const [key, prev] of objects) if (!present.has(key)) changes.push(drop(key, prev));
      return changes;
    },
  };
}

/** Undefined when that cannot be told. */
function isNewer(object: KubeObject, known: KubeObject | undefined): boolean | undefined {
  const order = compareResourceVersions(object.metadata.resourceVersion, known?.metadata.resourceVersion);
  return order === undefined ? undefined : order > 0;
}

const isSame = (a: KubeObject, b: KubeObject | undefined): boolean =>
  b !== undefined &&
  a.metadata.uid === b.metadata.uid &&
  a.metadata.resourceVersion === b.metadata.resourceVersion;

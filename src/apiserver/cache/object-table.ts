import type { KubeObject } from '../../api/kind.ts';
import { createSortedKeys } from '../../storage/sorted-keys.ts';

/** The current objects of one resource by `namespace/name` (or `name`), in the order of the store's keys. */
export interface ObjectTable<T extends KubeObject = KubeObject> {
  readonly size: number;
  get(key: string): T | undefined;
  set(key: string, object: T): void;
  delete(key: string): void;
  /** The objects whose keys begin with `prefix` and come after `after` ('' = from the first). */
  range(prefix: string, after: string): T[];
}

export function createObjectTable<T extends KubeObject>(): ObjectTable<T> {
  const objects = new Map<string, T>();
  const keys = createSortedKeys();
  const bounds = (prefix: string, after: string): readonly [number, number] => {
    // Names are ASCII, where JavaScript's order is that of the bytes.
    const start = keys.rank((key) => key < prefix || key <= after);
    return [start, prefix === '' ? keys.size : keys.rank((key) => key < prefix || key.startsWith(prefix))];
  };
  return {
    get size() {
      return objects.size;
    },
    get: (key) => objects.get(key),
    set(key, object) {
      if (!objects.has(key)) keys.add(key);
      objects.set(key, object);
    },
    delete(key) {
      if (objects.delete(key)) keys.delete(key);
    },
    range(prefix, after) {
      const [start, end] = bounds(prefix, after);
      return keys.slice(start, end).flatMap((key) => objects.get(key) ?? []);
    },
  };
}

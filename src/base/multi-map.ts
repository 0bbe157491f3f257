/** Several values per key. Most keys have one value, which costs no set. */
export interface MultiMap {
  add(key: string, value: string): void;
  remove(key: string, value: string): void;
  has(key: string): boolean;
  /** The values of a key, none for an unknown one, in the order they came. */
  values(key: string): Iterable<string>;
}

export function createMultiMap(): MultiMap {
  const byKey = new Map<string, string | Set<string>>();
  return {
    add: (key, value) => {
      const held = byKey.get(key);
      if (held === undefined) byKey.set(key, value);
      else if (typeof held !== 'string') held.add(value);
      else if (held !== value) byKey.set(key, new Set([held, value]));
    },
    remove: (key, value) => {
      const held = byKey.get(key);
      if (held === value) byKey.delete(key);
      else if (typeof held === 'object' && held.delete(value) && held.size === 0) byKey.delete(key);
    },
    has: (key) => byKey.has(key),
    values: (key) => {
      const held = byKey.get(key);
      return held === undefined ? [] : typeof held === 'string' ? [held] : held;
    },
  };
}

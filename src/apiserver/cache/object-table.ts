import type { KubeObject } from '../../api/kind.ts';
import { createSortedKeys } from '../../storage/sorted-keys.ts';
import type { Entry } from '../../storage/store.ts';
import { decodeStored } from './stored-object.ts';

/** The current objects of one resource by `namespace/name` (or `name`), in the order of the store's keys. */
export interface ObjectTable<T extends KubeObject = KubeObject> {
  readonly size: number;
  get(key: string): T | undefined;
  /** The same for who looks at everything and comes back to nothing: what is decoded for it is not kept. */
  peek(key: string): T | undefined;
  /** Puts what the store holds; it is decoded when somebody asks for it. `object` is the same, decoded already. */
  set(key: string, entry: StoredEntry, object?: T): void;
  delete(key: string): void;
  /** The keys that `range` has objects for: what reads all objects of a large cluster must not decode them at once. */
  keys(prefix: string, after: string): string[];
  /** The objects whose keys begin with `prefix` and come after `after` ('' = from the first). */
  range(prefix: string, after: string): T[];
}

export type StoredEntry = Pick<Entry, 'value' | 'revision'>;

/** `object` is forgotten when it has not been needed for long: decoded, an object takes three times its bytes. */
interface Slot<T> {
  readonly entry: StoredEntry;
  object: T | undefined;
}

/** Which objects are kept decoded; one for all the tables that share the memory. */
export interface Decoded {
  add(slot: Slot<KubeObject>): void;
}

/**
 * Bytes of stored objects that are kept decoded at least; twice as many at most. A list of 10 000 Services is 15 MB, and
 * must be as quick the second time.
 */
const DECODED_BYTES = 24 * 1024 * 1024;

export function createObjectTable<T extends KubeObject>(decoded = createDecoded()): ObjectTable<T> {
  const slots = new Map<string, Slot<T>>();
  const keys = createSortedKeys();
  const objectIn = (slot: Slot<T>): T => {
    if (slot.object !== undefined) return slot.object;
    const object = decodeStored(slot.entry.value, slot.entry.revision) as T;
    slot.object = object;
    decoded.add(slot);
    return object;
  };
  const bounds = (prefix: string, after: string): readonly [number, number] => {
    // Names are ASCII, where JavaScript's order is that of the bytes.
    const start = keys.rank((key) => key < prefix || key <= after);
    return [start, prefix === '' ? keys.size : keys.rank((key) => key < prefix || key.startsWith(prefix))];
  };
  return {
    get size() {
      return slots.size;
    },
    get(key) {
      const slot = slots.get(key);
      return slot && objectIn(slot);
    },
    peek(key) {
      const slot = slots.get(key);
      return slot && (slot.object ?? (decodeStored(slot.entry.value, slot.entry.revision) as T));
    },
    set(key, entry, object) {
      if (!slots.has(key)) keys.add(key);
      const slot: Slot<T> = { entry, object };
      slots.set(key, slot);
      if (object !== undefined) decoded.add(slot);
    },
    delete(key) {
      if (slots.delete(key)) keys.delete(key);
    },
    keys: (prefix, after) => keys.slice(...bounds(prefix, after)),
    range(prefix, after) {
      const [start, end] = bounds(prefix, after);
      return keys.slice(start, end).flatMap((key) => {
        const slot = slots.get(key);
        return slot === undefined ? [] : [objectIn(slot)];
      });
    },
  };
}

/** Forgets objects in the order in which they were decoded, many at once: no bookkeeping for each use. */
export function createDecoded(limit = DECODED_BYTES): Decoded {
  let old: Slot<KubeObject>[] = [];
  let young: Slot<KubeObject>[] = [];
  let nBytes = 0;
  return {
    add(slot) {
      young.push(slot);
      nBytes += slot.entry.value.length;
      if (nBytes <= limit) return;
      for (const each of old) each.object = undefined;
      [old, young, nBytes] = [young, [], 0];
    },
  };
}

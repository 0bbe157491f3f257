/** An ordered set of keys. Positions count from 0 in ascending order of the keys' UTF-8 bytes. */
export interface SortedKeys {
  readonly size: number;
  /** Adding a key twice is harmless. */
  add(key: string): void;
  delete(key: string): void;
  /** How many keys `isBefore` holds for. It must hold for a run of keys from the first one, and for no others. */
  rank(isBefore: (key: string) => boolean): number;
  /** The keys at positions `start` up to before `end`. */
  slice(start: number, end: number): string[];
}

/** Chunks are split at this length, so that adding a key moves few others. */
const MAX_CHUNK = 512;

/** The order of the keys' UTF-8 bytes, which differs from JavaScript's own (UTF-16) above U+D7FF. */
export function compareKeys(a: string, b: string): number {
  const length = Math.min(a.length, b.length);
  for (let i = 0; i < length; i++) {
    const x = a.charCodeAt(i);
    const y = b.charCodeAt(i);
    if (x !== y) return afterSurrogates(x) - afterSurrogates(y);
  }
  return a.length - b.length;
}

/** Code points beyond the basic plane sort last, but their UTF-16 halves do not. */
const afterSurrogates = (unit: number): number => (unit >= 0xd800 && unit <= 0xdfff ? unit + 0x10000 : unit);

/** Where a key has none of these, both orders agree on it and any other. */
const ABOVE_D7FF = /[\ud800-\uffff]/;

/** JavaScript's own order, several times faster than ours. */
const compareUtf16 = (a: string, b: string): number => (a < b ? -1 : a === b ? 0 : 1);

export function createSortedKeys(): SortedKeys {
  const chunks: string[][] = [[]];
  let size = 0;
  let compare = compareUtf16;
  /** The only chunk that may hold `key`. */
  const chunkOf = (key: string): number =>
    Math.max(0, countWhile(chunks, (chunk) => compare(chunk[0] ?? '', key) <= 0) - 1);
  const locate = (key: string): { at: number; chunk: string[]; index: number } => {
    const at = chunkOf(key);
    const chunk = chunks[at] ?? [];
    return { at, chunk, index: countWhile(chunk, (other) => compare(other, key) < 0) };
  };
  return {
    get size() {
      return size;
    },
    add(key) {
      if (ABOVE_D7FF.test(key)) compare = compareKeys;
      const { at, chunk, index } = locate(key);
      if (chunk[index] === key) return;
      chunk.splice(index, 0, key);
      size++;
      if (chunk.length > MAX_CHUNK) chunks.splice(at + 1, 0, chunk.splice(MAX_CHUNK / 2));
    },
    delete(key) {
      const { at, chunk, index } = locate(key);
      if (chunk[index] !== key) return;
      chunk.splice(index, 1);
      size--;
      if (chunk.length === 0 && chunks.length > 1) chunks.splice(at, 1);
    },
    rank(isBefore) {
      const nWhole = countWhile(
        chunks,
        (chunk) => chunk.length > 0 && isBefore(chunk[chunk.length - 1] ?? ''),
      );
      let rank = countWhile(chunks[nWhole] ?? [], isBefore);
      for (let i = 0; i < nWhole; i++) rank += chunks[i]?.length ?? 0;
      return rank;
    },
    slice(start, end) {
      const keys: string[] = [];
      let base = 0;
      for (const chunk of chunks) {
        if (base >= end) break;
        if (base + chunk.length > start) {
          for (const key of chunk.slice(Math.max(0, start - base), end - base)) keys.push(key);
        }
        base += chunk.length;
      }
      return keys;
    },
  };
}

/** Binary search: the length of the run at the front of `items` that `holds`. */
function countWhile<T>(items: readonly T[], holds: (item: T) => boolean): number {
  let low = 0;
  let high = items.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (holds(items[middle] as T)) low = middle + 1;
    else high = middle;
  }
  return low;
}

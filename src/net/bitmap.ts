/** A fixed number of slots, each free or taken. Offsets run from 0 to `size - 1`; others throw RangeError. */
export interface Bitmap {
  readonly size: number;
  has(offset: number): boolean;
  /** Takes the slot; false when it was taken already. */
  set(offset: number): boolean;
  /** Frees the slot; false when it was free already. */
  clear(offset: number): boolean;
  /** How many slots are taken. */
  count(): number;
  /** The first free slot from `start` up to before `end` (default: size). Does not wrap around; undefined when all are taken. */
  findFree(start: number, end?: number): number | undefined;
}

/** All slots free. Throws RangeError unless `size` is a whole number of 0 to 2^31. */
export function createBitmap(size: number): Bitmap {
  if (!Number.isInteger(size) || size < 0 || size > 2 ** 31) throw new RangeError(`bad bitmap size ${size}`);
  const words = new Uint32Array(Math.ceil(size / 32));
  let nTaken = 0;
  const word = (offset: number): number => {
    if (!Number.isInteger(offset) || offset < 0 || offset >= size) {
      throw new RangeError(`no slot ${offset} in a bitmap of ${size}`);
    }
    return words[offset >>> 5] ?? 0;
  };
  const bit = (offset: number): number => 1 << (offset & 31);
  const has = (offset: number): boolean => (word(offset) & bit(offset)) !== 0;
  const flip = (offset: number, by: 1 | -1): true => {
    words[offset >>> 5] = word(offset) ^ bit(offset);
    nTaken += by;
    return true;
  };
  return {
    size,
    has,
    set: (offset) => !has(offset) && flip(offset, 1),
    clear: (offset) => has(offset) && flip(offset, -1),
    count: () => nTaken,
    findFree: (start, end = size) => findClearBit(words, Math.max(0, start), Math.min(size, end)),
  };
}

/** Whole words are skipped, so a full bitmap of 65536 costs 2048 steps. */
function findClearBit(words: Uint32Array, start: number, end: number): number | undefined {
  for (let at = start; at < end; at = (at | 31) + 1) {
    const free = ~(words[at >>> 5] ?? 0) & (0xffffffff << (at & 31));
    if (free === 0) continue;
    const found = (at & ~31) + (31 - Math.clz32(free & -free));
    return found < end ? found : undefined;
  }
  return undefined;
}

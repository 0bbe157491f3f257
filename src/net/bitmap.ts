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
  /** ceil(size / 8) bytes; bit i % 8 of byte i / 8 is slot i, on every machine. */
  snapshot(): Uint8Array;
}

/** All slots free. Throws RangeError unless `size` is a whole number of 0 to 2^31. */
export function createBitmap(size: number): Bitmap {
  if (!Number.isInteger(size) || size < 0 || size > 2 ** 31) throw new RangeError(`bad bitmap size ${size}`);
  return bitmapOn(size, new Uint32Array(Math.ceil(size / 32)));
}

/** The bitmap whose snapshot was `bytes`. Throws RangeError when the bytes cannot be a snapshot of `size` slots. */
export function restoreBitmap(size: number, bytes: Uint8Array): Bitmap {
  if (bytes.length !== Math.ceil(size / 8)) {
    throw new RangeError(`a bitmap of ${size} has ${Math.ceil(size / 8)} bytes, not ${bytes.length}`);
  }
  if (size % 8 !== 0 && (bytes[bytes.length - 1] ?? 0) >>> (size % 8) !== 0) {
    throw new RangeError(`the snapshot takes slots beyond ${size}`);
  }
  const words = new Uint32Array(Math.ceil(size / 32));
  for (const [i, byte] of bytes.entries()) words[i >>> 2] = (words[i >>> 2] ?? 0) | (byte << ((i & 3) * 8));
  return bitmapOn(size, words);
}

function bitmapOn(size: number, words: Uint32Array): Bitmap {
  let nTaken = 0;
  for (const word of words) nTaken += popCount(word);
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
    snapshot: () => Uint8Array.from({ length: Math.ceil(size / 8) }, (_, i) => byteOf(words, i)),
  };
}

const byteOf = (words: Uint32Array, i: number): number => ((words[i >>> 2] ?? 0) >>> ((i & 3) * 8)) & 255;

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

function popCount(word: number): number {
  let n = 0;
  for (let rest = word; rest !== 0; rest &= rest - 1) n++;
  return n;
}

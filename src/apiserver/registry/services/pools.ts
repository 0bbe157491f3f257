import { createBitmap, type Bitmap } from '../../../net/bitmap.ts';
import { formatPortRange, portRangeContains, type PortRange } from '../../../net/port-range.ts';
import type { KeyListener } from '../../cache/watch-cache.ts';
import { NODE_PORT_PREFIX, type Pool, type Random } from './claims.ts';

/** A pool that learns from the claims in the store what is taken. */
export interface ListeningPool<V> extends Pool<V> {
  readonly listener: KeyListener;
}

const mathRandom: Random = (n) => Math.floor(Math.random() * n);

/** The lower part, kept for explicit choices while there is room above it (KEP-3070, KEP-3668). */
export function staticSize(
  size: number,
  { step, max }: { readonly step: number; readonly max: number },
): number {
  if (size <= 16) return 0;
  return Math.min(Math.max(16, Math.floor(size / step)), max);
}

export function nodePortPool(range: PortRange, random: Random = mathRandom): ListeningPool<number> {
  const nStatic = range.size < 16 ? 0 : staticSize(Math.max(range.size, 17), { step: 32, max: 128 });
  const slots = createSlots({ size: range.size, nStatic: Math.min(nStatic, range.size), random });
  return {
    range: formatPortRange(range),
    contains: (port) => portRangeContains(range, port),
    findFree: (isTried) => {
      const offset = slots.findFree((slot) => isTried(range.first + slot));
      return offset === undefined ? undefined : range.first + offset;
    },
    listener: slots.listener(NODE_PORT_PREFIX, (text) => Number(text) - range.first),
  };
}

interface Slots {
  findFree(isTried: (slot: number) => boolean): number | undefined;
  listener(prefix: string, slotOf: (text: string) => number): KeyListener;
}

interface SlotOptions {
  readonly size: number;
  readonly nStatic: number;
  readonly random: Random;
}

function createSlots({ size, nStatic, random }: SlotOptions): Slots {
  let taken: Bitmap = createBitmap(size);
  const scan = (start: number, end: number, isTried: (slot: number) => boolean): number | undefined => {
    let slot = taken.findFree(start, end);
    while (slot !== undefined && isTried(slot)) slot = taken.findFree(slot + 1, end);
    return slot;
  };
  /** From a random start to the end, then from the beginning. */
  const search = (start: number, end: number, isTried: (slot: number) => boolean): number | undefined => {
    if (end <= start) return undefined;
    const middle = start + random(end - start);
    return scan(middle, end, isTried) ?? scan(start, middle, isTried);
  };
  return {
    findFree: (isTried) => search(nStatic, size, isTried) ?? search(0, nStatic, isTried),
    listener: (prefix, slotOf) => {
      const apply = (key: string, change: (slot: number) => unknown): void => {
        const slot = slotOf(key.slice(prefix.length));
        if (Number.isInteger(slot) && slot >= 0 && slot < size) change(slot);
      };
      return {
        prefix,
        reset: () => void (taken = createBitmap(size)),
        set: (key) => apply(key, (slot) => taken.set(slot)),
        delete: (key) => apply(key, (slot) => taken.clear(slot)),
      };
    },
  };
}

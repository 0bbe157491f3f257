import assert from 'node:assert/strict';
import { readFields } from '../protobuf/reader.ts';

/** What tests read an encoded document with. */

/** The values of one field, in order; of a field of those where more numbers follow. */
export function field(message: Uint8Array, ...[number, ...deeper]: readonly number[]): Uint8Array[] {
  const found = [...readFields(message)]
    .filter((f) => f.number === number)
    .map(({ value }) => (typeof value === 'bigint' ? Uint8Array.of(Number(value)) : value));
  return deeper.length === 0 ? found : found.flatMap((f) => field(f, ...deeper));
}

export const text = (message: Uint8Array | undefined): string => new TextDecoder().decode(message);

/** The value of the entry of that name among (name = 1, value = 2) pairs. */
export function entry(pairs: readonly Uint8Array[], name: string): Uint8Array {
  const value = pairs.filter((pair) => text(field(pair, 1)[0]) === name).flatMap((pair) => field(pair, 2));
  assert.equal(value.length, 1, name);
  return value[0] ?? new Uint8Array();
}

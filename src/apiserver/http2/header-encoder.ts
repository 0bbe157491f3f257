import { STATIC_TABLE } from './static-table.ts';
import type { HeaderField } from './header-decoder.ts';

const statusIndex = new Map<string, number>();
const nameIndex = new Map<string, number>();
for (const [i, [name, value]] of STATIC_TABLE.entries()) {
  if (name === ':status') statusIndex.set(value, i + 1);
  if (!nameIndex.has(name)) nameIndex.set(name, i + 1);
}

/** What may stand in a value: no control characters, nothing beyond one octet. */
const VALUE = /^[\t\x20-\x7e\x80-\xff]*$/;

/**
 * A header block that adds nothing to the client's table, so that it can be read whatever came before it and is made
 * without knowing the connection. Throws a TypeError for a value that cannot be sent.
 */
export function encodeHeaders(status: number, fields: Iterable<HeaderField>): Buffer {
  // Octets as characters: one string is joined and written faster than many small pieces.
  let block = statusField(String(status));
  for (const [name, value] of fields) {
    if (!VALUE.test(value)) throw new TypeError(`the header ${name} has a character that cannot be sent`);
    const index = nameIndex.get(name);
    block += index === undefined ? `\0${text(name)}` : integer(index, 0, 4);
    block += text(value);
  }
  return Buffer.from(block, 'latin1');
}

/** Tells the client's decoder that its table will not be used: the answer to one that has made it smaller. */
export const EMPTY_TABLE = Buffer.of(0x20);

function statusField(status: string): string {
  const index = statusIndex.get(status);
  return index === undefined ? `${integer(8, 0, 4)}${text(status)}` : integer(index, 0x80, 7);
}

const text = (value: string): string => integer(value.length, 0, 7) + value;

function integer(value: number, pattern: number, nPrefixBits: number): string {
  const mask = (1 << nPrefixBits) - 1;
  if (value < mask) return String.fromCharCode(pattern | value);
  let octets = String.fromCharCode(pattern | mask);
  let rest = value - mask;
  for (; rest >= 0x80; rest >>>= 7) octets += String.fromCharCode((rest & 0x7f) | 0x80);
  return octets + String.fromCharCode(rest);
}

const FIRST_SIZE = 16 * 1024;

/**
 * Bytes written from the end to the beginning, as gogo-protobuf does it: a message's length is known by the time its
 * head is written, so nothing is measured twice or moved. `at` is where the bytes written so far begin.
 */
export interface Writer {
  buffer: Buffer;
  at: number;
}

export const createWriter = (size = FIRST_SIZE): Writer => ({ buffer: Buffer.allocUnsafe(size), at: size });

/** Makes room for `size` more bytes in front. */
function reserve(writer: Writer, size: number): void {
  const { buffer, at } = writer;
  if (at >= size) return;
  const written = buffer.length - at;
  const grown = Buffer.allocUnsafeSlow(Math.max(buffer.length * 2, written + size));
  buffer.copy(grown, grown.length - written, at);
  writer.buffer = grown;
  writer.at = grown.length - written;
}

/** How many bytes have been written. */
export const writtenLength = ({ buffer, at }: Writer): number => buffer.length - at;

/** A copy of everything written; the writer is empty again. */
export function takeBytes(writer: Writer): Buffer {
  const { buffer, at } = writer;
  const bytes = Buffer.allocUnsafe(buffer.length - at);
  buffer.copy(bytes, 0, at);
  writer.at = buffer.length;
  return bytes;
}

/** A number from 0 to 2^53 - 1. */
export function writeVarint(writer: Writer, value: number): void {
  reserve(writer, 10);
  const { buffer } = writer;
  if (value < 0x80) {
    buffer[--writer.at] = value;
    return;
  }
  let size = 1;
  for (let rest = value; rest >= 0x80; rest = Math.floor(rest / 0x80)) size++;
  let at = (writer.at -= size);
  let rest = value;
  for (; rest >= 0x80; rest = Math.floor(rest / 0x80)) buffer[at++] = (rest % 0x80) | 0x80;
  buffer[at] = rest;
}

/** Any safe integer; a negative one takes ten bytes, as two's complement of 64 bits. */
export function writeInteger(writer: Writer, value: number): void {
  if (value >= 0) return writeVarint(writer, value);
  reserve(writer, 10);
  const { buffer } = writer;
  let at = (writer.at -= 10);
  let rest = BigInt.asUintN(64, BigInt(value));
  for (let i = 0; i < 9; i++, rest >>= 7n) buffer[at++] = Number(rest & 0x7fn) | 0x80;
  buffer[at] = Number(rest);
}

/** Longer texts are left to node. */
const SHORT = 64;

/** UTF-8, without its length. Lone surrogates become U+FFFD. */
export function writeText(writer: Writer, text: string): void {
  const { length } = text;
  if (length <= SHORT) {
    reserve(writer, length);
    const { buffer } = writer;
    let at = writer.at;
    let i = length - 1;
    for (; i >= 0; i--) {
      const code = text.charCodeAt(i);
      if (code >= 0x80) break;
      buffer[--at] = code;
    }
    if (i < 0) {
      writer.at = at;
      return;
    }
  }
  const size = Buffer.byteLength(text);
  reserve(writer, size);
  writer.at -= size;
  writer.buffer.write(text, writer.at, size, 'utf8');
}

export function writeBytes(writer: Writer, bytes: Uint8Array): void {
  reserve(writer, bytes.length);
  writer.at -= bytes.length;
  writer.buffer.set(bytes, writer.at);
}

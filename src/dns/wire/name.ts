import { WireError } from './model.ts';
import type { DomainName } from './model.ts';

const MAX_NAME_BYTES = 255;
const MAX_LABEL_BYTES = 63;
const DOT = 46;
const BACKSLASH = 92;

/** A name and the offset behind it. */
export interface NameAt {
  readonly name: DomainName;
  readonly end: number;
}

/** Where the text of a name is put together: one string per name instead of one per label. */
const scratch = Buffer.alloc(MAX_NAME_BYTES);

/**
 * Reads the name at `start`. Pointers may only lead backwards, so no message can make a loop, and the name's length is
 * counted over all of them. Throws WireError.
 */
export function readName(bytes: Buffer, start: number): NameAt {
  let length = 0;
  let isPlainName = true;
  let escaped = '';
  let at = start;
  let limit = start;
  let end = -1;
  for (;;) {
    const size = bytes[at];
    if (size === undefined) throw new WireError('a name goes past the end of the message');
    if (size === 0) {
      if (end < 0) end = at + 1;
      if (length === 0) return { name: '.', end };
      return { name: isPlainName ? scratch.toString('latin1', 0, length) : escaped, end };
    }
    if (size >= 0xc0) {
      const target = pointerAt(bytes, at);
      if (target >= limit) throw new WireError('a pointer does not lead backwards');
      if (end < 0) end = at + 2;
      limit = target;
      at = target;
      continue;
    }
    const next = at + 1 + size;
    if (size > MAX_LABEL_BYTES) throw new WireError('a label of an unknown kind');
    if (length + size + 2 > MAX_NAME_BYTES) throw new WireError('a name of more than 255 bytes');
    if (next > bytes.length) throw new WireError('a label goes past the end of the message');
    if (isPlainName && !copyPlain(bytes, { start: at + 1, end: next, to: length })) {
      isPlainName = false;
      escaped = scratch.toString('latin1', 0, length);
    }
    if (!isPlainName) escaped += `${escapedLabel(bytes, at + 1, next)}.`;
    length += size + 1;
    at = next;
  }
}

function pointerAt(bytes: Buffer, at: number): number {
  const low = bytes[at + 1];
  if (low === undefined) throw new WireError('a pointer goes past the end of the message');
  return (((bytes[at] ?? 0) & 0x3f) << 8) | low;
}

function isPlain(byte: number): boolean {
  return byte > 32 && byte < 127 && byte !== DOT && byte !== BACKSLASH;
}

/** Copies a label and a dot; false when one of its bytes has to be escaped. */
function copyPlain(bytes: Buffer, label: { start: number; end: number; to: number }): boolean {
  let to = label.to;
  for (let i = label.start; i < label.end; i++) {
    const byte = bytes[i] ?? 0;
    if (!isPlain(byte)) return false;
    scratch[to++] = byte;
  }
  scratch[to] = DOT;
  return true;
}

function escapedLabel(bytes: Buffer, start: number, end: number): string {
  let text = '';
  for (const byte of bytes.subarray(start, end)) {
    if (isPlain(byte)) text += String.fromCharCode(byte);
    else if (byte === DOT || byte === BACKSLASH) text += `\\${String.fromCharCode(byte)}`;
    else text += `\\${String(byte).padStart(3, '0')}`;
  }
  return text;
}

/**
 * The labels of a name, still escaped, without the root: `a.b.` is [a, b], `.` is []. A missing last dot is forgiven.
 */
export function labelsOf(name: DomainName): string[] {
  if (name.includes('\\')) return name.match(/(?:\\\d{3}|\\.|[^.\\])+/gs) ?? [];
  const text = name.endsWith('.') ? name.slice(0, -1) : name;
  return text === '' ? [] : text.split('.');
}

/** The bytes of one label, one character per byte. Throws WireError when it is empty, too long or wrongly escaped. */
export function labelBytes(label: string): string {
  const raw = label.includes('\\')
    ? label.replace(/\\(\d{3}|[^])?/g, (_, code: string | undefined) => unescape(code))
    : label;
  if (raw === '' || raw.length > MAX_LABEL_BYTES) {
    throw new WireError(`a label has 1 to 63 bytes, not ${raw.length}`);
  }
  return raw;
}

function unescape(code: string | undefined): string {
  if (code === undefined) throw new WireError('a name ends in a backslash');
  if (code.length === 1) return code;
  const byte = Number(code);
  if (byte > 255) throw new WireError(`\\${code} is no byte`);
  return String.fromCharCode(byte);
}

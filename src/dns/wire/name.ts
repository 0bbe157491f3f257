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

/**
 * Reads the name at `start`. Pointers may only lead backwards, so no message can make a loop, and the name's length is
 * counted over all of them. Throws WireError.
 */
export function readName(bytes: Buffer, start: number): NameAt {
  let name = '';
  let nBytes = 1;
  let at = start;
  let limit = start;
  let end = -1;
  for (;;) {
    const length = bytes[at];
    if (length === undefined) throw new WireError('a name goes past the end of the message');
    if (length === 0) return { name: name === '' ? '.' : name, end: end < 0 ? at + 1 : end };
    if (length >= 0xc0) {
      const low = bytes[at + 1];
      if (low === undefined) throw new WireError('a pointer goes past the end of the message');
      const target = ((length & 0x3f) << 8) | low;
      if (target >= limit) throw new WireError('a pointer does not lead backwards');
      if (end < 0) end = at + 2;
      limit = target;
      at = target;
      continue;
    }
    if (length > MAX_LABEL_BYTES) throw new WireError('a label of an unknown kind');
    nBytes += length + 1;
    if (nBytes > MAX_NAME_BYTES) throw new WireError('a name of more than 255 bytes');
    const next = at + 1 + length;
    if (next > bytes.length) throw new WireError('a label goes past the end of the message');
    name += `${labelText(bytes, at + 1, next)}.`;
    at = next;
  }
}

function isPlain(byte: number): boolean {
  return byte > 32 && byte < 127 && byte !== DOT && byte !== BACKSLASH;
}

function labelText(bytes: Buffer, start: number, end: number): string {
  for (let i = start; i < end; i++) if (!isPlain(bytes[i] ?? 0)) return escapedLabel(bytes, start, end);
  return bytes.toString('latin1', start, end);
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

/**
 * As much of DER (X.690) as certificates need: elements are written from their contents, and read one level at a time.
 * All lengths are of bytes.
 */
export interface Element {
  readonly tag: number;
  readonly content: Buffer;
  /** Tag, length and content. */
  readonly whole: Buffer;
}

export const tags = {
  boolean: 0x01,
  integer: 0x02,
  bitString: 0x03,
  octetString: 0x04,
  oid: 0x06,
  utf8String: 0x0c,
  utcTime: 0x17,
  generalizedTime: 0x18,
  sequence: 0x30,
  set: 0x31,
} as const;

/** The tag of a context-specific element; `constructed` ones hold elements, the others bytes. */
export const contextTag = (number: number, form: 'primitive' | 'constructed'): number =>
  (form === 'constructed' ? 0xa0 : 0x80) | number;

export function element(tag: number, ...contents: readonly Uint8Array[]): Buffer {
  const length = contents.reduce((sum, content) => sum + content.length, 0);
  return Buffer.concat([Buffer.from([tag]), lengthBytes(length), ...contents]);
}

function lengthBytes(length: number): Buffer {
  if (length < 0x80) return Buffer.from([length]);
  const hex = length.toString(16);
  const bytes = Buffer.from(hex.length % 2 === 0 ? hex : `0${hex}`, 'hex');
  return Buffer.concat([Buffer.from([0x80 | bytes.length]), bytes]);
}

export const sequence = (...contents: readonly Uint8Array[]): Buffer => element(tags.sequence, ...contents);

/** From dotted decimals; the first is 0, 1 or 2. */
export function oid(dotted: string): Buffer {
  const [first = 0, second = 0, ...rest] = dotted.split('.').map(Number);
  const arcs = [first * 40 + second, ...rest].flatMap((arc) => {
    const groups = [arc & 0x7f];
    for (let left = Math.floor(arc / 128); left > 0; left = Math.floor(left / 128)) {
      groups.unshift((left & 0x7f) | 0x80);
    }
    return groups;
  });
  return element(tags.oid, Buffer.from(arcs));
}

/** `nUnused` bits at the end of the last byte do not count. */
export const bitString = (bytes: Uint8Array, nUnused = 0): Buffer =>
  element(tags.bitString, Buffer.from([nUnused]), bytes);

/** UTCTime until 2049 and GeneralizedTime after it, as RFC 5280 4.1.2.5 wants; `ms` since the epoch, cut to seconds. */
export function time(ms: number): Buffer {
  const text = `${new Date(ms)
    .toISOString()
    .replace(/\.\d+Z$/, '')
    .replace(/\D/g, '')}Z`;
  return text < '2050'
    ? element(tags.utcTime, Buffer.from(text.slice(2)))
    : element(tags.generalizedTime, Buffer.from(text));
}

/** The elements that follow each other in `bytes`. Throws an Error when a length leads out of them. */
export function elements(bytes: Buffer): readonly Element[] {
  const found: Element[] = [];
  for (let at = 0; at < bytes.length;) {
    const { start, length } = readLength(bytes, at + 1);
    const end = start + length;
    if (end > bytes.length) throw new Error(`DER: an element at byte ${at} is cut off`);
    found.push({
      tag: bytes.readUInt8(at),
      content: bytes.subarray(start, end),
      whole: bytes.subarray(at, end),
    });
    at = end;
  }
  return found;
}

function readLength(bytes: Buffer, at: number): { readonly start: number; readonly length: number } {
  if (at >= bytes.length) throw new Error('DER: an element has no length');
  const first = bytes.readUInt8(at);
  if (first < 0x80) return { start: at + 1, length: first };
  const nBytes = first & 0x7f;
  if (nBytes === 0 || nBytes > 4 || at + nBytes >= bytes.length)
    throw new Error('DER: an element has a length that cannot be');
  return { start: at + 1 + nBytes, length: bytes.readUIntBE(at + 1, nBytes) };
}

import { WireError } from './model.ts';
import type { DomainName } from './model.ts';
import { labelBytes, labelsOf } from './name.ts';

/** Pointers have 14 bits. */
const MAX_POINTER = 0x3fff;
const MAX_NAME_BYTES = 255;
const MAX_LABEL_BYTES = 63;
/** Right behind the header. */
const FIRST_NAME = 12;
const DOT = 46;
const BACKSLASH = 92;

/** There is no room left. */
export class MessageFullError extends WireError {}

/**
 * Writes into one buffer that it keeps. Names are compressed against those written before, byte for byte, so that every
 * name keeps its case.
 */
export class MessageWriter {
  readonly #bytes: Buffer;
  readonly #names = new Map<string, number>();
  #first: DomainName = '';
  #isFirstIndexed = true;
  #length = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  get length(): number {
    return this.#length;
  }

  /** Forgets everything, for the next message. */
  reset(): void {
    this.#length = 0;
    this.#first = '';
    this.#isFirstIndexed = true;
    if (this.#names.size > 0) this.#names.clear();
  }

  /** Takes back what was written after `length`; names that stood there are no longer pointed to. */
  truncate(length: number): void {
    this.#length = length;
    for (const [suffix, offset] of this.#names) if (offset >= length) this.#names.delete(suffix);
  }

  u8(value: number): void {
    this.#need(1);
    this.#bytes[this.#length++] = value;
  }

  u16(value: number): void {
    this.#need(2);
    this.#bytes[this.#length++] = value >>> 8;
    this.#bytes[this.#length++] = value & 255;
  }

  u32(value: number): void {
    this.u16(value >>> 16);
    this.u16(value & 0xffff);
  }

  bytes(value: Uint8Array): void {
    this.#need(value.length);
    this.#bytes.set(value, this.#length);
    this.#length += value.length;
  }

  latin1(text: string): void {
    this.#need(text.length);
    this.#bytes.write(text, this.#length, 'latin1');
    this.#length += text.length;
  }

  /** Sets the 16 bits at `offset` to the number of bytes written behind them. */
  patchLength(offset: number): void {
    this.#bytes.writeUInt16BE(this.#length - offset - 2, offset);
  }

  patch16(offset: number, value: number): void {
    this.#bytes.writeUInt16BE(value, offset);
  }

  /** A name; `isCompressed` false where pointers are not allowed (the target of SRV, RFC 2782). Throws WireError. */
  name(name: DomainName, isCompressed = true): void {
    // The question's name is the owner of nearly every answer.
    if (isCompressed && name === this.#first) return this.u16(FIRST_NAME | 0xc000);
    if (this.#length === FIRST_NAME) {
      this.#first = name;
      this.#isFirstIndexed = false;
      if (this.#plainName(name)) return;
    } else if (!this.#isFirstIndexed) this.#indexFirst();
    this.#anyName(name, isCompressed);
  }

  #anyName(name: DomainName, isCompressed: boolean): void {
    const start = this.#length;
    let rest = name.endsWith('.') ? name : `${name}.`;
    let nBytes = 1;
    for (const label of labelsOf(name)) {
      const known = isCompressed ? this.#names.get(rest) : undefined;
      if (known !== undefined) return this.u16(0xc000 | known);
      const raw = labelBytes(label);
      nBytes += raw.length + 1;
      if (nBytes > MAX_NAME_BYTES) {
        this.truncate(start);
        throw new WireError('a name of more than 255 bytes');
      }
      if (this.#length <= MAX_POINTER) this.#names.set(rest, this.#length);
      this.u8(raw.length);
      this.latin1(raw);
      rest = rest.slice(label.length + 1);
    }
    this.u8(0);
  }

  /** The first name, without remembering its parts: most answers need no other. False when it is not that simple. */
  #plainName(name: DomainName): boolean {
    if (name.length >= MAX_NAME_BYTES || !name.endsWith('.') || name.length < 2) return false;
    let sizeAt = this.#length;
    let at = sizeAt + 1;
    for (let i = 0; i < name.length; i++) {
      const code = name.charCodeAt(i);
      if (code === DOT) {
        const size = at - sizeAt - 1;
        if (size === 0 || size > MAX_LABEL_BYTES) return false;
        this.#bytes[sizeAt] = size;
        sizeAt = at;
      } else {
        if (code === BACKSLASH) return false;
        this.#bytes[at] = code;
      }
      at++;
    }
    this.#bytes[sizeAt] = 0;
    this.#length = at;
    return true;
  }

  /** Another name comes: it may end like the first. */
  #indexFirst(): void {
    this.#isFirstIndexed = true;
    let rest = this.#first;
    let offset = FIRST_NAME;
    for (const label of labelsOf(rest)) {
      this.#names.set(rest, offset);
      offset += labelBytes(label).length + 1;
      rest = rest.slice(label.length + 1);
    }
  }

  /** A copy of what was written. */
  finish(): Buffer {
    return Buffer.from(this.#bytes.subarray(0, this.#length));
  }

  #need(nBytes: number): void {
    if (this.#length + nBytes > this.#bytes.length)
      throw new MessageFullError('a message of more than 64 KiB');
  }
}

import { align4, attributeHeaderBytes, messageHeaderBytes, NLA_F_NESTED } from './protocol.ts';

/**
 * Builds one or many netlink messages in one growing buffer: `begin`, fixed header fields, attributes, and so on for the next message.
 * Numbers are in host order (little-endian: x64 and arm64) unless the name ends in `Be`. Sequence numbers are filled in when the messages are sent.
 */
export class NetlinkWriter {
  #buffer: Buffer;
  #length = 0;
  #message = -1;
  #nMessages = 0;

  /** `capacityBytes` is a first guess; the buffer doubles as needed. */
  constructor(capacityBytes = 1024) {
    this.#buffer = Buffer.allocUnsafe(Math.max(64, capacityBytes));
  }

  /** How many messages were begun since the last `reset`. */
  get nMessages(): number {
    return this.#nMessages;
  }

  /** How many bytes they take so far. */
  get length(): number {
    return this.#length;
  }

  /** Forgets all messages and keeps the memory. */
  reset(): this {
    this.#length = 0;
    this.#message = -1;
    this.#nMessages = 0;
    return this;
  }

  /** Ends the message before, if any, and starts one. `flags` are NLM_F_*; nothing is added to them. */
  begin(type: number, flags: number): this {
    this.#endMessage();
    const at = this.#reserve(messageHeaderBytes);
    const buffer = this.#buffer;
    buffer.writeUInt32LE(0, at);
    buffer.writeUInt16LE(type, at + 4);
    buffer.writeUInt16LE(flags, at + 6);
    buffer.writeUInt32LE(0, at + 8);
    buffer.writeUInt32LE(0, at + 12);
    this.#message = at;
    this.#nMessages++;
    return this;
  }

  u8(value: number): this {
    const at = this.#reserve(1);
    this.#buffer[at] = value;
    return this;
  }

  u16(value: number): this {
    const at = this.#reserve(2);
    this.#buffer.writeUInt16LE(value, at);
    return this;
  }

  u16Be(value: number): this {
    const at = this.#reserve(2);
    this.#buffer.writeUInt16BE(value, at);
    return this;
  }

  u32(value: number): this {
    const at = this.#reserve(4);
    this.#buffer.writeUInt32LE(value >>> 0, at);
    return this;
  }

  i32(value: number): this {
    const at = this.#reserve(4);
    this.#buffer.writeInt32LE(value, at);
    return this;
  }

  bytes(value: Uint8Array): this {
    const at = this.#reserve(value.length);
    this.#buffer.set(value, at);
    return this;
  }

  attrU8(type: number, value: number): this {
    const at = this.#attribute(type, 1);
    this.#buffer[at] = value;
    return this;
  }

  attrU16(type: number, value: number): this {
    const at = this.#attribute(type, 2);
    this.#buffer.writeUInt16LE(value, at);
    return this;
  }

  attrU16Be(type: number, value: number): this {
    const at = this.#attribute(type, 2);
    this.#buffer.writeUInt16BE(value, at);
    return this;
  }

  attrU32(type: number, value: number): this {
    const at = this.#attribute(type, 4);
    this.#buffer.writeUInt32LE(value >>> 0, at);
    return this;
  }

  attrU32Be(type: number, value: number): this {
    const at = this.#attribute(type, 4);
    this.#buffer.writeUInt32BE(value >>> 0, at);
    return this;
  }

  attrU64(type: number, value: bigint | number): this {
    const at = this.#attribute(type, 8);
    this.#buffer.writeBigUInt64LE(BigInt(value), at);
    return this;
  }

  attrU64Be(type: number, value: bigint | number): this {
    const at = this.#attribute(type, 8);
    this.#buffer.writeBigUInt64BE(BigInt(value), at);
    return this;
  }

  attrBytes(type: number, value: Uint8Array): this {
    const at = this.#attribute(type, value.length);
    this.#buffer.set(value, at);
    return this;
  }

  /** UTF-8 with the terminating zero the kernel expects. */
  attrString(type: number, value: string): this {
    const length = Buffer.byteLength(value);
    const at = this.#attribute(type, length + 1);
    this.#buffer.write(value, at, length, 'utf8');
    this.#buffer[at + length] = 0;
    return this;
  }

  /** An attribute without a value. */
  attrFlag(type: number): this {
    this.#attribute(type, 0);
    return this;
  }

  /** Opens an attribute that holds attributes; returns the mark for `closeNest`. The NLA_F_NESTED bit is added. */
  openNest(type: number): number {
    const at = this.#reserve(attributeHeaderBytes);
    this.#buffer.writeUInt16LE(0, at);
    this.#buffer.writeUInt16LE(type | NLA_F_NESTED, at + 2);
    return at;
  }

  /** Closes the attribute opened last; throws RangeError above the 65 535 bytes an attribute can hold. */
  closeNest(mark: number): this {
    this.#buffer.writeUInt16LE(this.#length - mark, mark);
    return this;
  }

  /** Cuts everything written after `length`, a former value of the property of that name at which no message was open. */
  truncate(length: number, nMessages: number): this {
    this.#length = length;
    this.#message = -1;
    this.#nMessages = nMessages;
    return this;
  }

  /** All messages so far; a view that later writes may change. */
  finish(): Buffer {
    this.#endMessage();
    return this.#buffer.subarray(0, this.#length);
  }

  #endMessage(): void {
    if (this.#message < 0) return;
    this.#pad();
    this.#buffer.writeUInt32LE(this.#length - this.#message, this.#message);
    this.#message = -1;
  }

  #pad(): void {
    while ((this.#length & 3) !== 0) this.u8(0);
  }

  /** Writes an attribute's header and the zeroes that pad it; returns where its value goes. */
  #attribute(type: number, length: number): number {
    const at = this.#reserve(attributeHeaderBytes + align4(length));
    const buffer = this.#buffer;
    buffer.writeUInt16LE(attributeHeaderBytes + length, at);
    buffer.writeUInt16LE(type, at + 2);
    for (let pad = at + attributeHeaderBytes + length; pad < this.#length; pad++) buffer[pad] = 0;
    return at + attributeHeaderBytes;
  }

  #reserve(nBytes: number): number {
    const at = this.#length;
    const needed = at + nBytes;
    if (needed > this.#buffer.length) {
      const grown = Buffer.allocUnsafe(Math.max(needed, this.#buffer.length * 2));
      this.#buffer.copy(grown, 0, 0, at);
      this.#buffer = grown;
    }
    this.#length = needed;
    return at;
  }
}

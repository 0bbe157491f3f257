import { decodeHuffman } from './huffman.ts';
import { STATIC_TABLE } from './static-table.ts';

export type HeaderField = readonly [name: string, value: string];

/** A header block cannot be read; after it nothing on the connection can (RFC 9113, 4.3). */
export class CompressionError extends Error {}

export interface HeaderList {
  readonly fields: readonly HeaderField[];
  /** The list has more than the limit, and `fields` only the first of them. */
  readonly isTooLarge: boolean;
}

/** Reads the header blocks of one connection, in their order (HPACK, RFC 7541). Values are octets as characters. */
export interface HeaderDecoder {
  /** Throws CompressionError. */
  decode(block: Uint8Array): HeaderList;
}

/** What we have told the client: the default of SETTINGS_HEADER_TABLE_SIZE. */
const TABLE_BYTES = 4096;
/** What a field counts beside its octets (RFC 7541, 4.1). */
const FIELD_BYTES = 32;

/** `limit`: bytes of one list, each field counted with 32 more. */
export function createHeaderDecoder(limit: number): HeaderDecoder {
  const table = new DynamicTable();
  return { decode: (block) => new BlockReader(block, table).read(limit) };
}

class DynamicTable {
  /** Oldest first. */
  private readonly fields: HeaderField[] = [];
  private bytes = 0;
  private capacity = TABLE_BYTES;

  resize(capacity: number): void {
    if (capacity > TABLE_BYTES) throw new CompressionError('the table is larger than allowed');
    this.capacity = capacity;
    this.evict(capacity);
  }

  add(field: HeaderField): void {
    const bytes = sizeOf(field);
    this.evict(this.capacity - bytes);
    if (bytes > this.capacity) return;
    this.fields.push(field);
    this.bytes += bytes;
  }

  at(index: number): HeaderField {
    const field =
      index <= STATIC_TABLE.length
        ? STATIC_TABLE[index - 1]
        : this.fields[this.fields.length + STATIC_TABLE.length - index];
    if (field === undefined) throw new CompressionError(`no field has the index ${index}`);
    return field;
  }

  private evict(room: number): void {
    while (this.bytes > room) {
      const oldest = this.fields.shift();
      if (oldest === undefined) return;
      this.bytes -= sizeOf(oldest);
    }
  }
}

const sizeOf = ([name, value]: HeaderField): number => name.length + value.length + FIELD_BYTES;

class BlockReader {
  private readonly block: Buffer;
  private readonly table: DynamicTable;
  private at = 0;

  constructor(block: Uint8Array, table: DynamicTable) {
    this.block = Buffer.from(block.buffer, block.byteOffset, block.byteLength);
    this.table = table;
  }

  read(limit: number): HeaderList {
    const fields: HeaderField[] = [];
    let bytes = 0;
    let mayResize = true;
    while (this.at < this.block.length) {
      const first = this.block[this.at] ?? 0;
      if ((first & 0xe0) === 0x20) {
        if (!mayResize) throw new CompressionError('the table changes its size within a block');
        this.table.resize(this.integer(5));
        continue;
      }
      mayResize = false;
      const field = this.field(first);
      bytes += sizeOf(field);
      if (bytes <= limit) fields.push(field);
    }
    return { fields, isTooLarge: bytes > limit };
  }

  private field(first: number): HeaderField {
    if ((first & 0x80) !== 0) return this.table.at(this.integer(7));
    const isKept = (first & 0x40) !== 0;
    const index = this.integer(isKept ? 6 : 4);
    const name = index === 0 ? this.text() : this.table.at(index)[0];
    const field: HeaderField = [name, this.text()];
    if (isKept) this.table.add(field);
    return field;
  }

  private integer(nPrefixBits: number): number {
    const mask = (1 << nPrefixBits) - 1;
    let value = this.byte() & mask;
    if (value < mask) return value;
    for (let shift = 0; ; shift += 7) {
      const byte = this.byte();
      // Nothing here is larger than a few megabytes.
      if (shift > 21) throw new CompressionError('a number is too large');
      value += (byte & 0x7f) << shift;
      if ((byte & 0x80) === 0) return value;
    }
  }

  private text(): string {
    const isHuffman = ((this.block[this.at] ?? 0) & 0x80) !== 0;
    const length = this.integer(7);
    const end = this.at + length;
    if (end > this.block.length) throw new CompressionError('a string goes on beyond its block');
    const start = this.at;
    this.at = end;
    if (!isHuffman) return this.block.toString('latin1', start, end);
    const text = decodeHuffman(this.block.subarray(start, end));
    if (text === undefined) throw new CompressionError('a string is no Huffman text');
    return text;
  }

  private byte(): number {
    const byte = this.block[this.at++];
    if (byte === undefined) throw new CompressionError('a block ends early');
    return byte;
  }
}

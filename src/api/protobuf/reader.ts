/** Malformed protobuf; the message says what of it. */
export class WireError extends Error {
  override readonly name = 'WireError';
}

export type WireValue = bigint | Uint8Array;

export interface WireField {
  readonly number: number;
  /** A varint or fixed number is a bigint, anything with a length is bytes. */
  readonly value: WireValue;
}

/** The fields of one message in the order they were written (protobuf encoding, wire types 0, 1, 2 and 5). Throws WireError. */
export function* readFields(bytes: Uint8Array): Generator<WireField> {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let at = 0;
  const varint = (): bigint => {
    // Most are tags, lengths and small numbers.
    const first = bytes[at];
    if (first !== undefined && first < 0x80) {
      at++;
      return BigInt(first);
    }
    let value = 0n;
    for (let shift = 0n; shift < 70n; shift += 7n) {
      const byte = bytes[at++];
      if (byte === undefined) throw new WireError('unexpected EOF');
      value |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) return BigInt.asUintN(64, value);
    }
    throw new WireError('a varint is longer than ten bytes');
  };
  const fixed = (size: 4 | 8): bigint => {
    if (at + size > bytes.length) throw new WireError('unexpected EOF');
    const value = size === 4 ? BigInt(view.getUint32(at, true)) : view.getBigUint64(at, true);
    at += size;
    return value;
  };
  const delimited = (): Uint8Array => {
    const length = varint();
    if (length > BigInt(bytes.length - at)) throw new WireError('unexpected EOF');
    const start = at;
    at += Number(length);
    return bytes.subarray(start, at);
  };
  while (at < bytes.length) {
    const tag = varint();
    const number = Number(tag >> 3n);
    if (number === 0) throw new WireError('field number 0');
    yield { number, value: readValue(Number(tag & 7n), { varint, fixed, delimited }) };
  }
}

interface Readers {
  readonly varint: () => bigint;
  readonly fixed: (size: 4 | 8) => bigint;
  readonly delimited: () => Uint8Array;
}

function readValue(wireType: number, { varint, fixed, delimited }: Readers): WireValue {
  switch (wireType) {
    case 0:
      return varint();
    case 1:
      return fixed(8);
    case 2:
      return delimited();
    case 5:
      return fixed(4);
    default:
      throw new WireError(`wire type ${wireType}`);
  }
}

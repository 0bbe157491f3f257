/**
 * Rows of the log as they travel between the threads: many in one buffer, which changes hands without a copy.
 * (Sending a caller's own array would either detach it or copy the whole pool that it is a slice of.)
 */
export interface Row {
  readonly revision: number;
  readonly createRevision: number;
  /** UTF-8. */
  readonly key: Uint8Array;
  /** Null for a delete. */
  readonly value: Uint8Array | null;
}

/** revision f64, createRevision f64, key length u32, value length u32 (all ones: null); then key and value. */
const HEADER_BYTES = 24;
const NULL_LENGTH = 0xffffffff;

export type PackedRows = Uint8Array<ArrayBuffer>;

/** Bytes that the row takes when packed. */
export const packedLength = (row: Row): number => HEADER_BYTES + row.key.length + (row.value?.length ?? 0);

export function packRows(rows: readonly Row[]): PackedRows {
  const packed = new Uint8Array(rows.reduce((sum, row) => sum + packedLength(row), 0));
  const view = new DataView(packed.buffer);
  let at = 0;
  for (const row of rows) {
    view.setFloat64(at, row.revision);
    view.setFloat64(at + 8, row.createRevision);
    view.setUint32(at + 16, row.key.length);
    view.setUint32(at + 20, row.value?.length ?? NULL_LENGTH);
    packed.set(row.key, at + HEADER_BYTES);
    if (row.value !== null) packed.set(row.value, at + HEADER_BYTES + row.key.length);
    at += packedLength(row);
  }
  return packed;
}

/** The rows' keys and values are views of `packed`. */
export function* unpackRows(packed: PackedRows): Generator<Row, void, undefined> {
  const view = new DataView(packed.buffer, packed.byteOffset, packed.byteLength);
  let at = 0;
  while (at < packed.length) {
    const keyAt = at + HEADER_BYTES;
    const valueAt = keyAt + view.getUint32(at + 16);
    const valueLength = view.getUint32(at + 20);
    const end = valueLength === NULL_LENGTH ? valueAt : valueAt + valueLength;
    yield {
      revision: view.getFloat64(at),
      createRevision: view.getFloat64(at + 8),
      key: packed.subarray(keyAt, valueAt),
      value: valueLength === NULL_LENGTH ? null : packed.subarray(valueAt, end),
    };
    at = end;
  }
}

import type { JsonObject, JsonValue } from '../../base/json.ts';
import type { AnyType, Field, MessageType, ScalarName } from '../schema/schema.ts';
import { WireError, readFields } from './reader.ts';
import type { WireValue } from './reader.ts';

/** Deeper messages would exhaust the stack; no Kubernetes object comes near. */
const DEPTH_LIMIT = 100;

/** The JSON form of a protobuf message of a schema type. Fields the schema does not know are left out. Throws WireError. */
export function decodeProtobuf(type: MessageType, bytes: Uint8Array): JsonObject {
  const out: JsonObject = {};
  nFields = 0;
  decodeInto(out, { layout: layoutOf(type), bytes, depth: 0 });
  return out;
}

/** The most fields of one body; what is stored has fewer, and each costs time. */
const FIELD_LIMIT = 200_000;

/** Of the body that is being read; nothing is awaited meanwhile. */
let nFields = 0;

function countField(): void {
  if (++nFields > FIELD_LIMIT) throw new WireError(`more than ${FIELD_LIMIT} fields`);
}

/** Where a field number leads: to a field, or to a message whose fields JSON shows inline. */
type Slot =
  | { readonly is: 'field'; readonly name: string; readonly field: Field }
  | { readonly is: 'inline'; readonly layout: Layout };
type Layout = ReadonlyMap<number, Slot>;

const layouts = new WeakMap<MessageType, Layout>();

function layoutOf(type: MessageType): Layout {
  const known = layouts.get(type);
  if (known !== undefined) return known;
  const layout = new Map<number, Slot>();
  const inner = new Map<number, Map<number, Slot>>();
  for (const [name, field] of Object.entries(type.fields)) {
    // apiVersion and kind travel in the envelope.
    if (field.number === 0) continue;
    const slot: Slot = { is: 'field', name, field };
    if (field.within === undefined) {
      layout.set(field.number, slot);
      continue;
    }
    const nested = inner.get(field.within) ?? new Map<number, Slot>();
    nested.set(field.number, slot);
    inner.set(field.within, nested);
    layout.set(field.within, { is: 'inline', layout: nested });
  }
  layouts.set(type, layout);
  return layout;
}

interface Source {
  readonly layout: Layout;
  readonly bytes: Uint8Array;
  readonly depth: number;
}

function decodeInto(out: JsonObject, { layout, bytes, depth }: Source): void {
  if (depth > DEPTH_LIMIT) throw new WireError(`nested deeper than ${DEPTH_LIMIT} levels`);
  for (const { number, value } of readFields(bytes)) {
    countField();
    const slot = layout.get(number);
    if (slot === undefined) continue;
    if (slot.is === 'inline')
      decodeInto(out, { layout: slot.layout, bytes: asBytes(value), depth: depth + 1 });
    else addField(out, slot, { value, depth });
  }
}

function addField(
  out: JsonObject,
  { name, field }: { readonly name: string; readonly field: Field },
  { value, depth }: { readonly value: WireValue; readonly depth: number },
): void {
  const { type } = field;
  switch (type.is) {
    case 'list': {
      const items = (out[name] ??= []) as JsonValue[];
      // An item without a value (an empty time) stays an item.
      items.push(decodeValue(type.of, value, depth) ?? null);
      return;
    }
    case 'map':
      addEntry((out[name] ??= {}) as JsonObject, type.of, { value, depth });
      return;
    default: {
      const decoded = decodeValue(type, value, depth);
      if (decoded !== undefined) out[name] = decoded;
    }
  }
}

function addEntry(
  map: JsonObject,
  type: AnyType,
  { value, depth }: { readonly value: WireValue; readonly depth: number },
): void {
  let key = '';
  let entry: JsonValue | undefined;
  for (const field of readFields(asBytes(value))) {
    countField();
    if (field.number === 1) key = asText(field.value);
    if (field.number === 2) entry = decodeEntry(type, field.value, depth);
  }
  // defineProperty, so that a key named __proto__ is a key like any other.
  const property = { value: entry ?? emptyOf(type), enumerable: true, writable: true, configurable: true };
  Object.defineProperty(map, key, property);
}

/** A list as the value of a map (`extra` of a user) travels in a message of its own, as its field 1. */
function decodeEntry(type: AnyType, value: WireValue, depth: number): JsonValue | undefined {
  if (type.is !== 'list') return decodeValue(type, value, depth);
  const items: JsonValue[] = [];
  for (const field of readFields(asBytes(value))) {
    countField();
    if (field.number === 1) items.push(decodeValue(type.of, field.value, depth + 1) ?? null);
  }
  return items;
}

/** A map entry may leave out a value that is zero; of times that is null. */
function emptyOf(type: AnyType): JsonValue {
  switch (type.is) {
    case 'list':
      return [];
    case 'message':
      return {};
    case 'string':
    case 'bytes':
      return '';
    default:
      return null;
  }
}

function decodeValue(type: AnyType, value: WireValue, depth: number): JsonValue | undefined {
  switch (type.is) {
    case 'message': {
      const out: JsonObject = {};
      decodeInto(out, { layout: layoutOf(type), bytes: asBytes(value), depth: depth + 1 });
      return out;
    }
    case 'list':
    case 'map':
      // Protobuf has no lists of lists; upstream's API has none either.
      throw new WireError(`a ${type.is} inside a list or map`);
    default:
      return decodeScalar(type.is, value);
  }
}

function decodeScalar(name: ScalarName, value: WireValue): JsonValue | undefined {
  switch (name) {
    case 'string':
      return asText(value);
    case 'int32':
    case 'int64':
      return asInteger(value);
    case 'bool':
      return asInteger(value) !== 0;
    case 'bytes':
      return Buffer.from(asBytes(value)).toString('base64');
    case 'quantity':
      return asText(fieldOf(value, 1) ?? new Uint8Array());
    case 'time':
    case 'microTime':
      return asTime(value, name);
    case 'intOrString':
      return asInteger(fieldOf(value, 1) ?? 0n) === 0
        ? asInteger(fieldOf(value, 2) ?? 0n)
        : asText(fieldOf(value, 3) ?? new Uint8Array());
    case 'json': {
      const raw = fieldOf(value, 1);
      return raw === undefined ? undefined : asJson(raw);
    }
  }
}

/** Seconds (1) and nanoseconds (2) since the epoch; an empty message is the zero time, which JSON leaves out. */
function asTime(value: WireValue, name: 'time' | 'microTime'): string | undefined {
  const bytes = asBytes(value);
  if (bytes.length === 0) return undefined;
  const seconds = asInteger(fieldOf(bytes, 1) ?? 0n);
  const micros = Math.floor(asInteger(fieldOf(bytes, 2) ?? 0n) / 1000);
  const date = new Date(seconds * 1000);
  if (Number.isNaN(date.getTime())) throw new WireError(`time ${seconds} is out of range`);
  const text = date.toISOString().slice(0, 19);
  return name === 'time' ? `${text}Z` : `${text}.${String(micros).padStart(6, '0')}Z`;
}

/** The last value of a field, as protobuf has it for fields that are no lists. */
function fieldOf(message: WireValue, number: number): WireValue | undefined {
  let found: WireValue | undefined;
  for (const field of readFields(asBytes(message))) if (field.number === number) found = field.value;
  return found;
}

function asBytes(value: WireValue): Uint8Array {
  if (typeof value === 'bigint') throw new WireError('a number where bytes belong');
  return value;
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

function asText(value: WireValue): string {
  try {
    return utf8.decode(asBytes(value));
  } catch (error) {
    if (error instanceof WireError) throw error;
    throw new WireError('text that is not UTF-8');
  }
}

function asInteger(value: WireValue): number {
  if (typeof value !== 'bigint') throw new WireError('bytes where a number belongs');
  const number = Number(BigInt.asIntN(64, value));
  if (!Number.isSafeInteger(number)) throw new WireError('a number beyond 2^53');
  return number;
}

function asJson(value: WireValue): JsonValue {
  try {
    return JSON.parse(asText(value)) as JsonValue;
  } catch (error) {
    if (error instanceof WireError) throw error;
    throw new WireError('JSON that cannot be read');
  }
}

import type { JsonObject, JsonValue } from '../../base/json.ts';
import type { AnyType, Field, ListType, MapType, MessageType, ScalarName } from '../schema/schema.ts';
import {
  createWriter,
  takeBytes,
  writeBytes,
  writeInteger,
  writeText,
  writeVarint,
  writtenLength,
  type Writer,
} from './writer.ts';

/**
 * The content of a value, without tag and length: a number for wire type 0, bytes for wire type 2. Everything is
 * written backwards, so the last field comes first here.
 */
type Content = (writer: Writer, value: JsonValue) => void;
/** A whole field, or nothing at all where absence says the same. */
type FieldWriter = (writer: Writer, value: JsonValue) => void;

const VARINT = 0;
const DELIMITED = 2;

const contents = new WeakMap<AnyType, Content>();

/** The writer of a type's content, made once. */
function contentOf(type: AnyType): Content {
  const known = contents.get(type);
  if (known !== undefined) return known;
  const content = compile(type);
  contents.set(type, content);
  return content;
}

function compile(type: AnyType): Content {
  switch (type.is) {
    case 'message':
      return messageContent(type);
    case 'list':
      // As the value of a map, such as `extra` of a user: a message whose field 1 is repeated.
      return listField(1, type);
    case 'map':
      throw new TypeError('protobuf has no lists of maps');
    default:
      return scalars[type.is];
  }
}

const wireTypeOf = (type: AnyType): number =>
  type.is === 'int32' || type.is === 'int64' || type.is === 'bool' ? VARINT : DELIMITED;

/** `content` with its tag in front and, for wire type 2, its length. */
function tagged(number: number, type: AnyType): FieldWriter {
  const wireType = wireTypeOf(type);
  const tag = number * 8 + wireType;
  const content = contentOf(type);
  if (wireType === VARINT) {
    return (writer, value) => {
      content(writer, value);
      writeVarint(writer, tag);
    };
  }
  return (writer, value) => {
    const before = writtenLength(writer);
    content(writer, value);
    writeVarint(writer, writtenLength(writer) - before);
    writeVarint(writer, tag);
  };
}

const textContent: Content = (writer, value) => writeText(writer, value as string);

/** Field 1 with text; the form of a Quantity and of raw JSON. */
const wrappedText =
  (textOf: (value: JsonValue) => string): Content =>
  (writer, value) => {
    const before = writtenLength(writer);
    writeText(writer, textOf(value));
    writeVarint(writer, writtenLength(writer) - before);
    writeVarint(writer, 8 + DELIMITED);
  };

/** Seconds (1) and nanoseconds (2). Seconds are written even when they are 0: an empty message is Go's zero time. */
const timestamp: Content = (writer, value) => {
  const text = value as string;
  const dot = text.indexOf('.');
  const micros =
    dot < 0
      ? 0
      : Number(
          text
            .slice(dot + 1, -1)
            .padEnd(6, '0')
            .slice(0, 6),
        );
  if (micros !== 0) {
    writeVarint(writer, micros * 1000);
    writeVarint(writer, 2 * 8 + VARINT);
  }
  writeInteger(writer, Math.floor(Date.parse(text) / 1000));
  writeVarint(writer, 8 + VARINT);
};

/** IntOrString: type (1) is 0 for a number (2) and 1 for text (3). */
const intOrString: Content = (writer, value) => {
  if (typeof value === 'number') {
    writeInteger(writer, value);
    writeVarint(writer, 2 * 8 + VARINT);
    return;
  }
  const before = writtenLength(writer);
  writeText(writer, value as string);
  writeVarint(writer, writtenLength(writer) - before);
  writeVarint(writer, 3 * 8 + DELIMITED);
  writeVarint(writer, 1);
  writeVarint(writer, 8 + VARINT);
};

const integer: Content = (writer, value) => writeInteger(writer, value as number);

const scalars: Readonly<Record<ScalarName, Content>> = {
  string: textContent,
  int32: integer,
  int64: integer,
  bool: (writer, value) => writeVarint(writer, value === true ? 1 : 0),
  bytes: (writer, value) => writeBytes(writer, Buffer.from(value as string, 'base64')),
  quantity: wrappedText(String),
  time: timestamp,
  microTime: timestamp,
  intOrString,
  json: wrappedText((value) => JSON.stringify(value)),
};

/** Whether the zero value of a field means its absence. Messages and pointers are there or not. */
const isZeroAbsent = ({ presence, type }: Field): boolean =>
  presence !== 'pointer' && (type.is === 'string' || type.is === 'bytes' || wireTypeOf(type) === VARINT);

const isZero = (value: JsonValue): boolean => value === '' || value === 0 || value === false;

function fieldWriter(field: Field): FieldWriter {
  const { number, type } = field;
  if (type.is === 'list') return listField(number, type);
  if (type.is === 'map') return mapField(number, type);
  const write = tagged(number, type);
  if (!isZeroAbsent(field)) return write;
  return (writer, value) => {
    if (!isZero(value)) write(writer, value);
  };
}

function listField(number: number, { of }: ListType): FieldWriter {
  const write = tagged(number, of);
  return (writer, value) => {
    const items = value as JsonValue[];
    for (let i = items.length - 1; i >= 0; i--) write(writer, items[i] ?? null);
  };
}

/** Entries of key (1) and value (2), sorted by key, so that the same object has the same bytes. */
function mapField(number: number, { of }: MapType): FieldWriter {
  const writeValue = tagged(2, of);
  const writeKey = tagged(1, { is: 'string' });
  const tag = number * 8 + DELIMITED;
  return (writer, value) => {
    const map = value as JsonObject;
    const keys = Object.keys(map).sort();
    for (let i = keys.length - 1; i >= 0; i--) {
      const key = keys[i] ?? '';
      const before = writtenLength(writer);
      writeValue(writer, map[key] ?? null);
      writeKey(writer, key);
      writeVarint(writer, writtenLength(writer) - before);
      writeVarint(writer, tag);
    }
  };
}

type Part = (writer: Writer, object: JsonObject) => void;

/** The parts of a message, highest number first. */
function messageContent({ fields }: MessageType): Content {
  let parts: readonly Part[] | undefined;
  return (writer, value) => {
    // Made at first use: a message may hold itself.
    parts ??= partsOf(fields);
    for (const part of parts) part(writer, value as JsonObject);
  };
}

function partsOf(fields: Readonly<Record<string, Field>>): readonly Part[] {
  const numbered: [number: number, part: Part][] = [];
  const inner = new Map<number, Record<string, Field>>();
  for (const [name, field] of Object.entries(fields)) {
    // apiVersion and kind travel in the envelope.
    if (field.number === 0) continue;
    if (field.within === undefined) numbered.push([field.number, plainPart(name, field)]);
    else inner.set(field.within, { ...inner.get(field.within), [name]: withoutWithin(field) });
  }
  for (const [number, nested] of inner) numbered.push([number, nestedPart(number, partsOf(nested))]);
  return numbered.sort(([a], [b]) => b - a).map(([, part]) => part);
}

function withoutWithin(field: Field): Field {
  const { within: _, ...rest } = field;
  return rest;
}

function plainPart(name: string, field: Field): Part {
  const write = fieldWriter(field);
  return (writer, object) => {
    const value = object[name];
    if (value !== undefined && value !== null) write(writer, value);
  };
}

/** Fields that JSON shows inline; the message around them is left out when it would be empty. */
function nestedPart(number: number, parts: readonly Part[]): Part {
  const tag = number * 8 + DELIMITED;
  return (writer, object) => {
    const before = writtenLength(writer);
    for (const part of parts) part(writer, object);
    const length = writtenLength(writer) - before;
    if (length === 0) return;
    writeVarint(writer, length);
    writeVarint(writer, tag);
  };
}

/** One for all: nothing is awaited between the first byte and the last. */
let shared: Writer | undefined;

/**
 * A stored (decoded and defaulted) object of a schema type as a protobuf message, without apiVersion and kind. Equal
 * objects have equal bytes. Fields the schema does not know are left out.
 */
export function encodeProtobuf(type: MessageType, object: object): Buffer {
  const writer = (shared ??= createWriter());
  // What a failure left behind is not part of this one.
  writer.at = writer.buffer.length;
  contentOf(type)(writer, object as JsonObject);
  return takeBytes(writer);
}

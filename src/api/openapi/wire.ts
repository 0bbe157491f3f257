import { isJsonObject, type JsonObject, type JsonValue } from '../../base/json.ts';
import {
  createWriter,
  takeBytes,
  type Writer,
  writeBytes,
  writeText,
  writeVarint,
  writtenLength,
} from '../protobuf/writer.ts';

/**
 * How OpenAPI's JSON becomes gnostic's protobuf messages: what both of its versions are described with. A key without a
 * number is an error, never left out silently. All of it writes from the end to the beginning, so that nothing is moved.
 */

/** One field with its tag; nothing at all for false. */
export type Field = (out: Writer, value: JsonValue | undefined) => void;
/** The content of a message. */
export type Message = (out: Writer, value: JsonValue | undefined) => void;

const VARINT = 0;
const FIXED64 = 1;
const DELIMITED = 2;

/** The bytes of one message. */
export function encoded(content: Message, value: JsonObject): Uint8Array {
  const out = createWriter(FIRST_SIZE);
  content(out, value);
  return takeBytes(out);
}
/** What a small document takes; it doubles for others. */
const FIRST_SIZE = 64 * 1024;

/** A field whose length is known once its content has been written. */
const delimited =
  (number: number, content: Message): Field =>
  (out, value) => {
    const before = writtenLength(out);
    content(out, value);
    writeVarint(out, writtenLength(out) - before);
    writeVarint(out, number * 8 + DELIMITED);
  };

export const utf8: Message = (out, value) => {
  if (typeof value !== 'string')
    throw new TypeError(`OpenAPI has ${JSON.stringify(value)} where text belongs`);
  writeText(out, value);
};
export const text = (number: number): Field => one(number, utf8);
export const one = (number: number, content: Message): Field => delimited(number, content);
export const flag = (number: number): Field => {
  const write = truth(number);
  return (out, value) => {
    if (value === true) write(out, value);
  };
};
/** A truth value that is written whatever it is: one of several that a message may hold. */
export const truth =
  (number: number): Field =>
  (out, value) => {
    writeVarint(out, value === true ? 1 : 0);
    writeVarint(out, number * 8 + VARINT);
  };
/** Eight bytes, the lowest first. */
export const double =
  (number: number): Field =>
  (out, value) => {
    const bytes = Buffer.alloc(8);
    bytes.writeDoubleLE(value as number);
    writeBytes(out, bytes);
    writeVarint(out, number * 8 + FIXED64);
  };
export const each = (number: number, content: Message): Field => {
  const write = delimited(number, content);
  return (out, value) => {
    const items = (Array.isArray(value) ? value : [value]) as readonly (JsonValue | undefined)[];
    for (let i = items.length - 1; i >= 0; i--) write(out, items[i]);
  };
};
/** A map as repeated (name = 1, value = 2). */
export const named = (number: number, content: Message): Field => {
  const writeName = text(1);
  const writeValue = one(2, content);
  return (out, value) => {
    for (const [name, item] of Object.entries(value as JsonObject).reverse()) {
      const before = writtenLength(out);
      writeValue(out, item);
      writeName(out, name);
      writeVarint(out, writtenLength(out) - before);
      writeVarint(out, number * 8 + DELIMITED);
    }
  };
};

/** Any { yaml = 2 }: JSON is YAML. */
export const any: Message = (out, value) => text(2)(out, JSON.stringify(value));

/** A message by its keys; `extensions` is the number of vendor_extension, which takes the x- keys as YAML. */
export const message = (fields: Readonly<Record<string, Field>>, extensions?: number): Message => {
  const writeExtension = extensions === undefined ? undefined : named(extensions, any);
  return (out, value) => {
    if (!isJsonObject(value))
      throw new TypeError(`OpenAPI has ${JSON.stringify(value)} where an object belongs`);
    for (const [key, item] of Object.entries(value).reverse()) {
      const field = fields[key];
      if (field !== undefined) field(out, item);
      else if (writeExtension !== undefined && key.startsWith('x-')) writeExtension(out, { [key]: item });
      else throw new TypeError(`no protobuf field for ${key}`);
    }
  };
};

export const wrapped = (number: number, content: Message): Message => delimited(number, content);

import { isJsonObject, type JsonObject, type JsonValue } from '../../base/json.ts';

/**
 * How OpenAPI's JSON becomes gnostic's protobuf messages: what both of its versions are described with. A key without a
 * number is an error, never left out silently.
 */

/** One field with its tag; nothing at all for false. */
export type Field = (value: JsonValue | undefined) => Uint8Array;
/** The content of a message. */
export type Message = (value: JsonValue | undefined) => Uint8Array;

const VARINT = 0;
const FIXED64 = 1;
const DELIMITED = 2;
const encoder = new TextEncoder();

function varint(value: number): number[] {
  const bytes: number[] = [];
  let rest = value;
  for (; rest >= 0x80; rest = Math.floor(rest / 0x80)) bytes.push((rest % 0x80) | 0x80);
  return [...bytes, rest];
}

function concat(parts: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((length, part) => length + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

function delimited(number: number, content: Uint8Array): Uint8Array {
  const head = [...varint(number * 8 + DELIMITED), ...varint(content.length)];
  return concat([Uint8Array.from(head), content]);
}

export const utf8: Message = (value) => {
  if (typeof value !== 'string')
    throw new TypeError(`OpenAPI has ${JSON.stringify(value)} where text belongs`);
  return encoder.encode(value);
};
export const text = (number: number): Field => one(number, utf8);
export const one =
  (number: number, content: Message): Field =>
  (value) =>
    delimited(number, content(value));
export const flag =
  (number: number): Field =>
  (value) =>
    value === true ? Uint8Array.from([...varint(number * 8 + VARINT), 1]) : new Uint8Array();
/** A truth value that is written whatever it is: one of several that a message may hold. */
export const truth =
  (number: number): Field =>
  (value) =>
    Uint8Array.from([...varint(number * 8 + VARINT), value === true ? 1 : 0]);
/** Eight bytes, the lowest first. */
export const double =
  (number: number): Field =>
  (value) => {
    const bytes = Buffer.alloc(8);
    bytes.writeDoubleLE(value as number);
    return concat([Uint8Array.from(varint(number * 8 + FIXED64)), bytes]);
  };
export const each =
  (number: number, content: Message): Field =>
  (value) =>
    concat((Array.isArray(value) ? value : [value]).map((item) => delimited(number, content(item))));
/** A map as repeated (name = 1, value = 2). */
export const named =
  (number: number, content: Message): Field =>
  (value) =>
    concat(
      Object.entries(value as JsonObject).map(([name, item]) =>
        delimited(number, concat([text(1)(name), one(2, content)(item)])),
      ),
    );

/** A message by its keys; `extensions` is the number of vendor_extension, which takes the x- keys as YAML. */
export const message =
  (fields: Readonly<Record<string, Field>>, extensions?: number): Message =>
  (value) => {
    if (!isJsonObject(value))
      throw new TypeError(`OpenAPI has ${JSON.stringify(value)} where an object belongs`);
    return concat(
      Object.entries(value).map(([key, item]) => {
        const field = fields[key];
        if (field !== undefined) return field(item);
        if (extensions === undefined || !key.startsWith('x-'))
          throw new TypeError(`no protobuf field for ${key}`);
        // Any { yaml = 2 }: JSON is YAML.
        return named(extensions, (any) => text(2)(JSON.stringify(any)))({ [key]: item });
      }),
    );
  };

export const wrapped =
  (number: number, content: Message): Message =>
  (value) =>
    delimited(number, content(value));

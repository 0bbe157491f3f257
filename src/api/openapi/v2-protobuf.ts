import { isJsonObject, type JsonObject, type JsonValue } from '../../base/json.ts';

/**
 * Swagger 2.0 as protobuf: message openapi.v2.Document of gnostic's OpenAPIv2.proto, which is the only form of
 * /openapi/v2 that kubectl asks for. Field numbers are that file's; only what openApiV2 writes is here, and a key
 * without a number is an error, never left out silently.
 */

/** One field with its tag; nothing at all for false. */
type Field = (value: JsonValue | undefined) => Uint8Array;
/** The content of a message. */
type Message = (value: JsonValue | undefined) => Uint8Array;

const VARINT = 0;
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

const utf8: Message = (value) => {
  if (typeof value !== 'string')
    throw new TypeError(`OpenAPI has ${JSON.stringify(value)} where text belongs`);
  return encoder.encode(value);
};
const text = (number: number): Field => one(number, utf8);
const one =
  (number: number, content: Message): Field =>
  (value) =>
    delimited(number, content(value));
const flag =
  (number: number): Field =>
  (value) =>
    value === true ? Uint8Array.from([...varint(number * 8 + VARINT), 1]) : new Uint8Array();
const each =
  (number: number, content: Message): Field =>
  (value) =>
    concat((Array.isArray(value) ? value : [value]).map((item) => delimited(number, content(item))));
/** A map as repeated (name = 1, value = 2). */
const named =
  (number: number, content: Message): Field =>
  (value) =>
    concat(
      Object.entries(value as JsonObject).map(([name, item]) =>
        delimited(number, concat([text(1)(name), one(2, content)(item)])),
      ),
    );

/** A message by its keys; `extensions` is the number of vendor_extension, which takes the x- keys as YAML. */
const message =
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

const wrapped =
  (number: number, content: Message): Message =>
  (value) =>
    delimited(number, content(value));

/** Schemas contain schemas. */
const schema: Message = (value) => schemaMessage(value);
const schemaMessage = message(
  {
    $ref: text(1),
    format: text(2),
    description: text(4),
    required: each(19, utf8),
    additionalProperties: one(21, wrapped(1, schema)),
    type: one(22, wrapped(1, utf8)),
    items: one(23, wrapped(1, schema)),
    properties: one(25, named(1, schema)),
  },
  31,
);

const bodyParameter = message({ name: text(2), in: text(3), required: flag(4), schema: one(5, schema) });
const pathParameter = message({
  required: flag(1),
  in: text(2),
  description: text(3),
  name: text(4),
  type: text(5),
});
/** Its number 5 is allow_empty_value. */
const queryParameter = message({
  required: flag(1),
  in: text(2),
  description: text(3),
  name: text(4),
  type: text(6),
});

/** Parameter: body = 1, or a NonBodyParameter = 2 of query = 3 or path = 4. */
const parameter: Message = (value) => {
  switch ((value as JsonObject).in) {
    case 'body':
      return wrapped(1, bodyParameter)(value);
    case 'query':
      return wrapped(2, wrapped(3, queryParameter))(value);
    default:
      return wrapped(2, wrapped(4, pathParameter))(value);
  }
};

const response = message({ description: text(1), schema: one(2, wrapped(1, schema)) });
const operation = message(
  {
    description: text(3),
    operationId: text(5),
    produces: each(6, utf8),
    consumes: each(7, utf8),
    parameters: each(8, wrapped(1, parameter)),
    responses: one(9, named(1, wrapped(1, response))),
    schemes: each(10, utf8),
  },
  13,
);
const pathItem = message({
  get: one(2, operation),
  put: one(3, operation),
  post: one(4, operation),
  delete: one(5, operation),
  patch: one(8, operation),
});
const document = message({
  swagger: text(1),
  info: one(2, message({ title: text(1), version: text(2) })),
  paths: one(8, named(2, pathItem)),
  definitions: one(9, named(1, schema)),
});

/** The bytes of what `openApiV2` made. Throws a TypeError for a key that has no field here. */
export const encodeOpenApiV2 = (swagger: JsonObject): Uint8Array => document(swagger);

import type { JsonObject } from '../../base/json.ts';
import { each, encoded, flag, message, type Message, named, one, text, utf8, wrapped } from './wire.ts';

/**
 * Swagger 2.0 as protobuf: message openapi.v2.Document of gnostic's OpenAPIv2.proto, which is the only form of
 * /openapi/v2 that kubectl asks for. Field numbers are that file's; only what openApiV2 writes is here, and a key
 * without a number is an error, never left out silently.
 */

/** Schemas contain schemas. */
const schema: Message = (out, value) => schemaMessage(out, value);
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
const parameter: Message = (out, value) => {
  switch ((value as JsonObject).in) {
    case 'body':
      return asBody(out, value);
    case 'query':
      return asQuery(out, value);
    default:
      return asPath(out, value);
  }
};
const asBody = wrapped(1, bodyParameter);
const asQuery = wrapped(2, wrapped(3, queryParameter));
const asPath = wrapped(2, wrapped(4, pathParameter));

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
export const encodeOpenApiV2 = (swagger: JsonObject): Uint8Array => encoded(document, swagger);

import { isJsonObject, type JsonObject } from '../../base/json.ts';
import {
  any,
  double,
  each,
  encoded,
  flag,
  type Message,
  message,
  named,
  one,
  text,
  truth,
  utf8,
  wrapped,
} from './wire.ts';

/**
 * OpenAPI 3.0 as protobuf: message openapi.v3.Document of gnostic's OpenAPIv3.proto. Field numbers are that file's; only
 * what openApiV3 writes is here, and a key without a number is an error, never left out silently.
 */

/** A schema (1), or a reference (2) to one. */
const schema: Message = (out, value) =>
  isJsonObject(value) && value.$ref !== undefined ? asReference(out, value) : asSchema(out, value);
const asReference = wrapped(2, message({ $ref: text(1) }));
const asSchema = wrapped(1, (out, value) => schemaMessage(out, value));

/** DefaultType: number (1), boolean (2), text (3), or nothing of these. */
const defaultType: Message = (out, value) => {
  // Of lists and objects gnostic keeps no more than that there is a default.
  defaultTypes[typeof value]?.(out, value);
};
const defaultTypes: Readonly<Record<string, Message>> = {
  number: double(1),
  boolean: truth(2),
  string: text(3),
};

const schemaMessage = message(
  {
    required: each(23, utf8),
    enum: each(24, any),
    type: text(25),
    allOf: each(26, schema),
    oneOf: each(27, schema),
    items: one(30, wrapped(1, schema)),
    properties: one(31, named(1, schema)),
    additionalProperties: one(32, wrapped(1, schema)),
    default: one(33, defaultType),
    description: text(34),
    format: text(35),
  },
  36,
);

/** MediaTypes: a schema (1) by the name of the type. */
const content: Message = named(1, message({ schema: one(1, schema) }));
const parameter = message({
  name: text(1),
  in: text(2),
  description: text(3),
  required: flag(4),
  schema: one(10, schema),
});
const requestBody = message({ content: one(2, content), required: flag(3) });
const response = message({ description: text(1), content: one(3, content) });
const operation = message(
  {
    tags: each(1, utf8),
    description: text(3),
    operationId: text(5),
    parameters: each(6, wrapped(1, parameter)),
    requestBody: one(7, wrapped(1, requestBody)),
    responses: one(8, named(2, wrapped(1, response))),
  },
  13,
);
const pathItem = message({
  get: one(4, operation),
  put: one(5, operation),
  post: one(6, operation),
  delete: one(7, operation),
  patch: one(10, operation),
});
const document = message({
  openapi: text(1),
  info: one(2, message({ title: text(1), version: text(6) })),
  paths: one(4, named(1, pathItem)),
  components: one(5, message({ schemas: one(1, named(1, schema)) })),
});

/** The bytes of what `openApiV3` made. Throws a TypeError for a key that has no field here. */
export const encodeOpenApiV3 = (openapi: JsonObject): Uint8Array => encoded(document, openapi);

import type { JsonObject, JsonValue } from '../../base/json.ts';
import type { Kind } from '../kind.ts';
import { deleteOptions } from '../meta/v1/delete-options.ts';
import { listMeta } from '../meta/v1/list-meta.ts';
import { status } from '../meta/v1/status.ts';
import type { AnyType, Field, MessageType } from '../schema/schema.ts';

/** Which document is written: Swagger 2.0 or OpenAPI 3.0. */
export type Dialect = 'v2' | 'v3';

const meta = 'io.k8s.apimachinery.pkg.apis.meta.v1';
const intOrStringName = 'io.k8s.apimachinery.pkg.util.intstr.IntOrString';
const quantityName = 'io.k8s.apimachinery.pkg.api.resource.Quantity';
export const patchName = `${meta}.Patch`;

export const refTo = (name: string, dialect: Dialect): JsonObject => ({
  $ref: dialect === 'v2' ? `#/definitions/${name}` : `#/components/schemas/${name}`,
});

/** The name of a kind's list, such as io.k8s.api.core.v1.ServiceList. */
export const listNameOf = (kind: Kind): string => `${kind.schema.name}List`;

/** `{group, version, kind}` as the x-kubernetes-group-version-kind extension has it. */
export const gvkOf = (kind: Pick<Kind, 'group' | 'version' | 'kind'>): JsonObject => ({
  group: kind.group,
  version: kind.version,
  kind: kind.kind,
});

/** Scalars that have a definition of their own, so that clients know them by name. */
const namedScalars = (dialect: Dialect): Readonly<Record<string, JsonObject>> => ({
  [quantityName]: {
    description: 'A number with a suffix, such as 100m or 1Gi.',
    ...(dialect === 'v2' ? { type: 'string' } : { oneOf: [{ type: 'string' }, { type: 'number' }] }),
  },
  [intOrStringName]: {
    description: 'A number, or a string that names one or is a percentage.',
    format: 'int-or-string',
    ...(dialect === 'v2' ? { type: 'string' } : { oneOf: [{ type: 'integer' }, { type: 'string' }] }),
  },
  [`${meta}.Time`]: { description: 'RFC 3339 time.', type: 'string', format: 'date-time' },
  [`${meta}.MicroTime`]: {
    description: 'RFC 3339 time with microseconds.',
    type: 'string',
    format: 'date-time',
  },
  [`${meta}.FieldsV1`]: { description: 'A set of fields, as a tree of names.', type: 'object' },
  [patchName]: { description: 'A change of an object.', type: 'object' },
});

/** The schema of a type; messages and named scalars as a reference. */
function typeSchema(type: AnyType, dialect: Dialect): JsonObject {
  switch (type.is) {
    case 'message':
      return refTo(type.name, dialect);
    case 'list':
      return { type: 'array', items: typeSchema(type.of, dialect), 'x-kubernetes-list-type': type.listType };
    case 'map':
      return { type: 'object', additionalProperties: typeSchema(type.of, dialect) };
    case 'string':
      return { type: 'string' };
    case 'bool':
      return { type: 'boolean' };
    case 'int32':
    case 'int64':
      return { type: 'integer', format: type.is };
    case 'bytes':
      return { type: 'string', format: 'byte' };
    case 'quantity':
      return refTo(quantityName, dialect);
    case 'intOrString':
      return refTo(intOrStringName, dialect);
    case 'time':
      return refTo(`${meta}.Time`, dialect);
    case 'microTime':
      return refTo(`${meta}.MicroTime`, dialect);
    case 'json':
      return refTo(`${meta}.FieldsV1`, dialect);
  }
}

function extensionsOf({ type, patchMergeKey, patchStrategy }: Field): JsonObject {
  const extensions: JsonObject = {};
  if (type.is === 'list' && type.keys.length > 0) extensions['x-kubernetes-list-map-keys'] = [...type.keys];
  if (type.is === 'map' && type.isAtomic) extensions['x-kubernetes-map-type'] = 'atomic';
  if (patchMergeKey !== undefined) {
    extensions['x-kubernetes-patch-merge-key'] = patchMergeKey;
    extensions['x-kubernetes-patch-strategy'] = patchStrategy ?? 'merge';
  } else if (patchStrategy !== undefined) extensions['x-kubernetes-patch-strategy'] = patchStrategy;
  return extensions;
}

function property(field: Field, dialect: Dialect): JsonObject {
  const inner = typeSchema(field.type, dialect);
  // OpenAPI 3.0 ignores what stands beside a $ref.
  const isWrapped = dialect === 'v3' && inner.$ref !== undefined;
  const constant: JsonValue | undefined = typeof field.default === 'function' ? undefined : field.default;
  return {
    description: field.description,
    ...(isWrapped ? { allOf: [inner] } : inner),
    ...(constant === undefined || dialect === 'v2' ? {} : { default: constant }),
    ...(field.values === undefined || dialect === 'v2' ? {} : { enum: [...field.values] }),
    ...extensionsOf(field),
  };
}

function messageSchema(message: MessageType, dialect: Dialect): JsonObject {
  const entries = Object.entries(message.fields);
  const required = entries.filter(([, field]) => field.presence === 'required').map(([name]) => name);
  return {
    description: message.description,
    type: 'object',
    ...(required.length === 0 ? {} : { required }),
    properties: Object.fromEntries(entries.map(([name, field]) => [name, property(field, dialect)])),
    ...(message.isAtomic ? { 'x-kubernetes-map-type': 'atomic' } : {}),
  };
}

function listSchema(kind: Kind, dialect: Dialect): JsonObject {
  const text = (description: string): JsonObject => ({ description, type: 'string' });
  return {
    description: `A list of ${kind.kind} objects.`,
    type: 'object',
    required: ['items'],
    properties: {
      apiVersion: text('Group and version of this representation, such as v1 or apps/v1.'),
      kind: text('The kind of this list.'),
      metadata: dialect === 'v3' ? { allOf: [refTo(listMeta.name, dialect)] } : refTo(listMeta.name, dialect),
      items: { description: 'The objects.', type: 'array', items: refTo(kind.schema.name, dialect) },
    },
    'x-kubernetes-group-version-kind': [gvkOf({ ...kind, kind: `${kind.kind}List` })],
  };
}

function collect(type: AnyType, found: Map<string, MessageType>): void {
  if (type.is === 'list' || type.is === 'map') collect(type.of, found);
  if (type.is !== 'message' || found.has(type.name)) return;
  found.set(type.name, type);
  for (const field of Object.values(type.fields)) collect(field.type, found);
}

/** The definitions of `kinds`, of their lists and of all they use, by name. */
export function definitionsOf(kinds: readonly Kind[], dialect: Dialect): JsonObject {
  const messages = new Map<string, MessageType>();
  for (const type of [status, deleteOptions, ...kinds.map((kind) => kind.schema)]) collect(type, messages);
  const definitions = new Map<string, JsonValue>(Object.entries(namedScalars(dialect)));
  for (const [name, message] of messages) definitions.set(name, messageSchema(message, dialect));
  for (const kind of [...kinds, { ...statusKind, schema: status }]) {
    const schema = definitions.get(kind.schema.name) as JsonObject;
    definitions.set(kind.schema.name, { ...schema, 'x-kubernetes-group-version-kind': [gvkOf(kind)] });
  }
  for (const kind of kinds) definitions.set(listNameOf(kind), listSchema(kind, dialect));
  return Object.fromEntries([...definitions].sort(([a], [b]) => (a < b ? -1 : 1)));
}

const statusKind = { group: '', version: 'v1', kind: 'Status' };

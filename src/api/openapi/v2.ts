import type { JsonObject } from '../../base/json.ts';
import type { Kind } from '../kind.ts';
import { deleteOptions } from '../meta/v1/delete-options.ts';
import { status } from '../meta/v1/status.ts';
import { definitionsOf, gvkOf, listNameOf, patchName, refTo } from './definitions.ts';
import {
  answerTypes,
  kindsOf,
  objectTypes,
  type Operation,
  operationsOf,
  type Parameter,
  patchTypes,
  type ServedKind,
} from './operations.ts';

const parameter = (p: Parameter): JsonObject => ({
  name: p.name,
  in: p.in,
  description: p.description,
  type: p.type,
  ...(p.in === 'path' ? { required: true } : {}),
});

function body(name: string, isRequired: boolean): JsonObject {
  return { name: 'body', in: 'body', schema: refTo(name, 'v2'), ...(isRequired ? { required: true } : {}) };
}

function bodyOf({ action, kind }: Operation): JsonObject[] {
  switch (action) {
    case 'post':
    case 'put':
      return kind === undefined ? [] : [body(kind.schema.name, true)];
    case 'patch':
      return [body(patchName, true)];
    case 'delete':
    case 'deletecollection':
      return [body(deleteOptions.name, false)];
    case 'get':
    case 'list':
      return [];
  }
}

function answerSchema({ action, kind }: Operation): JsonObject {
  if (kind === undefined) return { type: 'string' };
  if (action === 'delete' || action === 'deletecollection') return refTo(status.name, 'v2');
  return refTo(action === 'list' ? listNameOf(kind) : kind.schema.name, 'v2');
}

function operation(op: Operation): JsonObject {
  return {
    operationId: op.id,
    description: op.summary,
    consumes: op.action === 'patch' ? patchTypes : objectTypes,
    produces: [...answerTypes(op)],
    schemes: ['https'],
    parameters: [...bodyOf(op), ...op.parameters.map(parameter)],
    responses: {
      '200': { description: 'OK', schema: answerSchema(op) },
      '401': { description: 'Unauthorized' },
    },
    'x-kubernetes-action': op.action,
    ...(op.kind === undefined ? {} : { 'x-kubernetes-group-version-kind': gvkOf(op.kind) }),
  };
}

/** The body of GET /openapi/v2 (Swagger 2.0) for all kinds; `served` says how. Pure and not cached. */
export function openApiV2(
  kinds: readonly Kind[],
  served?: (kind: Kind) => ServedKind | undefined,
): JsonObject {
  const paths = new Map<string, JsonObject>();
  const operations = kinds.flatMap((kind) => operationsOf(kind, served?.(kind)));
  for (const op of operations) paths.set(op.path, { ...paths.get(op.path), [op.method]: operation(op) });
  return {
    swagger: '2.0',
    info: { title: 'Kubernetes', version: 'v1.36.0' },
    paths: Object.fromEntries([...paths].sort(([a], [b]) => (a < b ? -1 : 1))),
    definitions: definitionsOf([...new Set([...kinds, ...kindsOf(operations)])], 'v2'),
  };
}

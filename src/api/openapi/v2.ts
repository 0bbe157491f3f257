import type { JsonObject } from '../../base/json.ts';
import { scales } from '../autoscaling/v1/scale.ts';
import type { Kind } from '../kind.ts';
import { deleteOptions } from '../meta/v1/delete-options.ts';
import { status } from '../meta/v1/status.ts';
import { definitionsOf, gvkOf, listNameOf, patchName, refTo } from './definitions.ts';
import { type Operation, type Parameter, operationsOf } from './operations.ts';

const patchTypes = [
  'application/json-patch+json',
  'application/merge-patch+json',
  'application/strategic-merge-patch+json',
];

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
      return [body(kind.schema.name, true)];
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

function operation(op: Operation): JsonObject {
  const isDelete = op.action === 'delete' || op.action === 'deletecollection';
  const name = isDelete ? status.name : op.action === 'list' ? listNameOf(op.kind) : op.kind.schema.name;
  return {
    operationId: op.id,
    description: op.summary,
    consumes: op.action === 'patch' ? patchTypes : ['application/json'],
    produces: ['application/json'],
    schemes: ['https'],
    parameters: [...bodyOf(op), ...op.parameters.map(parameter)],
    responses: {
      '200': { description: 'OK', schema: refTo(name, 'v2') },
      '401': { description: 'Unauthorized' },
    },
    'x-kubernetes-action': op.action,
    'x-kubernetes-group-version-kind': gvkOf(op.kind),
  };
}

/** The body of GET /openapi/v2 (Swagger 2.0) for all kinds. Pure and not cached. */
export function openApiV2(kinds: readonly Kind[]): JsonObject {
  const paths = new Map<string, JsonObject>();
  for (const op of kinds.flatMap((kind) => operationsOf(kind, scales))) {
    paths.set(op.path, { ...paths.get(op.path), [op.method]: operation(op) });
  }
  return {
    swagger: '2.0',
    info: { title: 'Kubernetes', version: 'v1.36.0' },
    paths: Object.fromEntries([...paths].sort(([a], [b]) => (a < b ? -1 : 1))),
    definitions: definitionsOf([...kinds, scales], 'v2'),
  };
}

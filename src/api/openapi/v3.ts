import type { JsonObject } from '../../base/json.ts';
import { type Kind, apiVersionOf } from '../kind.ts';
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
  rootPathOf,
  type ServedKind,
} from './operations.ts';

const content = (types: readonly string[], schema: JsonObject): JsonObject => ({
  content: Object.fromEntries(types.map((type) => [type, { schema }])),
});

const parameter = (p: Parameter): JsonObject => ({
  name: p.name,
  in: p.in,
  description: p.description,
  ...(p.in === 'path' ? { required: true } : {}),
  schema: { type: p.type },
});

function requestBody({ action, kind }: Operation): JsonObject {
  switch (action) {
    case 'post':
    case 'put': {
      if (kind === undefined) return {};
      return { requestBody: { ...content(objectTypes, refTo(kind.schema.name, 'v3')), required: true } };
    }
    case 'patch':
      return { requestBody: { ...content(patchTypes, refTo(patchName, 'v3')), required: true } };
    case 'delete':
    case 'deletecollection':
      return { requestBody: content(objectTypes, refTo(deleteOptions.name, 'v3')) };
    case 'get':
    case 'list':
      return {};
  }
}

function responses(op: Operation): JsonObject {
  const { action } = op;
  const schema = answerSchema(op);
  const body = (description: string): JsonObject => ({ description, ...content(answerTypes(op), schema) });
  return {
    '200': body('OK'),
    ...(action === 'post' || action === 'put' || action === 'patch' ? { '201': body('Created') } : {}),
    '401': { description: 'Unauthorized' },
  };
}

function answerSchema({ action, kind }: Operation): JsonObject {
  if (kind === undefined) return { type: 'string' };
  if (action === 'delete' || action === 'deletecollection') return refTo(status.name, 'v3');
  return refTo(action === 'list' ? listNameOf(kind) : kind.schema.name, 'v3');
}

const tagOf = (kind: Pick<Kind, 'group' | 'version'>): string =>
  `${kind.group === '' ? 'core' : kind.group.replace(/\.k8s\.io$/, '')}_${kind.version}`;

const operation = (op: Operation, tag: string): JsonObject => ({
  operationId: op.id,
  description: op.summary,
  tags: [tag],
  parameters: op.parameters.map(parameter),
  ...requestBody(op),
  responses: responses(op),
  'x-kubernetes-action': op.action,
  ...(op.kind === undefined ? {} : { 'x-kubernetes-group-version-kind': gvkOf(op.kind) }),
});

/** The place of a group version in the index: 'api/v1' or 'apis/apps/v1'. */
export const openApiV3Path = (groupVersion: Pick<Kind, 'group' | 'version'>): string =>
  rootPathOf(groupVersion).slice(1);

/**
 * The body of GET /openapi/v3. `hashOf` names the content of a document, given its place in the index, so that
 * clients keep what they have; a document is served at /openapi/v3/<place>.
 */
export function openApiV3Index(kinds: readonly Kind[], hashOf: (place: string) => string): JsonObject {
  const places = [...new Set(kinds.map(openApiV3Path))].sort();
  const entry = (place: string): JsonObject => ({
    serverRelativeURL: `/openapi/v3/${place}?hash=${hashOf(place)}`,
  });
  return { paths: Object.fromEntries(places.map((place) => [place, entry(place)])) };
}

/**
 * The OpenAPI 3.0 document of one group version, of the kinds in `kinds` that belong to it. Pure and not cached: it
 * takes a few milliseconds and, for the core group, about half a megabyte.
 */
export function openApiV3(
  groupVersion: Pick<Kind, 'group' | 'version'>,
  kinds: readonly Kind[],
  served?: (kind: Kind) => ServedKind | undefined,
): JsonObject {
  const apiVersion = apiVersionOf(groupVersion);
  const own = kinds.filter((kind) => apiVersionOf(kind) === apiVersion);
  const paths = new Map<string, JsonObject>();
  const operations = own.flatMap((kind) => operationsOf(kind, served?.(kind)));
  for (const op of operations) {
    paths.set(op.path, { ...paths.get(op.path), [op.method]: operation(op, tagOf(groupVersion)) });
  }
  return {
    openapi: '3.0.0',
    info: { title: 'Kubernetes', version: 'v1.36.0' },
    paths: Object.fromEntries([...paths].sort(([a], [b]) => (a < b ? -1 : 1))),
    components: { schemas: definitionsOf([...new Set([...own, ...kindsOf(operations)])], 'v3') },
  };
}

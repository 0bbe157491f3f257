import type { JsonObject } from '../../base/json.ts';
import { scales } from '../autoscaling/v1/scale.ts';
import { type Kind, apiVersionOf } from '../kind.ts';
import { deleteOptions } from '../meta/v1/delete-options.ts';
import { status } from '../meta/v1/status.ts';
import { definitionsOf, gvkOf, listNameOf, patchName, refTo } from './definitions.ts';
import { type Operation, type Parameter, operationsOf, rootPathOf } from './operations.ts';

const patchTypes = [
  'application/json-patch+json',
  'application/merge-patch+json',
  'application/strategic-merge-patch+json',
];

const content = (types: readonly string[], name: string): JsonObject => ({
  content: Object.fromEntries(types.map((type) => [type, { schema: refTo(name, 'v3') }])),
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
    case 'put':
      return {
        requestBody: {
          ...content(['application/json', 'application/yaml'], kind.schema.name),
          required: true,
        },
      };
    case 'patch':
      return { requestBody: { ...content(patchTypes, patchName), required: true } };
    case 'delete':
    case 'deletecollection':
      return { requestBody: content(['application/json'], deleteOptions.name) };
    case 'get':
    case 'list':
      return {};
  }
}

function responses({ action, kind }: Operation): JsonObject {
  const body = (name: string, description: string): JsonObject => ({
    description,
    ...content(['application/json'], name),
  });
  const isDelete = action === 'delete' || action === 'deletecollection';
  const name = isDelete ? status.name : action === 'list' ? listNameOf(kind) : kind.schema.name;
  return {
    '200': body(name, 'OK'),
    ...(action === 'post' || action === 'put' || action === 'patch' ? { '201': body(name, 'Created') } : {}),
    '401': { description: 'Unauthorized' },
  };
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
  'x-kubernetes-group-version-kind': gvkOf(op.kind),
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
export function openApiV3(groupVersion: Pick<Kind, 'group' | 'version'>, kinds: readonly Kind[]): JsonObject {
  const apiVersion = apiVersionOf(groupVersion);
  const own = kinds.filter((kind) => apiVersionOf(kind) === apiVersion);
  const hasScale = own.some((kind) => kind.subresources.includes('scale'));
  const paths = new Map<string, JsonObject>();
  for (const op of own.flatMap((kind) => operationsOf(kind, scales))) {
    paths.set(op.path, { ...paths.get(op.path), [op.method]: operation(op, tagOf(groupVersion)) });
  }
  return {
    openapi: '3.0.0',
    info: { title: 'Kubernetes', version: 'v1.36.0' },
    paths: Object.fromEntries([...paths].sort(([a], [b]) => (a < b ? -1 : 1))),
    components: { schemas: definitionsOf(hasScale ? [...own, scales] : own, 'v3') },
  };
}

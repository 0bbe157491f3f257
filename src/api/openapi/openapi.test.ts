import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type JsonObject, type JsonValue, isJsonObject } from '../../base/json.ts';
import { apiVersionOf } from '../kind.ts';
import { allKinds } from '../kinds.ts';
import { openApiV2 } from './v2.ts';
import { openApiV3, openApiV3Index, openApiV3Path } from './v3.ts';

/** Follows names from the document; fails where one is missing. */
function dig(value: JsonValue | undefined, ...names: (string | number)[]): JsonValue | undefined {
  return names.reduce<JsonValue | undefined>((at, name) => {
    assert.ok(typeof at === 'object' && at !== null, `nothing at ${name} of ${names.join(' ')}`);
    return (at as Record<string | number, JsonValue>)[name];
  }, value);
}

function references(value: JsonValue | undefined, found = new Set<string>()): Set<string> {
  if (Array.isArray(value)) value.forEach((item) => references(item, found));
  else if (isJsonObject(value)) {
    if (typeof value.$ref === 'string') found.add(value.$ref);
    Object.values(value).forEach((item) => references(item, found));
  }
  return found;
}

function resolves(document: JsonObject): number {
  const found = references(document);
  for (const ref of found) {
    assert.ok(ref.startsWith('#/'), ref);
    assert.ok(dig(document, ...ref.slice(2).split('/')) !== undefined, ref);
  }
  return found.size;
}

const core = openApiV3({ group: '', version: 'v1' }, allKinds);
const apps = openApiV3({ group: 'apps', version: 'v1' }, allKinds);
const v2 = openApiV2(allKinds);
const service = 'io.k8s.api.core.v1.Service';

describe('OpenAPI v3', () => {
  it('has no dangling reference, in any group', () => {
    for (const kind of allKinds) assert.ok(resolves(openApiV3(kind, allKinds)) > 10);
  });

  it('holds the schemas of its own group and what they use', () => {
    const names = Object.keys(dig(core, 'components', 'schemas') as JsonObject);
    for (const name of [service, `${service}List`, 'io.k8s.apimachinery.pkg.apis.meta.v1.Status']) {
      assert.ok(names.includes(name), name);
    }
    assert.ok(!names.includes('io.k8s.api.apps.v1.Deployment'));
    assert.ok(
      Object.keys(dig(apps, 'components', 'schemas') as JsonObject).includes('io.k8s.api.core.v1.PodSpec'),
    );
  });

  it('tells clients how to patch, merge and check', () => {
    const schemas = dig(core, 'components', 'schemas');
    assert.deepEqual(dig(schemas, 'io.k8s.api.core.v1.ServiceSpec', 'properties', 'ports'), {
      description: 'The ports the Service offers.',
      type: 'array',
      items: { $ref: '#/components/schemas/io.k8s.api.core.v1.ServicePort' },
      'x-kubernetes-list-type': 'map',
      'x-kubernetes-list-map-keys': ['port', 'protocol'],
      'x-kubernetes-patch-merge-key': 'port',
      'x-kubernetes-patch-strategy': 'merge',
    });
    const port = dig(schemas, 'io.k8s.api.core.v1.ServicePort');
    assert.deepEqual(dig(port, 'required'), ['port']);
    assert.deepEqual(dig(port, 'properties', 'protocol'), {
      description: 'TCP, UDP or SCTP.',
      type: 'string',
      default: 'TCP',
      enum: ['TCP', 'UDP', 'SCTP'],
    });
    assert.deepEqual(dig(schemas, service, 'x-kubernetes-group-version-kind'), [
      { group: '', version: 'v1', kind: 'Service' },
    ]);
    const strategy = dig(
      apps,
      'components',
      'schemas',
      'io.k8s.api.apps.v1.DeploymentSpec',
      'properties',
      'strategy',
    );
    assert.equal(dig(strategy, 'x-kubernetes-patch-strategy'), 'retainKeys');
    assert.deepEqual(dig(strategy, 'allOf'), [
      { $ref: '#/components/schemas/io.k8s.api.apps.v1.DeploymentStrategy' },
    ]);
  });

  it('offers fieldValidation and strategic merge on patches, which kubectl asks for', () => {
    const patch = dig(core, 'paths', '/api/v1/namespaces/{namespace}/services/{name}', 'patch');
    assert.deepEqual(dig(patch, 'x-kubernetes-group-version-kind'), {
      group: '',
      version: 'v1',
      kind: 'Service',
    });
    const names = (dig(patch, 'parameters') as JsonObject[]).map(({ name }) => name);
    for (const name of ['namespace', 'name', 'fieldValidation', 'dryRun'])
      assert.ok(names.includes(name), name);
    const types = Object.keys(dig(patch, 'requestBody', 'content') as JsonObject);
    assert.ok(types.includes('application/strategic-merge-patch+json'));
  });

  it('has a path for each resource, scope and subresource', () => {
    const methods = (path: string): string[] => Object.keys(dig(core, 'paths', path) as JsonObject).sort();
    assert.deepEqual(methods('/api/v1/services'), ['get']);
    assert.deepEqual(methods('/api/v1/namespaces/{namespace}/services'), ['delete', 'get', 'post']);
    assert.deepEqual(methods('/api/v1/namespaces/{namespace}/services/{name}/status'), [
      'get',
      'patch',
      'put',
    ]);
    assert.deepEqual(methods('/api/v1/nodes/{name}'), ['delete', 'get', 'patch', 'put']);
    const scale = dig(apps, 'paths', '/apis/apps/v1/namespaces/{namespace}/deployments/{name}/scale', 'get');
    assert.equal(dig(scale, 'x-kubernetes-group-version-kind', 'kind'), 'Scale');
  });

  it('gives every operation its own id', () => {
    const ids = [core, apps].flatMap((document) =>
      Object.values(dig(document, 'paths') as JsonObject).flatMap((path) =>
        Object.values(path as JsonObject).map((operation) => dig(operation, 'operationId')),
      ),
    );
    assert.equal(new Set(ids).size, ids.length);
    assert.ok(ids.includes('createCoreV1NamespacedService'));
    assert.ok(ids.includes('listCoreV1ServiceForAllNamespaces'));
  });

  it('is listed in the index by group version', () => {
    const index = openApiV3Index(allKinds, (place) => place.length.toString());
    assert.deepEqual(dig(index, 'paths', 'api/v1'), { serverRelativeURL: '/openapi/v3/api/v1?hash=6' });
    assert.deepEqual(
      Object.keys(dig(index, 'paths') as JsonObject),
      [...new Set(allKinds.map(openApiV3Path))].sort(),
    );
  });
});

describe('OpenAPI v2', () => {
  it('has no dangling reference', () => assert.ok(resolves(v2) > 150));

  it('defines every kind and its list', () => {
    for (const kind of allKinds) {
      assert.deepEqual(dig(v2, 'definitions', kind.schema.name, 'x-kubernetes-group-version-kind'), [
        { group: kind.group, version: kind.version, kind: kind.kind },
      ]);
      assert.ok(dig(v2, 'definitions', `${kind.schema.name}List`) !== undefined);
    }
  });

  it('has the operations of every resource', () => {
    for (const kind of allKinds) {
      const root = `${kind.group === '' ? '/api' : '/apis'}/${apiVersionOf(kind)}`;
      const scope = kind.isNamespaced ? '/namespaces/{namespace}' : '';
      const post = dig(v2, 'paths', `${root}${scope}/${kind.plural}`, 'post');
      assert.deepEqual(dig(post, 'parameters', 0, 'schema'), { $ref: `#/definitions/${kind.schema.name}` });
    }
  });
});

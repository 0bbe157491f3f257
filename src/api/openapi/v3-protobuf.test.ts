import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { services } from '../core/v1/service.ts';
import { allKinds } from '../kinds.ts';
import { kindVersions } from '../versions.ts';
import { entry, field, text } from './test-reading.ts';
import { encodeOpenApiV3 } from './v3-protobuf.ts';
import { openApiV3 } from './v3.ts';

const openapi = openApiV3(services, allKinds);
const bytes = encodeOpenApiV3(openapi);

const schemaOf = (name: string): Uint8Array => {
  const [schema] = field(entry(field(bytes, 5, 1, 1), `io.k8s.api.core.v1.${name}`), 1);
  assert.ok(schema !== undefined);
  return schema;
};
const propertyOf = (schema: string, name: string): Uint8Array => {
  const [property] = field(entry(field(schemaOf(schema), 31, 1), name), 1);
  assert.ok(property !== undefined);
  return property;
};

describe('OpenAPI v3 as protobuf', () => {
  it('has every path and every schema', () => {
    const names = (pairs: readonly Uint8Array[]) => pairs.map((pair) => text(field(pair, 1)[0]));
    const { schemas } = openapi.components as { schemas: object };
    assert.deepEqual(field(bytes, 1).map(text), ['3.0.0']);
    assert.deepEqual(names(field(bytes, 4, 1)), Object.keys(openapi.paths as object));
    assert.deepEqual(names(field(bytes, 5, 1, 1)), Object.keys(schemas));
  });

  it('can say all that is served', () => {
    for (const kind of [...allKinds, ...kindVersions.map((version) => version.kind)]) {
      assert.ok(encodeOpenApiV3(openApiV3(kind, [kind])).length > 0, kind.kind);
    }
  });

  it('has what a property is: a text with known values and a default', () => {
    const type = propertyOf('ServicePort', 'protocol');
    assert.deepEqual(field(type, 25).map(text), ['string']);
    assert.deepEqual(field(type, 33, 3).map(text), ['TCP']);
    assert.deepEqual(
      field(type, 24, 2).map((yaml) => JSON.parse(text(yaml)) as string),
      ['TCP', 'UDP', 'SCTP'],
    );
  });

  it('leads from a list to its items, and from a field to its schema', () => {
    const ports = propertyOf('ServiceSpec', 'ports');
    assert.deepEqual(field(ports, 30, 1, 2, 1).map(text), [
      '#/components/schemas/io.k8s.api.core.v1.ServicePort',
    ]);
    assert.deepEqual(JSON.parse(text(field(entry(field(ports, 36), 'x-kubernetes-list-map-keys'), 2)[0])), [
      'port',
      'protocol',
    ]);
    const spec = propertyOf('Service', 'spec');
    assert.deepEqual(field(spec, 26, 2, 1).map(text), [
      '#/components/schemas/io.k8s.api.core.v1.ServiceSpec',
    ]);
  });

  it('says which kind a PATCH is for, and which bodies it takes', () => {
    const path = entry(field(bytes, 4, 1), '/api/v1/namespaces/{namespace}/services/{name}');
    const [patch] = field(path, 10);
    assert.ok(patch !== undefined);
    const gvk = text(field(entry(field(patch, 13), 'x-kubernetes-group-version-kind'), 2)[0]);
    assert.deepEqual(JSON.parse(gvk), { group: '', version: 'v1', kind: 'Service' });
    assert.ok(field(patch, 7, 1, 2, 1, 1).map(text).includes('application/apply-patch+yaml'));
    assert.ok(field(patch, 6, 1, 1).map(text).includes('fieldValidation'));
    const answer = field(entry(field(patch, 8, 2), '200'), 1, 3, 1)[0];
    assert.deepEqual(field(answer ?? new Uint8Array(), 1).map(text), ['application/json']);
  });

  it('refuses what it has no field for', () => {
    assert.throws(() => encodeOpenApiV3({ ...openapi, servers: [] }), TypeError);
    assert.throws(() => encodeOpenApiV3({ components: { schemas: { X: { pattern: 'x' } } } }), TypeError);
  });
});

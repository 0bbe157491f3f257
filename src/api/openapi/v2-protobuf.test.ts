import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { allKinds } from '../kinds.ts';
import { entry, field, text } from './test-reading.ts';
import { encodeOpenApiV2 } from './v2-protobuf.ts';
import { openApiV2 } from './v2.ts';

const swagger = openApiV2(allKinds);
const bytes = encodeOpenApiV2(swagger);

describe('OpenAPI v2 as protobuf', () => {
  it('has every path and every definition', () => {
    const names = (pairs: readonly Uint8Array[]) => pairs.map((pair) => text(field(pair, 1)[0]));
    assert.deepEqual(names(field(bytes, 8, 2)), Object.keys(swagger.paths as object));
    assert.deepEqual(names(field(bytes, 9, 1)), Object.keys(swagger.definitions as object));
    assert.deepEqual(field(bytes, 1).map(text), ['2.0']);
  });

  it('says which kind a PATCH is for, and that it takes fieldValidation', () => {
    const patch = field(entry(field(bytes, 8, 2), '/api/v1/namespaces/{namespace}/services/{name}'), 8)[0];
    assert.ok(patch !== undefined);
    const gvk = text(field(entry(field(patch, 13), 'x-kubernetes-group-version-kind'), 2)[0]);
    assert.deepEqual(JSON.parse(gvk), { group: '', version: 'v1', kind: 'Service' });
    const queryParameters = field(patch, 8, 1, 2, 3);
    assert.ok(queryParameters.some((p) => text(field(p, 4)[0]) === 'fieldValidation'));
    const pathParameters = field(patch, 8, 1, 2, 4);
    assert.deepEqual(
      pathParameters.map((p) => [text(field(p, 4)[0]), text(field(p, 5)[0]), field(p, 1)[0]?.[0]]),
      [
        ['namespace', 'string', 1],
        ['name', 'string', 1],
      ],
    );
  });

  it('has types, references, required fields and merge keys of a schema', () => {
    const spec = entry(field(bytes, 9, 1), 'io.k8s.api.core.v1.ServiceSpec');
    assert.deepEqual(field(spec, 22, 1).map(text), ['object']);
    const ports = entry(field(spec, 25, 1), 'ports');
    assert.deepEqual(field(ports, 22, 1).map(text), ['array']);
    assert.deepEqual(field(ports, 23, 1, 1).map(text), ['#/definitions/io.k8s.api.core.v1.ServicePort']);
    assert.equal(text(field(entry(field(ports, 31), 'x-kubernetes-patch-merge-key'), 2)[0]), '"port"');
    const selector = entry(field(spec, 25, 1), 'selector');
    assert.deepEqual(field(selector, 21, 1, 22, 1).map(text), ['string']);
    const port = entry(field(bytes, 9, 1), 'io.k8s.api.core.v1.ServicePort');
    assert.deepEqual(field(port, 19).map(text), ['port']);
  });

  it('refuses a key it has no field for, instead of losing it', () => {
    assert.throws(() => encodeOpenApiV2({ ...swagger, host: 'x' }), /no protobuf field for host/);
    assert.throws(() => encodeOpenApiV2({ swagger: '2.0', info: 'none' }), TypeError);
  });
});

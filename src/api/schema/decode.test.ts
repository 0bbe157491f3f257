import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { JsonObject, JsonValue } from '../../base/json.ts';
import { daemonSets } from '../apps/v1/revisioned-workloads.ts';
import { configMaps } from '../core/v1/config-map.ts';
import { nodes } from '../core/v1/node.ts';
import { pods } from '../core/v1/pod.ts';
import { secrets } from '../core/v1/secret.ts';
import { services } from '../core/v1/service.ts';
import { endpointSlices } from '../discovery/v1/endpoint-slice.ts';
import { leases } from '../coordination/v1/lease.ts';
import { ApiError } from '../errors/api-error.ts';
import type { Kind } from '../kind.ts';
import { decodeObject } from './decode.ts';

const service = (spec: JsonValue, rest: JsonObject = {}): JsonObject => ({
  apiVersion: 'v1',
  kind: 'Service',
  metadata: { name: 'web' },
  spec,
  ...rest,
});

function refusal(kind: Kind, body: JsonValue, mode: 'Strict' | 'Warn' | 'Ignore' = 'Ignore'): string {
  try {
    decodeObject(kind, body, { mode });
  } catch (error) {
    assert.ok(error instanceof ApiError);
    assert.equal(error.code, 400);
    return error.message;
  }
  return 'accepted';
}

const asService = 'Service in version "v1" cannot be handled as a Service: ';

describe('decodeObject refuses', () => {
  const cases: Record<string, [Kind, JsonValue, string]> = {
    'text for a number': [
      services,
      service({ ports: [{ port: 'x' }] }),
      `${asService}json: cannot unmarshal string into Go struct field ServicePort.spec.ports.port of type int32`,
    ],
    'a number that is too large': [
      services,
      service({ ports: [{ port: 2 ** 40 }] }),
      `${asService}json: cannot unmarshal number 1099511627776 into Go struct field ServicePort.spec.ports.port of type int32`,
    ],
    'a fraction for an integer': [
      services,
      service({ ports: [{ port: 1.5 }] }),
      `${asService}json: cannot unmarshal number 1.5 into Go struct field ServicePort.spec.ports.port of type int32`,
    ],
    'a list for a message': [
      services,
      service([]),
      `${asService}json: cannot unmarshal array into Go struct field Service.spec of type v1.ServiceSpec`,
    ],
    'a message for a list': [
      services,
      service({ ports: {} }),
      `${asService}json: cannot unmarshal object into Go struct field ServiceSpec.spec.ports of type []v1.ServicePort`,
    ],
    'a list for an object': [
      services,
      [],
      `${asService}json: cannot unmarshal array into Go value of type v1.Service`,
    ],
    'a number as a label': [
      services,
      service({}, { metadata: { labels: { a: 1 } } }),
      `${asService}json: cannot unmarshal number into Go struct field ObjectMeta.metadata.labels of type string`,
    ],
    'text for a map': [
      services,
      service({ selector: 'a=b' }),
      `${asService}json: cannot unmarshal string into Go struct field ServiceSpec.spec.selector of type map[string]string`,
    ],
    'text for a boolean': [
      services,
      service({ publishNotReadyAddresses: 'yes' }),
      `${asService}json: cannot unmarshal string into Go struct field ServiceSpec.spec.publishNotReadyAddresses of type bool`,
    ],
    'a boolean as a port': [
      services,
      service({ ports: [{ port: 1, targetPort: true }] }),
      `${asService}json: cannot unmarshal bool into Go struct field ServicePort.spec.ports.targetPort of type int32`,
    ],
    'another version': [
      services,
      service({}, { apiVersion: 'apps/v1' }),
      'the API version in the data (apps/v1) does not match the expected API version (v1)',
    ],
    'another kind': [
      services,
      service({}, { kind: 'Pod' }),
      'the kind in the data (Pod) does not match the expected kind (Service)',
    ],
    'bad base64': [
      secrets,
      { data: { a: '%%%' } },
      'Secret in version "v1" cannot be handled as a Secret: illegal base64 data at input byte 0',
    ],
    'cut base64': [
      secrets,
      { data: { a: 'AAAAA' } },
      'Secret in version "v1" cannot be handled as a Secret: illegal base64 data at input byte 4',
    ],
    'padding inside base64': [
      secrets,
      { data: { a: 'A=AA' } },
      'Secret in version "v1" cannot be handled as a Secret: illegal base64 data at input byte 1',
    ],
    'a bad quantity': [
      nodes,
      { status: { capacity: { cpu: 'many' } } },
      `Node in version "v1" cannot be handled as a Node: quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'`,
    ],
    'a bad time': [
      leases,
      { spec: { renewTime: 'now' } },
      'Lease in version "v1" cannot be handled as a Lease: parsing time "now" as "2006-01-02T15:04:05Z07:00": cannot parse',
    ],
    'text for managed fields': [
      services,
      service({}, { metadata: { managedFields: [{ fieldsV1: 'x' }] } }),
      `${asService}json: cannot unmarshal string into Go struct field ManagedFieldsEntry.metadata.managedFields.fieldsV1 of type object`,
    ],
    'a number as a time': [
      leases,
      { spec: { renewTime: 5 } },
      'Lease in version "v1" cannot be handled as a Lease: json: cannot unmarshal number into Go struct field LeaseSpec.spec.renewTime of type string',
    ],
  };
  for (const [name, [kind, body, message]] of Object.entries(cases)) {
    it(name, () => assert.equal(refusal(kind, body), message));
  }
});

describe('decodeObject and unknown fields', () => {
  const body = service({ foo: 1, ports: [{ port: 80 }, { port: 81, bar: {} }] }, { extra: true });
  const faults = ['unknown field "spec.foo"', 'unknown field "spec.ports[1].bar"', 'unknown field "extra"'];

  it('refuses them in Strict', () => {
    assert.equal(
      refusal(services, body, 'Strict'),
      `${asService}strict decoding error: ${faults.join(', ')}`,
    );
  });
  it('warns of them and drops them in Warn', () => {
    const { object, warnings } = decodeObject(services, body, { mode: 'Warn' });
    assert.deepEqual(warnings, faults);
    assert.deepEqual(object, service({ ports: [{ port: 80 }, { port: 81 }] }));
  });
  it('drops them in Ignore', () => {
    const { object, warnings } = decodeObject(services, body, { mode: 'Ignore' });
    assert.deepEqual(warnings, []);
    assert.deepEqual(object, service({ ports: [{ port: 80 }, { port: 81 }] }));
  });
  it('takes duplicates that the parser found for the same kind of fault', () => {
    const duplicates = ['duplicate field "spec.type"'];
    const { warnings } = decodeObject(services, service({}), { mode: 'Warn', duplicates });
    assert.deepEqual(warnings, duplicates);
    assert.throws(
      () => decodeObject(services, service({}), { mode: 'Strict', duplicates }),
      /strict decoding error: duplicate field "spec.type"/,
    );
  });
});

describe('decodeObject normalises', () => {
  const cases: Record<string, [Kind, JsonObject, JsonObject]> = {
    'null, which is the same as absent': [
      services,
      {
        metadata: { name: 'a', creationTimestamp: null },
        spec: { ports: null, selector: { a: null } },
        status: null,
      },
      { metadata: { name: 'a' }, spec: { selector: { a: '' } } },
    ],
    'zero values that mean nothing': [
      services,
      {
        metadata: { name: 'a', labels: {}, generation: 0 },
        spec: { clusterIP: '', ports: [], publishNotReadyAddresses: false },
      },
      { metadata: { name: 'a' }, spec: {} },
    ],
    'zero values that mean something': [
      pods,
      {
        metadata: { name: 'a', deletionGracePeriodSeconds: 0 },
        spec: { containers: [], enableServiceLinks: false },
      },
      {
        metadata: { name: 'a', deletionGracePeriodSeconds: 0 },
        spec: { containers: [], enableServiceLinks: false },
      },
    ],
    'required fields that are missing': [
      endpointSlices,
      { metadata: { name: 'a' } },
      { metadata: { name: 'a' }, addressType: '', endpoints: [] },
    ],
    'required fields that validation misses': [
      daemonSets,
      { metadata: { name: 'a' }, spec: { selector: null } },
      { metadata: { name: 'a' }, spec: { template: { spec: { containers: [] } } } },
    ],
    'null items': [
      services,
      { metadata: { name: 'a' }, spec: { ports: [null], externalIPs: [null] } },
      { metadata: { name: 'a' }, spec: { ports: [{ port: 0 }], externalIPs: [''] } },
    ],
    'quantities, times and line breaks in base64': [
      nodes,
      {
        metadata: { name: 'a', creationTimestamp: '2024-02-29T13:00:00.25+01:00' },
        spec: {},
        status: { capacity: { cpu: 0.5, memory: '1024Mi' } },
      },
      {
        metadata: { name: 'a', creationTimestamp: '2024-02-29T12:00:00Z' },
        spec: {},
        status: { capacity: { cpu: '500m', memory: '1Gi' } },
      },
    ],
    'line breaks in base64': [
      secrets,
      { metadata: { name: 'a' }, data: { a: 'AA\nE=' } },
      { metadata: { name: 'a' }, data: { a: 'AAE=' } },
    ],
  };
  for (const [name, [kind, body, expected]] of Object.entries(cases)) {
    it(name, () => {
      const { apiVersion: _a, kind: _k, ...rest } = decodeObject(kind, body, { mode: 'Strict' }).object;
      assert.deepEqual(rest, expected);
    });
  }

  it('never changes its input', () => {
    const body = service({ ports: [{ port: 80, extra: 1 }], clusterIP: '' });
    const before = structuredClone(body);
    decodeObject(services, body, { mode: 'Warn' });
    assert.deepEqual(body, before);
  });

  it('keeps __proto__ as an ordinary key of a map and no other place', () => {
    const body: unknown = JSON.parse(
      '{"metadata":{"name":"a"},"data":{"__proto__":"x"},"__proto__":{"evil":1}}',
    );
    const { object, warnings } = decodeObject(configMaps, body, { mode: 'Warn' });
    assert.equal(JSON.stringify(object.data), '{"__proto__":"x"}');
    assert.deepEqual(warnings, ['unknown field "__proto__"']);
    assert.equal(Object.getPrototypeOf(object), Object.prototype);
    assert.equal('evil' in object, false);
  });
});

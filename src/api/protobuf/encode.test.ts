import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import protobuf from 'protobufjs';
import { arbitraryObject, completeValue } from '../../testing/arbitrary-object.ts';
import type { JsonObject } from '../../base/json.ts';
import { leases } from '../coordination/v1/lease.ts';
import { configMaps } from '../core/v1/config-map.ts';
import { events } from '../core/v1/event.ts';
import { pods } from '../core/v1/pod.ts';
import { services } from '../core/v1/service.ts';
import { allKinds } from '../kinds.ts';
import { decodeObject } from '../schema/decode.ts';
import type { MessageType } from '../schema/schema.ts';
import { decodeProtobuf } from './decode.ts';
import { encodeProtobuf } from './encode.ts';
import { openEnvelope, sealEnvelope } from './envelope.ts';

// The same cases in every run.
fc.configureGlobal({ seed: 1 });

/** Written down from upstream's generated.proto files, and read by a library that knows nothing of our schemas. */
const descriptors = `
  syntax = "proto2";
  message Time { optional int64 seconds = 1; optional int32 nanos = 2; }
  message Quantity { optional string string = 1; }
  message IntOrString { optional int64 type = 1; optional int32 intVal = 2; optional string strVal = 3; }
  message FieldsV1 { optional bytes Raw = 1; }
  message ManagedFieldsEntry { optional string manager = 1; optional string operation = 2;
    optional string apiVersion = 3; optional Time time = 4; optional string fieldsType = 6; optional FieldsV1 fieldsV1 = 7; }
  message ObjectMeta { optional string name = 1; optional string namespace = 3; optional string uid = 5;
    optional string resourceVersion = 6; optional int64 generation = 7; optional Time creationTimestamp = 8;
    optional int64 deletionGracePeriodSeconds = 10; map<string, string> labels = 11;
    repeated string finalizers = 14; repeated ManagedFieldsEntry managedFields = 17; }
  message ServicePort { optional string name = 1; optional string protocol = 2; optional int32 port = 3;
    optional IntOrString targetPort = 4; optional int32 nodePort = 5; optional string appProtocol = 6; }
  message ServiceSpec { repeated ServicePort ports = 1; map<string, string> selector = 2;
    optional string clusterIP = 3; optional string type = 4; optional bool allocateLoadBalancerNodePorts = 20; }
  message Service { optional ObjectMeta metadata = 1; optional ServiceSpec spec = 2; }
  message ConfigMap { optional ObjectMeta metadata = 1; map<string, string> data = 2;
    map<string, bytes> binaryData = 3; optional bool immutable = 4; }
  message EmptyDir { optional string medium = 1; optional Quantity sizeLimit = 2; }
  message VolumeSource { optional EmptyDir emptyDir = 2; }
  message Volume { optional string name = 1; optional VolumeSource volumeSource = 2; }
  message ResourceRequirements { map<string, Quantity> limits = 1; }
  message Container { optional string name = 1; optional ResourceRequirements resources = 8; }
  message PodSpec { repeated Volume volumes = 1; repeated Container containers = 2; }
  message Pod { optional ObjectMeta metadata = 1; optional PodSpec spec = 2; }
  message Event { optional int32 count = 8; }
  message LeaseSpec { optional Time renewTime = 4; }
  message Lease { optional LeaseSpec spec = 2; }
`;
const foreign = protobuf.parse(descriptors, { keepCase: true }).root;

/** What the other library reads; numbers as numbers, bytes as base64, absent fields absent. */
function read(message: string, type: MessageType, object: object): JsonObject {
  const found = foreign.lookupType(message);
  const decoded = found.decode(encodeProtobuf(type, object));
  return found.toObject(decoded, { longs: Number, bytes: String });
}

describe('another library reads', () => {
  it('a Service: ports by number and by name, a map, a pointer to false', () => {
    const metadata = { name: 'web', namespace: 'default', labels: { b: '2', a: 'ä€😀' } };
    const ports = [
      { name: 'http', protocol: 'TCP', port: 80, targetPort: 'http' },
      { protocol: 'TCP', port: 443, targetPort: 8443, nodePort: 30443, appProtocol: 'https' },
    ];
    const spec = { ports, selector: { app: 'web' }, type: 'NodePort', allocateLoadBalancerNodePorts: false };
    assert.deepEqual(read('Service', services.schema, { apiVersion: 'v1', metadata, spec }), {
      metadata,
      spec: {
        ...spec,
        ports: [
          { ...ports[0], targetPort: { type: 1, strVal: 'http' } },
          { ...ports[1], targetPort: { intVal: 8443 } },
        ],
      },
    });
  });

  it('times, generations and managed fields', () => {
    const fieldsV1 = { 'f:data': { '.': {} } };
    const managedFields = [
      { manager: 'kubectl', operation: 'Update', apiVersion: 'v1', time: '2026-02-03T04:05:06Z', fieldsV1 },
    ];
    const metadata = {
      name: 'c',
      generation: 2 ** 52,
      creationTimestamp: '1969-12-31T23:59:59Z',
      finalizers: ['', 'b'],
      managedFields,
    };
    const raw = Buffer.from(JSON.stringify(fieldsV1)).toString('base64');
    assert.deepEqual(read('ConfigMap', configMaps.schema, { metadata }).metadata, {
      ...metadata,
      creationTimestamp: { seconds: -1 },
      managedFields: [{ ...managedFields[0], time: { seconds: 1770091506 }, fieldsV1: { Raw: raw } }],
    });
  });

  it('text and bytes in maps, empty ones too', () => {
    const object = { data: { '': 'x', a: '' }, binaryData: { b: 'AP8=' }, immutable: true };
    assert.deepEqual(read('ConfigMap', configMaps.schema, object), object);
  });

  it('the first second of 1970, which is not the absence of a time', () => {
    const metadata = { creationTimestamp: '1970-01-01T00:00:00Z' };
    assert.deepEqual(read('ConfigMap', configMaps.schema, { metadata }).metadata, {
      creationTimestamp: { seconds: 0 },
    });
  });

  it('microseconds', () => {
    const spec = { renewTime: '2026-01-01T00:00:00.000120Z' };
    assert.deepEqual(read('Lease', leases.schema, { spec }), {
      spec: { renewTime: { seconds: 1767225600, nanos: 120000 } },
    });
  });

  it('quantities, and what JSON shows inline', () => {
    const volumes = [{ name: 'v', emptyDir: { medium: 'Memory', sizeLimit: '1Gi' } }, { name: 'none' }];
    const containers = [{ name: 'c', resources: { limits: { memory: '64Mi', cpu: '100m' } } }];
    assert.deepEqual(read('Pod', pods.schema, { spec: { volumes, containers } }), {
      spec: {
        volumes: [
          { name: 'v', volumeSource: { emptyDir: { medium: 'Memory', sizeLimit: { string: '1Gi' } } } },
          { name: 'none' },
        ],
        containers: [
          { name: 'c', resources: { limits: { memory: { string: '64Mi' }, cpu: { string: '100m' } } } },
        ],
      },
    });
  });

  it('a negative number', () => {
    assert.deepEqual(read('Event', events.schema, { count: -7 }), { count: -7 });
  });
});

describe('the bytes of an object', () => {
  it('are equal for equal objects, in whatever order they were made', () => {
    const one = encodeProtobuf(configMaps.schema, { data: { a: '1', b: '2', c: '3' }, immutable: true });
    const two = encodeProtobuf(configMaps.schema, { immutable: true, data: { c: '3', a: '1', b: '2' } });
    assert.deepEqual(one, two);
  });

  it('leave out zeros that mean nothing, and keep those that mean something', () => {
    assert.equal(encodeProtobuf(events.schema, { count: 0, reason: '' }).length, 0);
    assert.equal(encodeProtobuf(configMaps.schema, { immutable: false }).toString('hex'), '2000');
  });

  it('do not depend on a failure before', () => {
    const before = encodeProtobuf(configMaps.schema, { data: { a: 'b' } });
    assert.throws(() => encodeProtobuf(configMaps.schema, { data: { a: Symbol('no text'), z: 'b' } }));
    assert.deepEqual(encodeProtobuf(configMaps.schema, { data: { a: 'b' } }), before);
  });

  it('may be many: a long text, a large map', () => {
    const data = Object.fromEntries(
      Array.from({ length: 3000 }, (_, i) => [`key-${i}`, 'ß'.repeat(i % 200)]),
    );
    const large = { data: { ...data, long: 'x'.repeat(300_000) } };
    assert.deepEqual(decodeProtobuf(configMaps.schema, encodeProtobuf(configMaps.schema, large)), large);
  });
});

describe('every kind survives protobuf', () => {
  for (const kind of allKinds) {
    const back = (object: object): object => {
      const {
        apiVersion,
        kind: name,
        raw,
      } = openEnvelope(
        sealEnvelope({ apiVersion: 'x/v1', kind: kind.kind }, encodeProtobuf(kind.schema, object)),
      );
      assert.deepEqual([apiVersion, name], ['x/v1', kind.kind]);
      return decodeObject(kind, decodeProtobuf(kind.schema, raw), { mode: 'Strict' }).object;
    };
    it(`any ${kind.kind}`, () => {
      fc.assert(
        fc.property(arbitraryObject(kind), (object) => assert.deepEqual(back(object), object)),
        { numRuns: 60 },
      );
    });

    it(`a ${kind.kind} with every field set`, () => {
      const {
        apiVersion: _a,
        kind: _k,
        ...decoded
      } = back(completeValue(kind.schema) as object) as JsonObject;
      assert.deepEqual(decoded, completeValue(kind.schema));
    });
  }
});

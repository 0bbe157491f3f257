import assert from 'node:assert/strict';
import { test } from 'node:test';
import { deployments } from '../apps/v1/deployment.ts';
import { leases } from '../coordination/v1/lease.ts';
import { configMaps } from '../core/v1/config-map.ts';
import { events } from '../core/v1/event.ts';
import { pods } from '../core/v1/pod.ts';
import { services } from '../core/v1/service.ts';
import { decodeObject } from '../schema/decode.ts';
import * as schema from '../schema/schema.ts';
import type { MessageType } from '../schema/schema.ts';
import { decodeProtobuf } from './decode.ts';
import { encodeProtobuf } from './encode.ts';
import { openEnvelope } from './envelope.ts';
import { WireError } from './reader.ts';

// Bodies that kubectl 1.32.4 sent for `create configmap`, `create deployment` and `create service nodeport`.
const configMapBody = 'azhzAAoPCgJ2MRIJQ29uZmlnTWFwEiMKEQoBeBIAGgAiACoAMgA4AEIAEgYKAWESAWISBgoBYxIBZBoAIgA=';
const deploymentBody =
  'azhzAAoVCgdhcHBzL3YxEgpEZXBsb3ltZW50Er4BCh8KA3dlYhIAGgAiACoAMgA4AEIAWgoKA2FwcBIDd2ViEowBCAMSDAoKCgNh' +
  'cHASA3dlYhpyChwKABIAGgAiACoAMgA4AEIAWgoKA2FwcBIDd2ViElISNAoEZWNobxIMcG9ydGljby9lY2hvKgAyCgoAEAAYUCIA' +
  'KgBCAGoAcgCAAQCIAQCQAQCiAQAaADIAQgBKAFIAWABgAGgAggEAigEAmgEAwgEAIgIKACgAOAAaDAgAEAAYACAAKAA4ABoAIgA=';
const serviceBody =
  'azhzAAoNCgJ2MRIHU2VydmljZRJnCh0KAm5wEgAaACIAKgAyADgAQgBaCQoDYXBwEgJucBJCCh0KBzgwLTkzNzYSA1RDUBhQIgcI' +
  'ABCgSRoAKLfqARIJCgNhcHASAm5wGgAiCE5vZGVQb3J0OgBCAFIAWgBgAGgAGgIKABoAIgA=';

const bytesOf = (base64: string): Uint8Array => Buffer.from(base64, 'base64');
const hex = (text: string): Uint8Array => Buffer.from(text.replaceAll(' ', ''), 'hex');

function decodeBody(base64: string, type: MessageType) {
  const { apiVersion, kind, raw } = openEnvelope(bytesOf(base64));
  return { apiVersion, kind, ...decodeProtobuf(type, raw) };
}

test('a ConfigMap of kubectl is read: a map', () => {
  const { object } = decodeObject(configMaps, decodeBody(configMapBody, configMaps.schema), {
    mode: 'Strict',
  });
  assert.deepEqual(object, {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name: 'x' },
    data: { a: 'b', c: 'd' },
  });
});

test('a Deployment of kubectl is read: messages, lists, pointers to numbers', () => {
  const { object } = decodeObject(deployments, decodeBody(deploymentBody, deployments.schema), {
    mode: 'Strict',
  });
  assert.equal(object.metadata.name, 'web');
  assert.equal(object.spec.replicas, 3);
  assert.deepEqual(object.spec.selector, { matchLabels: { app: 'web' } });
  const [container] = object.spec.template.spec?.containers ?? [];
  assert.equal(container?.image, 'portico/echo');
  assert.deepEqual(
    container?.ports?.map(({ containerPort }) => containerPort),
    [80],
  );
});

test('a Service of kubectl is read: a number or a name', () => {
  const { object } = decodeObject(services, decodeBody(serviceBody, services.schema), { mode: 'Strict' });
  assert.deepEqual(object.spec?.ports, [
    { name: '80-9376', protocol: 'TCP', port: 80, targetPort: 9376, nodePort: 30007 },
  ]);
  assert.equal(object.spec?.type, 'NodePort');
});

const pieces: readonly [title: string, type: MessageType, bytes: string, expected: object][] = [
  ['nothing is an empty object', configMaps.schema, '', {}],
  ['a field nobody knows is left out', configMaps.schema, 'f2 3f 01 61', {}],
  // metadata (1) { creationTimestamp (8) { seconds 1 } }
  [
    'a time',
    configMaps.schema,
    '0a 04 42 02 08 01',
    { metadata: { creationTimestamp: '1970-01-01T00:00:01Z' } },
  ],
  ['the zero time is absent', configMaps.schema, '0a 02 42 00', { metadata: {} }],
  // spec (2) { renewTime (4) { seconds 1, nanos 5000 } }
  [
    'a time with decimals',
    leases.schema,
    '12 07 22 05 08 01 10 88 27',
    { spec: { renewTime: '1970-01-01T00:00:01.000005Z' } },
  ],
  // count (8) -1
  ['a negative number', events.schema, '40 ff ff ff ff ff ff ff ff ff 01', { count: -1 }],
  // binaryData (3) { key a, value 00 ff }
  ['bytes are base64', configMaps.schema, '1a 07 0a 01 61 12 02 00 ff', { binaryData: { a: 'AP8=' } }],
  ['a map entry without a value', configMaps.schema, '12 03 0a 01 61', { data: { a: '' } }],
  // immutable (4)
  ['a boolean', configMaps.schema, '20 01', { immutable: true }],
  // spec (2) { ports (1) { targetPort (4) { type 1, strVal http } } }
  [
    'a port by name',
    services.schema,
    '12 0c 0a 0a 22 08 08 01 1a 04 68 74 74 70',
    { spec: { ports: [{ targetPort: 'http' }] } },
  ],
  // spec (2) { volumes (1) { name v (1), volumeSource (2) { emptyDir (2) {} } } }
  [
    'what JSON shows inline',
    pods.schema,
    '12 09 0a 07 0a 01 76 12 02 12 00',
    { spec: { volumes: [{ name: 'v', emptyDir: {} }] } },
  ],
  // spec (2) { containers (2) { resources (8) { limits (1) { key cpu, value { string 1 } } } } }
  [
    'a quantity',
    pods.schema,
    '12 10 12 0e 42 0c 0a 0a 0a 03 63 70 75 12 03 0a 01 31',
    { spec: { containers: [{ resources: { limits: { cpu: '1' } } }] } },
  ],
];
for (const [title, type, bytes, expected] of pieces) {
  test(`protobuf: ${title}`, () => assert.deepEqual(decodeProtobuf(type, hex(bytes)), expected));
}

test('protobuf: a key named __proto__ is a key', () => {
  const { data } = decodeProtobuf(configMaps.schema, hex('12 0e 0a 09 5f 5f 70 72 6f 74 6f 5f 5f 12 01 78'));
  assert.deepEqual(Object.entries(data ?? {}), [['__proto__', 'x']]);
});

const faults: readonly [title: string, type: MessageType, bytes: string][] = [
  ['a length beyond the end', configMaps.schema, '0a 7f'],
  ['a varint without an end', configMaps.schema, '20 ff'],
  ['a varint too long', configMaps.schema, '20 ff ff ff ff ff ff ff ff ff ff ff'],
  ['field number 0', configMaps.schema, '00 00'],
  ['a group', configMaps.schema, '0b'],
  ['a number where a message belongs', configMaps.schema, '08 01'],
  ['bytes where a number belongs', configMaps.schema, '22 01 61'],
  ['text that is not UTF-8', configMaps.schema, '0a 03 0a 01 ff'],
  ['a number beyond what JSON can say', events.schema, '40 ff ff ff ff ff ff ff ff 7f'],
  ['a time beyond the calendar', configMaps.schema, '0a 0a 42 08 08 ff ff ff ff ff ff 0f'],
];
for (const [title, type, bytes] of faults) {
  test(`protobuf: ${title} is an error`, () =>
    assert.throws(() => decodeProtobuf(type, hex(bytes)), WireError));
}

test('protobuf: every cut of a real body is an error or a smaller object, never a crash', () => {
  const whole = bytesOf(deploymentBody).subarray(4);
  let failed = 0;
  for (let length = 0; length < whole.length; length++) {
    try {
      decodeProtobuf(deployments.schema, whole.subarray(0, length));
    } catch (error) {
      assert.ok(error instanceof WireError);
      failed++;
    }
  }
  assert.ok(failed > 0);
});

test('an envelope needs its prefix, and may be empty', () => {
  assert.throws(() => openEnvelope(hex('7b 7d')), WireError);
  assert.deepEqual({ ...openEnvelope(hex('6b 38 73 00')), raw: 0 }, { apiVersion: '', kind: '', raw: 0 });
});

test('protobuf: the zero time in a map is no value, an empty list in one is', () => {
  const { map, list, message, optional, string, time } = schema;
  const type = message('Maps', 'Maps.', {
    times: optional([1, map(time)], 'Times.'),
    lists: optional([2, map(list(string))], 'Lists.'),
  });
  assert.deepEqual(decodeProtobuf(type, hex('0a 05 0a 01 61 12 00 12 03 0a 01 62')), {
    times: { a: null },
    lists: { b: [] },
  });
  const lists = { lists: { a: ['', 'x'], b: ['y'] } };
  assert.deepEqual(decodeProtobuf(type, encodeProtobuf(type, lists)), lists);
});

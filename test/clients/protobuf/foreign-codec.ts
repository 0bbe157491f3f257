import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import protobuf from 'protobufjs';

/** Kubernetes in protobuf by a general library and upstream's own declarations: nothing of it is ours. */

export const TYPE = 'application/vnd.kubernetes.protobuf';
const MAGIC = Buffer.from('k8s\0');
const META = 'k8s.io.apimachinery.pkg.apis.meta.v1';
const UNKNOWN = 'k8s.io.apimachinery.pkg.runtime.Unknown';

const root = new protobuf.Root();
const parts = readFileSync(join(import.meta.dirname, 'kubernetes.proto'), 'utf8').split('\f');
for (const part of parts)
  protobuf.parse(`syntax = "proto2";\n${part.replace('syntax = "proto2";', '')}`, root, { keepCase: true });
root.resolveAll();

export type Fields = Record<string, unknown>;

/** `networking.k8s.io/v1` lives in `k8s.io.api.networking.v1`; what moved on with the same numbers is looked for there. */
function typeOf(apiVersion: string, kind: string): protobuf.Type {
  const isMeta = apiVersion === 'meta.k8s.io/v1' || kind === 'Status' || kind === 'DeleteOptions';
  if (isMeta) return root.lookupType(`${META}.${kind}`);
  const [group = '', version = ''] = apiVersion.includes('/') ? apiVersion.split('/') : ['core', apiVersion];
  const name = group.replace('rbac.authorization', 'rbac').replace(/\.k8s\.io$/, '');
  for (const each of [version, 'v1', 'v1beta1']) {
    try {
      return root.lookupType(`k8s.io.api.${name}.${each}.${kind}`);
    } catch {
      continue;
    }
  }
  return assert.fail(`upstream declares no ${apiVersion} ${kind}`);
}

/** The bytes of a body. */
export function encode(apiVersion: string, kind: string, fields: Fields): Buffer {
  const type = typeOf(apiVersion, kind);
  const raw = type.encode(type.fromObject(fields)).finish();
  const unknown = root.lookupType(UNKNOWN);
  const body = unknown.encode(unknown.fromObject({ typeMeta: { apiVersion, kind }, raw })).finish();
  return Buffer.concat([MAGIC, body]);
}

const plain = (type: protobuf.Type, bytes: Uint8Array): Fields =>
  type.toObject(type.decode(bytes), { longs: Number, bytes: String });

export interface Opened {
  readonly apiVersion: string;
  readonly kind: string;
  readonly fields: Fields;
}

/** What a body names and holds. */
export function decode(bytes: Uint8Array): Opened {
  assert.deepEqual(
    Buffer.from(bytes.subarray(0, 4)),
    MAGIC,
    Buffer.from(bytes).toString('utf8').slice(0, 200),
  );
  const unknown = root.lookupType(UNKNOWN);
  const { typeMeta, raw } = unknown.decode(bytes.subarray(4)) as unknown as {
    readonly typeMeta: { readonly apiVersion: string; readonly kind: string };
    readonly raw: Uint8Array;
  };
  return { ...typeMeta, fields: plain(typeOf(typeMeta.apiVersion, typeMeta.kind), raw) };
}

/** The events of a watch's answer, or of the part that has come. */
export function events(bytes: Buffer): readonly { readonly type: string; readonly object: Opened }[] {
  const event = root.lookupType(`${META}.WatchEvent`);
  const found = [];
  for (let at = 0; at + 4 <= bytes.length;) {
    const end = at + 4 + bytes.readUInt32BE(at);
    if (end > bytes.length) break;
    const { type, object } = event.decode(bytes.subarray(at + 4, end)) as unknown as {
      readonly type: string;
      readonly object: { readonly raw: Uint8Array };
    };
    found.push({ type, object: decode(object.raw) });
    at = end;
  }
  return found;
}

/** Parts that JSON writes straight into their parent. */
const INLINE = [
  'ingressRuleValue',
  'volumeSource',
  'persistentVolumeSource',
  'handler',
  'ephemeralContainerCommon',
  'localObjectReference',
];

/** The fields as JSON has them, without what is empty: upstream writes zeros that JSON leaves out. */
export function asJson(apiVersion: string, kind: string, fields: Fields): unknown {
  return { apiVersion, kind, ...(jsonOf(typeOf(apiVersion, kind), fields) as Fields) };
}

function jsonOf(type: protobuf.Type, value: unknown): unknown {
  const fields = value as Fields;
  const { name } = type;
  if (name === 'Time' || name === 'MicroTime') return timeText(fields, name === 'MicroTime');
  if (name === 'Quantity') return fields['string'];
  if (name === 'IntOrString')
    return fields['type'] === 1 ? (fields['strVal'] ?? '') : (fields['intVal'] ?? 0);
  if (name === 'FieldsV1') return JSON.parse(textOf(fields['Raw']));
  if (name === 'RawExtension') return JSON.parse(textOf(fields['raw']));
  const result: Fields = {};
  for (const [key, each] of Object.entries(fields)) {
    const field = type.fields[key];
    assert.ok(field !== undefined);
    const inner = field.resolvedType;
    const of = (one: unknown): unknown => (inner instanceof protobuf.Type ? jsonOf(inner, one) : one);
    if (INLINE.includes(key) && inner !== null) Object.assign(result, of(each));
    else if (field.map)
      result[key] = Object.fromEntries(Object.entries(each as Fields).map(([k, v]) => [k, of(v)]));
    else result[key] = field.repeated ? (each as unknown[]).map(of) : of(each);
  }
  return result;
}

const textOf = (base64: unknown): string => Buffer.from(String(base64), 'base64').toString();

function timeText(
  { seconds = 0, nanos = 0 }: { seconds?: number; nanos?: number },
  isMicro: boolean,
): string {
  const date = new Date(seconds * 1000).toISOString();
  if (!isMicro) return date.replace('.000Z', 'Z');
  return date.replace('.000Z', `.${String(nanos / 1000).padStart(6, '0')}Z`);
}

/** Without empty texts, lists and objects, zeros and `false`, at any depth. */
export function withoutEmpty(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutEmpty);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .map(([key, each]): [string, unknown] => [key, withoutEmpty(each)])
      .filter(([, each]) => !isEmpty(each)),
  );
}

const isEmpty = (value: unknown): boolean =>
  value === undefined ||
  value === null ||
  value === '' ||
  value === 0 ||
  value === false ||
  (typeof value === 'object' && Object.keys(value).length === 0);

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { type JsonObject, type JsonValue, isJsonObject } from '../../base/json.ts';
import { arbitraryMessage } from '../../testing/arbitrary-object.ts';
import { deployment } from '../apps/v1/deployment.ts';
import { pod } from '../core/v1/pod.ts';
import { service } from '../core/v1/service.ts';
import { ApiError } from '../errors/api-error.ts';
import { allKinds } from '../kinds.ts';
import type { AnyType, MessageType } from '../schema/schema.ts';
import { identityOf } from './element-order.ts';
import { applyStrategicMergePatch } from './strategic-merge-patch.ts';

// The same cases in every run.
fc.configureGlobal({ seed: 1 });

const named = (...names: string[]): JsonObject[] => names.map((name) => ({ name }));
const podOf = (spec: JsonObject): JsonObject => ({ metadata: { name: 'p' }, spec });

describe('applyStrategicMergePatch', () => {
  const cases: Record<string, [MessageType, JsonObject, JsonObject, JsonObject]> = {
    'merges containers by name': [
      pod,
      podOf({ containers: [{ name: 'a', image: 'x', tty: true }, { name: 'b' }] }),
      { spec: { containers: [{ name: 'a', image: 'y' }] } },
      podOf({ containers: [{ name: 'a', image: 'y', tty: true }, { name: 'b' }] }),
    ],
    'puts new containers first, as upstream does': [
      pod,
      podOf({ containers: named('a', 'b') }),
      { spec: { containers: named('c') } },
      podOf({ containers: named('c', 'a', 'b') }),
    ],
    'removes a container by $patch: delete': [
      pod,
      podOf({ containers: named('a', 'b') }),
      { spec: { containers: [{ name: 'a', $patch: 'delete' }] } },
      podOf({ containers: named('b') }),
    ],
    'replaces a list by $patch: replace': [
      pod,
      podOf({ containers: named('a', 'b') }),
      { spec: { containers: [{ name: 'c' }, { $patch: 'replace' }] } },
      podOf({ containers: named('c') }),
    ],
    'takes $patch: merge for what it would do anyway': [
      pod,
      podOf({ containers: [{ name: 'a', image: 'x' }], nodeSelector: { a: '1' } }),
      {
        spec: {
          nodeSelector: { $patch: 'merge', b: '2' },
          containers: [{ $patch: 'merge', name: 'a', tty: true }],
        },
      },
      podOf({ containers: [{ name: 'a', image: 'x', tty: true }], nodeSelector: { a: '1', b: '2' } }),
    ],
    'replaces a map by $patch: replace': [
      pod,
      podOf({ nodeSelector: { a: '1' } }),
      { spec: { nodeSelector: { $patch: 'replace', b: '2' } } },
      podOf({ nodeSelector: { b: '2' } }),
    ],
    'empties a map by $patch: delete': [
      pod,
      podOf({ nodeSelector: { a: '1' } }),
      { spec: { nodeSelector: { $patch: 'delete' } } },
      podOf({ nodeSelector: {} }),
    ],
    'orders items by $setElementOrder, others keeping their place': [
      pod,
      podOf({ containers: named('a', 'server', 'b', 'c') }),
      { spec: { '$setElementOrder/containers': named('c', 'b', 'a') } },
      podOf({ containers: named('server', 'c', 'b', 'a') }),
    ],
    'adds and orders in one patch': [
      pod,
      podOf({ containers: named('a', 'b') }),
      { spec: { '$setElementOrder/containers': named('a', 'new', 'b'), containers: named('new') } },
      podOf({ containers: named('a', 'new', 'b') }),
    ],
    'merges environment variables by name and removes with null': [
      pod,
      podOf({ containers: [{ name: 'a', env: [{ name: 'X', value: '1' }], image: 'i' }] }),
      { spec: { containers: [{ name: 'a', image: null, env: [{ name: 'X', value: '2' }] }] } },
      podOf({ containers: [{ name: 'a', env: [{ name: 'X', value: '2' }] }] }),
    ],
    'replaces tolerations and commands as a whole': [
      pod,
      podOf({ containers: [{ name: 'a', command: ['x', 'y'] }], tolerations: [{ key: 'a' }] }),
      { spec: { tolerations: [{ key: 'b' }], containers: [{ name: 'a', command: ['z'] }] } },
      podOf({ containers: [{ name: 'a', command: ['z'] }], tolerations: [{ key: 'b' }] }),
    ],
    'merges container ports by containerPort': [
      pod,
      podOf({ containers: [{ name: 'a', ports: [{ containerPort: 80, name: 'http' }] }] }),
      { spec: { containers: [{ name: 'a', ports: [{ containerPort: 80, protocol: 'TCP' }] }] } },
      podOf({ containers: [{ name: 'a', ports: [{ containerPort: 80, name: 'http', protocol: 'TCP' }] }] }),
    ],
    'merges Service ports by port': [
      service,
      { spec: { ports: [{ port: 80, nodePort: 30080 }, { port: 443 }] } },
      { spec: { ports: [{ port: 80, name: 'http' }] } },
      { spec: { ports: [{ port: 80, nodePort: 30080, name: 'http' }, { port: 443 }] } },
    ],
    'changes the source of a volume by $retainKeys': [
      pod,
      podOf({ volumes: [{ name: 'v', emptyDir: {} }] }),
      { spec: { volumes: [{ name: 'v', $retainKeys: ['name', 'configMap'], configMap: { name: 'c' } }] } },
      podOf({ volumes: [{ name: 'v', configMap: { name: 'c' } }] }),
    ],
    'changes a strategy by $retainKeys': [
      deployment,
      { spec: { strategy: { type: 'RollingUpdate', rollingUpdate: { maxSurge: 1 } } } },
      { spec: { strategy: { $retainKeys: ['type'], type: 'Recreate' } } },
      { spec: { strategy: { type: 'Recreate' } } },
    ],
    'adds finalizers to those there': [
      pod,
      { metadata: { finalizers: ['a/x'] } },
      { metadata: { finalizers: ['b/y'] } },
      { metadata: { finalizers: ['b/y', 'a/x'] } },
    ],
    'takes a finalizer away by $deleteFromPrimitiveList': [
      pod,
      { metadata: { finalizers: ['a/x', 'b/y'] } },
      {
        metadata: { '$deleteFromPrimitiveList/finalizers': ['a/x'], '$setElementOrder/finalizers': ['b/y'] },
      },
      { metadata: { finalizers: ['b/y'] } },
    ],
    'ignores a directive for a list that is not there': [
      pod,
      podOf({}),
      { spec: { '$deleteFromPrimitiveList/x': ['a'], '$setElementOrder/containers': named('a') } },
      podOf({}),
    ],
    'drops directives and nulls from what is new': [
      pod,
      podOf({}),
      {
        spec: {
          containers: [
            { name: 'gone', $patch: 'delete' },
            { name: 'a', env: [{ name: 'X', $patch: 'delete' }] },
          ],
          securityContext: { $retainKeys: ['runAsUser'], runAsUser: 1, fsGroup: null },
        },
      },
      podOf({ containers: [{ name: 'a', env: [] }], securityContext: { runAsUser: 1 } }),
    ],
    'merges fields the schema does not know as plain JSON': [
      pod,
      { other: { a: [1], b: 1 } },
      { other: { a: [2], b: null } },
      { other: { a: [2] } },
    ],
    'replaces a value of another shape': [
      pod,
      { spec: 'x' },
      { spec: { hostname: 'h' } },
      { spec: { hostname: 'h' } },
    ],
  };
  for (const [name, [schema, document, patch, expected]] of Object.entries(cases)) {
    it(name, () => {
      const before = structuredClone(document);
      assert.deepEqual(applyStrategicMergePatch(schema, document, patch), expected);
      assert.deepEqual(document, before);
    });
  }

  const refused: Record<string, [JsonValue, RegExp]> = {
    'an item without its merge key': [
      { spec: { containers: [{ image: 'x' }] } },
      /does not contain declared merge key: name/,
    ],
    'a delete without the merge key': [
      { spec: { containers: [{ $patch: 'delete' }] } },
      /does not contain declared merge key: name/,
    ],
    'an unknown directive in a map': [{ spec: { $patch: 'bend' } }, /unknown patch type: "bend"/],
    'an unknown directive in a list': [
      { spec: { containers: [{ name: 'a', $patch: 1 }] } },
      /unknown patch type: 1/,
    ],
    '$retainKeys that do not name a field of the patch': [
      { spec: { volumes: [{ name: 'v', $retainKeys: ['emptyDir'] }] } },
      /it does not name "name"/,
    ],
    'a $setElementOrder that is no list': [{ spec: { '$setElementOrder/containers': 1 } }, /must be a list/],
    'a patch that is no object': [[], /must be a JSON object/],
  };
  for (const [name, [patch, message]] of Object.entries(refused)) {
    it(`refuses ${name}`, () => {
      const document = podOf({ containers: named('a'), volumes: [{ name: 'v', emptyDir: {} }] });
      assert.throws(
        () => applyStrategicMergePatch(pod, document, patch),
        (error) => error instanceof ApiError && error.code === 400 && message.test(error.message),
      );
    });
  }

  it('treats __proto__ as a plain name', () => {
    const patch = JSON.parse('{"metadata":{"annotations":{"__proto__":{"evil":true}}}}') as JsonObject;
    const result = applyStrategicMergePatch(pod, { metadata: { annotations: { a: 'b' } } }, patch);
    assert.equal(JSON.stringify(result), '{"metadata":{"annotations":{"a":"b","__proto__":{"evil":true}}}}');
    assert.equal(({} as { evil?: boolean }).evil, undefined);
  });
});

const same = (a: JsonValue | undefined, b: JsonValue | undefined): boolean => {
  try {
    assert.deepEqual(a, b);
    return true;
  } catch {
    return false;
  }
};

/** The patch `kubectl apply` would send to turn `from` into `to`. */
function diff(from: JsonObject, to: JsonObject, type: AnyType | undefined): JsonObject {
  const patch: JsonObject = {};
  for (const name of Object.keys(from)) if (to[name] === undefined) patch[name] = null;
  for (const [name, value] of Object.entries(to)) {
    const before = from[name];
    if (value === undefined || same(before, value)) continue;
    const field = type?.is === 'message' ? type.fields[name] : undefined;
    const isMerged = field?.patchMergeKey !== undefined || (field?.patchStrategy ?? '').includes('merge');
    if (isJsonObject(value) && isJsonObject(before)) {
      patch[name] = diff(before, value, field?.type ?? (type?.is === 'map' ? type.of : undefined));
    } else if (Array.isArray(value) && Array.isArray(before) && isMerged) {
      const itemType = field?.type.is === 'list' ? field.type.of : undefined;
      Object.assign(patch, listDiff({ name, key: field?.patchMergeKey, itemType }, before, value));
    } else patch[name] = value;
  }
  return patch;
}

interface ListField {
  readonly name: string;
  readonly key: string | undefined;
  readonly itemType: AnyType | undefined;
}

function listDiff({ name, key, itemType }: ListField, from: JsonValue[], to: JsonValue[]): JsonObject {
  const find = (list: JsonValue[], item: JsonValue): JsonValue | undefined =>
    list.find((other) => identityOf(other, key) === identityOf(item, key));
  const gone = from.filter((item) => find(to, item) === undefined);
  if (key === undefined) {
    return {
      [`$deleteFromPrimitiveList/${name}`]: gone,
      [`$setElementOrder/${name}`]: to,
      [name]: to.filter((item) => find(from, item) === undefined),
    };
  }
  const identity = (item: JsonValue): JsonObject => ({ [key]: (item as JsonObject)[key] ?? null });
  const changed = to.map((item) => {
    const before = find(from, item);
    return isJsonObject(before) ? { ...diff(before, item as JsonObject, itemType), ...identity(item) } : item;
  });
  return {
    [`$setElementOrder/${name}`]: to.map(identity),
    [name]: [...changed, ...gone.map((item) => ({ ...identity(item), $patch: 'delete' }))],
  };
}

describe('strategic merge patches, for any objects', () => {
  for (const kind of allKinds) {
    it(`the difference of two objects turns one into the other (${kind.kind})`, () => {
      const object = arbitraryMessage(kind.schema);
      fc.assert(
        fc.property(object, object, (from, to) => {
          assert.deepEqual(applyStrategicMergePatch(kind.schema, from, diff(from, to, kind.schema)), to);
        }),
        { numRuns: 60 },
      );
    });
  }
});

it('a long list is merged in no more time than it looks', () => {
  const env = (prefix: string) =>
    Array.from({ length: 10_000 }, (_, i) => ({ name: `${prefix}${i}`, value: '' }));
  const withEnv = (prefix: string) => ({ spec: { containers: [{ name: 'c', env: env(prefix) }] } });
  const merged = applyStrategicMergePatch(pod, withEnv('a'), withEnv('b'));
  const { spec } = merged as unknown as ReturnType<typeof withEnv>;
  assert.equal(new Set(spec.containers[0]?.env.map(({ name }) => name)).size, 20_000);
});

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { JsonValue } from '../base/json.ts';
import {
  apiVersionOf,
  groupKindOf,
  groupResourceOf,
  objectKey,
  parseApiVersion,
  parseObjectKey,
} from './kind.ts';
import { allKinds, kindOf } from './kinds.ts';
import { decodeValue } from './schema/decode.ts';
import type { AnyType, Field, MessageType } from './schema/schema.ts';

function messagesOf(types: readonly AnyType[]): Map<string, MessageType> {
  const found = new Map<string, MessageType>();
  const visit = (type: AnyType): void => {
    if (type.is === 'list' || type.is === 'map') visit(type.of);
    if (type.is !== 'message' || found.has(type.name)) return;
    found.set(type.name, type);
    for (const field of Object.values(type.fields)) visit(field.type);
  };
  types.forEach(visit);
  return found;
}

const messages = messagesOf(allKinds.map((kind) => kind.schema));
const everyField = [...messages.values()].flatMap((message) =>
  Object.entries(message.fields).map(([name, field]): [string, Field] => [`${message.name}.${name}`, field]),
);

describe('the schema of every kind', () => {
  it('is found from the kinds', () => {
    assert.ok(messages.size > 180, `${messages.size} messages`);
    assert.ok(everyField.length > 850, `${everyField.length} fields`);
  });

  it('gives each field of a message its own protobuf number', () => {
    for (const message of messages.values()) {
      const numbers = Object.values(message.fields)
        .filter(({ number }) => number > 0)
        .map(({ number, within }) => `${within ?? ''}/${number}`);
      assert.equal(new Set(numbers).size, numbers.length, message.name);
    }
  });

  it('describes every field in one sentence', () => {
    for (const [name, { description }] of everyField) assert.match(description, /^\S.{3,}\.$/, name);
    for (const { name, description } of messages.values()) assert.match(description, /^\S.{3,}\.$/, name);
  });

  it('names list keys and merge keys that the items have', () => {
    const keyed = everyField.filter(([, { type, patchMergeKey }]) => {
      return (type.is === 'list' && type.keys.length > 0) || patchMergeKey !== undefined;
    });
    assert.ok(keyed.length > 25);
    for (const [name, { type, patchMergeKey }] of keyed) {
      assert.ok(type.is === 'list' && type.of.is === 'message', name);
      for (const key of [...type.keys, ...(patchMergeKey === undefined ? [] : [patchMergeKey])]) {
        assert.ok(Object.hasOwn(type.of.fields, key), `${name} by ${key}`);
      }
    }
  });

  it('has defaults that fit their types', () => {
    const constants = everyField.filter(([, field]) => {
      return field.default !== undefined && typeof field.default !== 'function';
    });
    assert.ok(constants.length > 30);
    for (const [name, field] of constants) {
      assert.deepEqual(decodeValue(field.type, field.default), field.default as JsonValue, name);
    }
  });

  it('offers a known value as the default', () => {
    for (const [name, field] of everyField) {
      if (field.values === undefined || typeof field.default !== 'string') continue;
      assert.ok(field.values.includes(field.default), name);
    }
  });
});

describe('allKinds', () => {
  it('holds each kind once, and kindOf finds it', () => {
    assert.equal(new Set(allKinds.map((kind) => groupResourceOf(kind))).size, allKinds.length);
    for (const kind of allKinds) assert.equal(kindOf(apiVersionOf(kind), kind.kind), kind);
  });

  it('does not know others', () => {
    assert.equal(kindOf('v1', 'Deployment'), undefined);
    assert.equal(kindOf('apps/v2', 'Deployment'), undefined);
  });
});

describe('names of versions, resources and objects', () => {
  it('writes the core group without a group', () => {
    const [pod, deployment] = [kindOf('v1', 'Pod'), kindOf('apps/v1', 'Deployment')];
    assert.ok(pod !== undefined && deployment !== undefined);
    assert.deepEqual(
      [pod, deployment].map((kind) => [apiVersionOf(kind), groupResourceOf(kind), groupKindOf(kind)]),
      [
        ['v1', 'pods', 'Pod'],
        ['apps/v1', 'deployments.apps', 'Deployment.apps'],
      ],
    );
  });

  it('splits what it joins', () => {
    assert.deepEqual(parseApiVersion('v1'), { group: '', version: 'v1' });
    assert.deepEqual(parseApiVersion('apps/v1'), { group: 'apps', version: 'v1' });
    for (const metadata of [{ name: 'a' }, { name: 'a', namespace: 'b' }]) {
      const { name, namespace } = parseObjectKey(objectKey({ metadata }));
      assert.deepEqual(
        { name, namespace: namespace === '' ? undefined : namespace },
        { namespace: undefined, ...metadata },
      );
    }
  });
});

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { JsonObject } from '../../base/json.ts';
import type { KindVersion } from '../kind-version.ts';
import { apiVersionOf, asJson, type Kind, type KubeObject } from '../kind.ts';
import { type ManagedFieldsEntry, objectMeta } from '../meta/v1/object-meta.ts';
import {
  filled,
  listMap,
  map,
  message,
  optional,
  pointer,
  int32,
  string,
  typeMeta,
} from '../schema/schema.ts';
import { decodeObject } from '../schema/decode.ts';
import { applyConfiguration } from './apply-configuration.ts';
import { type FieldSet, pathsOf, pathText } from './field-set.ts';
import { trackUpdate, type Writing } from './managed-fields.ts';
import { refusal } from './test-kind.ts';

/** The same item under two names: `size` is `volume` in the newer version, `items` is `parts`. */
const item = message('test.Item', 'Known by its name.', {
  name: optional([1, string], 'Key.'),
  value: pointer([2, int32], 'Value.'),
});
const older = message('test.v1beta1.Box', 'The older version.', {
  ...typeMeta,
  metadata: filled([1, objectMeta], 'Metadata.'),
  size: pointer([2, int32], 'Size.'),
  items: optional([3, listMap(item, ['name'])], 'Items.'),
  tags: optional([4, map(string)], 'Tags.'),
});
const newer = message('test.v1.Box', 'The version that is stored.', {
  ...typeMeta,
  metadata: filled([1, objectMeta], 'Metadata.'),
  volume: pointer([2, int32], 'Volume.'),
  parts: optional([3, listMap(item, ['name'])], 'Parts.'),
  tags: optional([4, map(string)], 'Tags.'),
});
const boxes: Kind = {
  group: 'test.io',
  version: 'v1',
  kind: 'Box',
  plural: 'boxes',
  singular: 'box',
  shortNames: [],
  categories: [],
  isNamespaced: true,
  subresources: [],
  schema: newer,
};
const rename = (object: JsonObject, pairs: readonly (readonly [from: string, to: string])[]): JsonObject =>
  Object.fromEntries(
    Object.entries(object).map(([name, value]) => [
      pairs.find(([from]) => from === name)?.[1] ?? name,
      value,
    ]),
  );
const oldBoxes: KindVersion = {
  kind: { ...boxes, version: 'v1beta1', schema: older },
  stored: boxes,
  toStored: (object) =>
    rename(object, [
      ['size', 'volume'],
      ['items', 'parts'],
    ]),
  fromStored: (object) =>
    rename(object, [
      ['volume', 'size'],
      ['parts', 'items'],
    ]),
};
const versions = { stored: boxes, others: [oldBoxes] };

/** A box under the hands of writers in both versions, each write one second after the one before. */
function startStory() {
  let object: KubeObject | undefined;
  let nWrites = 0;
  const writing = (kind: Kind, manager: string): Writing => ({
    kind,
    versions,
    manager,
    now: new Date(Date.UTC(2026, 0, 1, 0, 0, nWrites++)).toISOString().replace('.000', ''),
  });
  const whole = (kind: Kind, body: JsonObject): JsonObject => ({
    apiVersion: apiVersionOf(kind),
    kind: kind.kind,
    metadata: { name: 'x' },
    ...body,
  });
  const stored = (kind: Kind, json: JsonObject): KubeObject => {
    const inStored = kind === boxes ? json : { ...oldBoxes.toStored(json), apiVersion: apiVersionOf(boxes) };
    return decodeObject(boxes, inStored, { mode: 'Strict' }).object;
  };
  const keep = (kind: Kind, json: JsonObject, managedFields: readonly ManagedFieldsEntry[]): void => {
    const { metadata, ...rest } = stored(kind, json);
    object = { ...rest, metadata: { ...metadata, managedFields } };
  };
  return {
    get content() {
      const { volume, parts, tags } = object === undefined ? ({} as JsonObject) : asJson(object);
      return JSON.parse(JSON.stringify({ volume, parts, tags })) as object;
    },
    apply(kind: Kind, manager: string, { isForced = false, ...body }: JsonObject & { isForced?: boolean }) {
      const config = whole(kind, body);
      const applied = applyConfiguration(writing(kind, manager), { live: object, config, isForced });
      keep(kind, applied.object, applied.managedFields);
    },
    update(kind: Kind, manager: string, body: JsonObject) {
      const next = stored(kind, whole(kind, body));
      keep(boxes, asJson(next), trackUpdate(writing(kind, manager), { live: object, next }));
    },
    /** Says that an entry was written in a version. */
    setVersion(manager: string, apiVersion: string) {
      assert.ok(object !== undefined);
      const { managedFields = [] } = object.metadata;
      const entries = managedFields.map((each) =>
        each.manager === manager ? { ...each, apiVersion } : each,
      );
      object = { ...object, metadata: { ...object.metadata, managedFields: entries } };
    },
    get owners() {
      return (object?.metadata.managedFields ?? []).map(
        ({ manager = '', operation = '', apiVersion = '', fieldsV1 = {} }) =>
          `${manager} ${operation} ${apiVersion.slice(8)}: ${pathsOf(fieldsV1 as unknown as FieldSet)
            .map(pathText)
            .sort()
            .join(' ')}`,
      );
    },
  };
}
const v1 = boxes;
const beta = oldBoxes.kind;

describe('fields that were written in several versions', () => {
  it('are recorded by the names of the version they were written in', () => {
    const story = startStory();
    story.update(beta, 'old', { size: 1, tags: { a: '1' } });
    story.update(v1, 'new', { volume: 1, tags: { a: '1', b: '2' } });
    story.apply(beta, 'applier', { items: [{ name: 'i', value: 1 }] });
    assert.deepEqual(story.owners, [
      'applier Apply v1beta1: .items[name="i"] .items[name="i"].name .items[name="i"].value',
      'old Update v1beta1: .size .tags .tags.a',
      'new Update v1: .tags.b',
    ]);
  });

  it('go to who writes them in another version', () => {
    const story = startStory();
    story.update(beta, 'old', { size: 1, tags: { a: '1' } });
    story.update(v1, 'new', { volume: 2, tags: { a: '1' } });
    assert.deepEqual(story.owners, ['old Update v1beta1: .tags .tags.a', 'new Update v1: .volume']);
    story.update(beta, 'old', { size: 3 });
    assert.deepEqual(story.owners, ['old Update v1beta1: .size']);
  });

  it('belong twice to who updates in two versions', () => {
    const story = startStory();
    story.update(beta, 'me', { size: 1 });
    story.update(v1, 'me', { volume: 1, tags: { a: '1' } });
    assert.deepEqual(story.owners, ['me Update v1beta1: .size', 'me Update v1: .tags .tags.a']);
  });

  it('are in conflict by the names and the version of their owner', () => {
    const story = startStory();
    story.update(beta, 'old', { size: 1 });
    story.apply(beta, 'applier', { items: [{ name: 'i', value: 1 }] });
    assert.equal(
      refusal(() => story.apply(v1, 'me', { volume: 2 })),
      '409 Conflict: Apply failed with 1 conflict: conflict with "old" using test.io/v1beta1: .size',
    );
    assert.equal(
      refusal(() => story.apply(v1, 'me', { volume: 2, parts: [{ name: 'i', value: 2 }] })),
      '409 Conflict: Apply failed with 2 conflicts: conflicts with "applier":\n' +
        '- .items[name="i"].value\nconflicts with "old" using test.io/v1beta1:\n- .size',
    );
    story.apply(v1, 'me', { volume: 2, isForced: true });
    assert.deepEqual(story.owners, [
      'applier Apply v1beta1: .items[name="i"] .items[name="i"].name .items[name="i"].value',
      'me Apply v1: .volume',
    ]);
  });

  it('are shared where two appliers say the same in two versions', () => {
    const story = startStory();
    story.apply(beta, 'a', { size: 1 });
    story.apply(v1, 'b', { volume: 1 });
    assert.deepEqual(story.owners, ['a Apply v1beta1: .size', 'b Apply v1: .volume']);
    story.apply(v1, 'b', { tags: { t: '1' } });
    assert.deepEqual(story.content, { volume: 1, tags: { t: '1' } });
    assert.deepEqual(story.owners, ['a Apply v1beta1: .size', 'b Apply v1: .tags.t']);
  });

  it('go when their applier goes over to another version and names them no longer', () => {
    const story = startStory();
    story.apply(beta, 'a', { size: 1, items: [{ name: 'i' }, { name: 'j' }] });
    story.apply(v1, 'a', { parts: [{ name: 'j' }] });
    assert.deepEqual(story.content, { parts: [{ name: 'j' }] });
    assert.deepEqual(story.owners, ['a Apply v1: .parts[name="j"] .parts[name="j"].name']);
    story.apply(beta, 'a', { size: 2 });
    assert.deepEqual(story.content, { volume: 2 });
    assert.deepEqual(story.owners, ['a Apply v1beta1: .size']);
  });

  it('stay when their applier goes over to another version and names them still', () => {
    const story = startStory();
    story.apply(beta, 'a', { size: 1, tags: { t: '1' } });
    story.apply(v1, 'a', { volume: 1, tags: { t: '1' } });
    assert.deepEqual(story.content, { volume: 1, tags: { t: '1' } });
    assert.deepEqual(story.owners, ['a Apply v1: .tags.t .volume']);
  });

  it('are nobody’s once nobody serves the version they were written in', () => {
    const story = startStory();
    story.update(v1, 'old', { volume: 1 });
    story.setVersion('old', 'test.io/v1alpha1');
    assert.equal(
      refusal(() => story.apply(v1, 'me', { volume: 2 })),
      'accepted',
    );
    assert.deepEqual(story.owners, ['me Apply v1: .volume']);
    story.setVersion('me', 'test.io/v1alpha1');
    story.apply(v1, 'me', { tags: { t: '1' } });
    assert.deepEqual(story.content, { volume: 2, tags: { t: '1' } });
  });
});

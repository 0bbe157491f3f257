import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import {
  differenceOf,
  type FieldSet,
  type FieldTree,
  hasPath,
  insertPath,
  intersectionOf,
  keyElement,
  pathsOf,
  pathText,
  readSet,
  sortedSet,
  unionOf,
  withoutSubtrees,
} from './field-set.ts';

// The same cases in every run.
fc.configureGlobal({ seed: 1 });

const elements = ['f:a', 'f:b', 'k:{"n":1}', 'v:"x"'];
const paths = fc.array(fc.array(fc.constantFrom(...elements), { minLength: 1, maxLength: 3 }), {
  maxLength: 8,
});

const setOf = (members: readonly (readonly string[])[]): FieldSet => {
  const set: FieldTree = {};
  for (const path of members) insertPath(set, path);
  return set;
};
/** The members as texts, which is what a set is. */
const membersOf = (set: FieldSet): Set<string> => new Set(pathsOf(set).map((path) => path.join(' ')));
const textsOf = (members: readonly (readonly string[])[]): Set<string> =>
  new Set(members.map((path) => path.join(' ')));

describe('a set of fields', () => {
  it('holds what was put into it, in whatever order', () => {
    fc.assert(
      fc.property(paths, (members) => {
        const set = setOf(members);
        assert.deepEqual(membersOf(set), textsOf(members));
        assert.deepEqual(setOf(members.toReversed()), set);
        for (const path of members) assert.ok(hasPath(set, path));
        assert.deepEqual(readSet(set), set);
        assert.deepEqual(sortedSet(set), set);
      }),
    );
  });

  it('unites, intersects and differs as sets do', () => {
    fc.assert(
      fc.property(paths, paths, (left, right) => {
        const [a, b] = [setOf(left), setOf(right)];
        assert.deepEqual(membersOf(unionOf(a, b)), textsOf([...left, ...right]));
        assert.deepEqual(membersOf(intersectionOf(a, b)), membersOf(a).intersection(membersOf(b)));
        assert.deepEqual(membersOf(differenceOf(a, b)), membersOf(a).difference(membersOf(b)));
        const isBelow = (path: string): boolean =>
          [...membersOf(b)].some((top) => path === top || path.startsWith(`${top} `));
        assert.deepEqual(
          membersOf(withoutSubtrees(a, b)),
          new Set([...membersOf(a)].filter((path) => !isBelow(path))),
        );
      }),
    );
  });

  it('is written in order: itself, fields, keys with numbers as numbers, values, indexes', () => {
    const set = setOf([
      ['i:0'],
      ['v:"b"'],
      ['v:"a"'],
      ['v:2'],
      ['v:10'],
      ['k:{"port":443,"protocol":"TCP"}'],
      ['k:{"port":80,"protocol":"UDP"}'],
      ['k:{"port":80,"protocol":"TCP"}'],
      ['f:z'],
      ['f:a', 'f:b'],
      ['f:a'],
    ]);
    assert.deepEqual(Object.keys(sortedSet(set)), [
      'f:a',
      'f:z',
      'k:{"port":80,"protocol":"TCP"}',
      'k:{"port":80,"protocol":"UDP"}',
      'k:{"port":443,"protocol":"TCP"}',
      'v:2',
      'v:10',
      'v:"a"',
      'v:"b"',
      'i:0',
    ]);
    assert.deepEqual(sortedSet(set)['f:a'], { '.': {}, 'f:b': {} });
  });

  it('shows paths as people read them, and escapes as Go does', () => {
    const key = keyElement([
      ['a', '<&>'],
      ['b', 1],
    ]);
    assert.equal(key, 'k:{"a":"\\u003c\\u0026\\u003e","b":1}');
    assert.equal(pathText(['f:spec', key, 'v:true', 'i:3']), '.spec[a="<&>",b=1][=true][3]');
  });

  it('is read from what clients write: keys in order, what nobody knows gone', () => {
    const written = { 'f:spec': { 'k:{"protocol":"TCP","port":80}': {}, 'x:y': {}, odd: {}, 'v:1.0': {} } };
    assert.deepEqual(readSet(written), { 'f:spec': { 'k:{"port":80,"protocol":"TCP"}': {}, 'v:1': {} } });
    for (const wrong of [null, [], 'f:spec', { 'f:a': 1 }, { 'k:{': {} }, { 'k:1': {} }, { 'v:': {} }]) {
      assert.throws(() => readSet(wrong), RangeError);
    }
  });
});

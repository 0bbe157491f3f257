import assert from 'node:assert/strict';
import { test } from 'node:test';
import { deepEqual } from './deep-equal.ts';

const cases: [name: string, a: unknown, b: unknown, equal: boolean][] = [
  ['equal scalars', 1, 1, true],
  ['NaN equals itself', NaN, NaN, true],
  ['a number is not its text', 1, '1', false],
  ['null is not absent', { a: null }, {}, false],
  ['an undefined member equals an absent one', { a: 1, b: undefined }, { a: 1 }, true],
  ['an absent member equals an undefined one', { a: 1 }, { a: 1, b: undefined }, true],
  ['the order of members does not matter', { a: 1, b: 2 }, { b: 2, a: 1 }, true],
  ['the order of items does', [1, 2], [2, 1], false],
  ['a list that is a prefix', [1], [1, 2], false],
  ['nested difference', { a: [{ b: 1 }] }, { a: [{ b: 2 }] }, false],
  ['nested equality', { a: [{ b: 1 }] }, { a: [{ b: 1 }] }, true],
  ['a list is not an object', [], {}, false],
  ['null is not an object', null, {}, false],
  ['one member more', { a: 1 }, { a: 1, b: 2 }, false],
];

for (const [name, a, b, equal] of cases) {
  test(name, () => {
    assert.equal(deepEqual(a, b), equal);
    assert.equal(deepEqual(b, a), equal);
  });
}

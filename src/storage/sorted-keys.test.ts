import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { compareKeys, createSortedKeys } from './sorted-keys.ts';

const inUtf8Order = (a: string, b: string): number => Buffer.compare(Buffer.from(a), Buffer.from(b));
const aKey = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 4 }),
  fc.string({
    unit: fc.constantFrom('a', '\ud7ff', '\ue000', '\uffff', '\u{10000}', '\u{10ffff}'),
    maxLength: 3,
  }),
);

describe('sorted keys', () => {
  it('compares as the UTF-8 bytes do', () => {
    fc.assert(
      fc.property(aKey, aKey, (a, b) => {
        assert.equal(Math.sign(compareKeys(a, b)), inUtf8Order(a, b));
      }),
      { numRuns: 2000 },
    );
  });

  it('keeps any keys in that order, also when the first of them above U+D7FF comes late', () => {
    fc.assert(
      fc.property(fc.array(aKey), fc.array(aKey), (first, later) => {
        const keys = createSortedKeys();
        const all = [...first.filter((key) => !/[\ud800-\uffff]/.test(key)), ...later].filter(
          (key) => key !== '',
        );
        for (const key of all) keys.add(key);
        assert.deepEqual(keys.slice(0, Infinity), [...new Set(all)].sort(inUtf8Order));
        for (const key of all) keys.delete(key);
        assert.equal(keys.size, 0);
      }),
      { numRuns: 300 },
    );
  });

  it('stays sorted through thousands of additions and deletions in any order', () => {
    const keys = createSortedKeys();
    const model = new Set<string>();
    let seed = 7;
    for (let i = 0; i < 8000; i++) {
      seed = (seed * 1103515245 + 12345) % 2147483648;
      const key = `k${seed % 3000}`;
      if (i < 4000 || seed % 3 > 0) {
        keys.add(key);
        model.add(key);
      } else {
        keys.delete(key);
        model.delete(key);
      }
    }
    const sorted = [...model].sort(inUtf8Order);
    assert.equal(keys.size, sorted.length);
    assert.deepEqual(keys.slice(0, Infinity), sorted);
    assert.deepEqual(keys.slice(500, 1200), sorted.slice(500, 1200));
    for (const key of ['', 'k', 'k15', sorted[777] ?? '', 'z']) {
      const before = sorted.filter((other) => inUtf8Order(other, key) < 0).length;
      assert.equal(
        keys.rank((other) => compareKeys(other, key) < 0),
        before,
      );
    }
    for (const key of sorted) keys.delete(key);
    assert.deepEqual([keys.size, keys.slice(0, 10)], [0, []]);
    keys.add('again');
    assert.deepEqual(keys.slice(0, 10), ['again']);
  });
});

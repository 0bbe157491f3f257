import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { createBitmap } from './bitmap.ts';

// The same cases in every run.
fc.configureGlobal({ seed: 1 });

const anOp = (size: number) =>
  fc.record({ op: fc.constantFrom('set', 'clear', 'findFree'), at: fc.nat(size - 1), end: fc.nat(size + 5) });

describe('bitmap', () => {
  it('behaves like a set of numbers', () => {
    const runs = fc
      .integer({ min: 1, max: 100 })
      .chain((size) => fc.tuple(fc.constant(size), fc.array(anOp(size), { maxLength: 120 })));
    fc.assert(
      fc.property(runs, ([size, ops]) => {
        const bitmap = createBitmap(size);
        const model = new Set<number>();
        for (const { op, at, end } of ops) {
          if (op === 'set') assert.equal(bitmap.set(at), !model.has(at) && model.add(at) === model);
          else if (op === 'clear') assert.equal(bitmap.clear(at), model.delete(at));
          else {
            let expected: number | undefined = at;
            while (expected < Math.min(end, size) && model.has(expected)) expected++;
            if (expected >= Math.min(end, size)) expected = undefined;
            assert.equal(bitmap.findFree(at, end), expected);
          }
        }
        assert.equal(bitmap.count(), model.size);
        for (let i = 0; i < size; i++) assert.equal(bitmap.has(i), model.has(i));
      }),
      { numRuns: 300 },
    );
  });

  it('finds the one free slot of a full bitmap, and none when it is taken', () => {
    const bitmap = createBitmap(65536);
    for (let i = 0; i < 65536; i++) bitmap.set(i);
    bitmap.clear(65535);
    assert.equal(bitmap.findFree(0), 65535);
    assert.equal(bitmap.findFree(0, 65535), undefined);
    bitmap.set(65535);
    assert.equal(bitmap.findFree(0), undefined);
    assert.equal(bitmap.count(), 65536);
  });

  it('refuses offsets and sizes that do not fit', () => {
    const bitmap = createBitmap(10);
    for (const offset of [-1, 10, 0.5, NaN]) {
      assert.throws(() => bitmap.has(offset), RangeError);
      assert.throws(() => bitmap.set(offset), RangeError);
      assert.throws(() => bitmap.clear(offset), RangeError);
    }
    assert.throws(() => createBitmap(-1), RangeError);
  });
});

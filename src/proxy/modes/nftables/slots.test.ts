import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { slotsOf } from './slots.ts';

// The same cases in every run.
fc.configureGlobal({ seed: 1 });

const endpoints = (...weights: readonly number[]): Parameters<typeof slotsOf>[0] =>
  weights.map((weight, i) => ({
    ip: `10.244.${i >> 8}.${i & 255}`,
    port: 80,
    isLocal: true,
    ...(weight === 1 ? {} : { weight }),
  }));

function counts(...weights: readonly number[]): number[] {
  const given = endpoints(...weights);
  const slots = slotsOf(given);
  return given.map(({ ip }) => slots.filter((slot) => slot.ip === ip).length);
}

describe('slots', () => {
  const table: Record<string, { weights: number[]; slots: number[] }> = {
    'one each without weights': { weights: [1, 1, 1], slots: [1, 1, 1] },
    'one each with the same weight': { weights: [7, 7], slots: [1, 1] },
    'what weights have in common is taken out': { weights: [300, 100, 200], slots: [3, 1, 2] },
    'exact up to 64': { weights: [63, 1], slots: [63, 1] },
    'the nearest proportion above, nobody left out': { weights: [65_535, 1, 1], slots: [62, 1, 1] },
    'shares that are not whole': { weights: [1000, 1001], slots: [32, 32] },
  };
  for (const [sentence, { weights, slots }] of Object.entries(table)) {
    it(sentence, () => assert.deepEqual(counts(...weights), slots));
  }

  it('are at most 64, or two for each endpoint, and within one of the share of who has a slot or more', () => {
    const weights = fc.array(fc.integer({ min: 1, max: 65_535 }), { minLength: 1, maxLength: 80 });
    fc.assert(
      fc.property(weights, (list) => {
        const found = counts(...list);
        const n = found.reduce((sum, each) => sum + each, 0);
        assert.ok(n <= Math.max(64, 2 * list.length));
        assert.ok(found.every((each) => each >= 1));
        const total = list.reduce((sum, each) => sum + each, 0);
        const isCrowded = list.some((each) => (each * n) / total < 1);
        for (const [i, each] of found.entries()) {
          if (!isCrowded) assert.ok(Math.abs(each - ((list[i] ?? 0) * n) / total) <= 1);
        }
      }),
    );
  });
});

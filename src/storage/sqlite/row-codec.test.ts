import assert from 'node:assert/strict';
import { it } from 'node:test';
import fc from 'fast-check';
import { packRows, unpackRows } from './row-codec.ts';

// The same cases in every run.
fc.configureGlobal({ seed: 1 });

const aRow = fc.record(
  {
    revision: fc.maxSafeNat(),
    createRevision: fc.maxSafeNat(),
    key: fc.uint8Array({ maxLength: 20 }),
    value: fc.option(fc.uint8Array({ maxLength: 50 })),
  },
  { noNullPrototype: true },
);

it('brings rows back from one buffer', () => {
  fc.assert(
    fc.property(fc.array(aRow), (rows) => {
      assert.deepEqual([...unpackRows(packRows(rows))], rows);
    }),
  );
});

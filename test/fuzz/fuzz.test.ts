import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import fc from 'fast-check';
import { startFuzzed, type Fuzzed } from './server.ts';

/** For each property; all of them together about ten seconds. Without a budget: `node test/fuzz.ts`. */
const BUDGET_MS = 1400;

let fuzzed: Fuzzed;
before(async () => {
  fuzzed = await startFuzzed();
});
after(() => fuzzed.stop());

test('whatever a client sends, it gets an answer that says what is wrong, and others are served', async (t) => {
  for (const { sentence, property } of fuzzed.properties) {
    await t.test(sentence, async () => {
      const options = {
        numRuns: 1_000_000,
        interruptAfterTimeLimit: BUDGET_MS,
        markInterruptAsFailure: false,
      };
      const { failed, numRuns, ...details } = await fc.check(property, options);
      assert.ok(!failed, fc.defaultReportMessage({ failed, numRuns, ...details } as fc.RunDetails<unknown>));
      assert.ok(numRuns >= 3, `${numRuns} runs are none`);
    });
  }
  assert.deepEqual(fuzzed.errors(), []);
});

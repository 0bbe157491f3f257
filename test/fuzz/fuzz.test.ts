import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import fc from 'fast-check';
import { startFuzzed, type Fuzzed } from './server.ts';

// The same cases in every run.
fc.configureGlobal({ seed: 1 });

/** For each property; all of them together about ten seconds. Without a budget: `node test/fuzz.ts`. */
const BUDGET_MS = 1400;
const LEAST_RUNS = 5;

let fuzzed: Fuzzed;
before(async () => {
  fuzzed = await startFuzzed();
});
after(() => fuzzed.stop());

test('whatever a client sends, it gets an answer that says what is wrong, and others are served', async (t) => {
  for (const { sentence, property } of fuzzed.properties) {
    await t.test(sentence, async () => {
      const limit = { numRuns: 1_000_000, interruptAfterTimeLimit: BUDGET_MS, markInterruptAsFailure: false };
      const inTime = await fc.check(property, limit);
      // On a machine that is busy with something else the time may be over before anything has run.
      const runs = inTime.numRuns < LEAST_RUNS ? await fc.check(property, { numRuns: LEAST_RUNS }) : inTime;
      for (const run of [inTime, runs]) assert.ok(!run.failed, fc.defaultReportMessage(run));
      assert.ok(runs.numRuns >= LEAST_RUNS);
    });
  }
  assert.deepEqual(fuzzed.errors(), []);
});

// `node test/fuzz.ts [SECONDS]`: the fuzzer without a budget, or with so much for each round of a property; ends at the first failure.
import fc from 'fast-check';
import { startFuzzed } from './fuzz/server.ts';

const seconds = Number(process.argv[2] ?? 30);
const { properties, errors } = await startFuzzed();
for (let round = 1; ; round++) {
  for (const { sentence, property } of properties) {
    const options = { numRuns: 1e9, interruptAfterTimeLimit: seconds * 1000, markInterruptAsFailure: false };
    const outcome = await fc.check(property, options);
    process.stdout.write(`round ${round}: ${sentence}: ${outcome.numRuns} runs, seed ${outcome.seed}\n`);
    if (outcome.failed || errors().length > 0) {
      process.stdout.write(`${fc.defaultReportMessage(outcome) ?? ''}\n${errors().join('\n')}\n`);
      process.exit(1);
    }
  }
}

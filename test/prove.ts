// `npm run prove`: the proof that every proxy mode does what the model says, over as many random clusters as are asked for.
//   --runs=N   clusters for each mode and family (default 10 000)
//   --seed=N   the same clusters again (default: another seed each time, which is printed)
//   --mode=M   nftables, iptables, ipvs or userspace only
//   --faults=N single faults are planted into so many clusters of each mode; kinds that nobody notices are listed (default 0)
import { parseArgs } from 'node:util';
import fc from 'fast-check';
import { iptablesProof } from '../src/testing/proof/iptables-proof.ts';
import { ipvsProof } from '../src/testing/proof/ipvs-proof.ts';
import { nftablesProof } from '../src/testing/proof/nftables-proof.ts';
import { noticed, plantFaults } from '../src/testing/proof/proof-tests.ts';
import { userspaceProof } from '../src/testing/proof/userspace-proof.ts';
import { arbitraryProxyState } from '../src/testing/random-proxy-state.ts';

const { values } = parseArgs({
  options: {
    runs: { type: 'string', default: '10000' },
    seed: { type: 'string', default: String(Date.now() % 2 ** 31) },
    mode: { type: 'string' },
    faults: { type: 'string', default: '0' },
  },
});
const [numRuns, seed, nFaulty] = [Number(values.runs), Number(values.seed), Number(values.faults)];
const proofs = [nftablesProof, iptablesProof, ipvsProof, userspaceProof].filter(
  ({ mode }) => values.mode === undefined || values.mode === mode,
);
if (proofs.length === 0 || ![numRuns, seed, nFaulty].every(Number.isSafeInteger)) {
  process.stderr.write('usage: node test/prove.ts [--runs=N] [--seed=N] [--mode=MODE] [--faults=N]\n');
  process.exit(2);
}

const say = (text: string): boolean => process.stdout.write(`${text}\n`);
for (const proof of proofs) {
  for (const family of ['IPv4', 'IPv6'] as const) {
    const startMs = performance.now();
    const property = fc.asyncProperty(arbitraryProxyState(family), async (state) =>
      (await proof.program(state)).check(),
    );
    const outcome = await fc.check(property, { numRuns, seed });
    const seconds = ((performance.now() - startMs) / 1000).toFixed(1);
    say(
      `${proof.mode} ${family}: ${outcome.numRuns} clusters in ${seconds} s, seed ${outcome.seed}: ${outcome.failed ? 'different' : 'no difference'}`,
    );
    if (outcome.failed) {
      say(fc.defaultReportMessage(outcome) ?? '');
      process.exitCode = 1;
    }
  }
  if (nFaulty === 0) continue;
  const { yes, no } = noticed(
    await plantFaults(proof, 'IPv4', { numRuns: nFaulty, seed, mostTries: nFaulty }),
  );
  say(
    `${proof.mode}: ${yes.length} kinds of single faults noticed, ${no.length} not${no.map((kind) => `\n  ${kind}`).join('')}`,
  );
}

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { stopCoverage } from 'node:v8';
import fc from 'fast-check';
import { arbitraryProxyState } from '../random-proxy-state.ts';
import type { IpFamily } from '../../net/ip.ts';
import type { ModeProof } from './mode-proof.ts';

/** Random clusters for each mode in one run of the tests, half of them in each family. */
export const CLUSTERS = 2000;

/** The same clusters in every run of the tests; `npm run prove` looks at others. */
const SEED = 1;
/** Faults are planted into so many clusters, always the same ones. */
const FAULTY_CLUSTERS = 60;
/** Tries of one kind of fault in the tests: many rules concern few clusters. */
const MOST_TRIES = 18;

/** For each kind of fault how often it was planted, until it was noticed. */
export type Planted = ReadonlyMap<string, { readonly n: number; readonly isNoticed: boolean }>;

/**
 * Plants every kind of fault into random clusters until the proof has noticed it, at most one of a kind into each cluster, and until
 * `enough` kinds were noticed (default: all).
 */
export async function plantFaults(
  proof: ModeProof,
  family: IpFamily,
  run: { numRuns: number; seed: number; mostTries: number; enough?: number },
): Promise<Planted> {
  const { mostTries, enough = Infinity, ...sample } = run;
  const planted = new Map<string, { n: number; isNoticed: boolean }>();
  for (const state of fc.sample(arbitraryProxyState(family), sample)) {
    if (noticed(planted).yes.length >= enough) break;
    const proven = await proof.program(state);
    const here = new Set<string>();
    for (const { kind, plant } of proven.faults()) {
      const { n = 0, isNoticed = false } = planted.get(kind) ?? {};
      if (isNoticed || here.has(kind) || proof.unseen(kind) || n >= mostTries) continue;
      here.add(kind);
      const undo = plant();
      planted.set(kind, { n: n + 1, isNoticed: isDifferent(() => proven.check()) });
      undo();
    }
  }
  return planted;
}

function isDifferent(check: () => void): boolean {
  try {
    check();
    return false;
  } catch (error) {
    if (error instanceof Error && error.name === 'Difference') return true;
    throw error;
  }
}

/** Kinds of faults that were noticed, and those that were not. */
export function noticed(planted: Planted): {
  readonly yes: readonly string[];
  readonly no: readonly string[];
} {
  const kinds = (isNoticed: boolean): string[] =>
    [...planted].filter(([, each]) => each.isNoticed === isNoticed).map(([kind]) => kind);
  return { yes: kinds(true), no: kinds(false) };
}

/**
 * The proof of a mode as tests: over random clusters in both families, and that of the single faults it could have at least `leastKinds` kinds
 * are noticed. Those that are not concern clusters that are rare: `npm run prove` plants them into more.
 */
export function describeProof(proof: ModeProof, { leastKinds }: { readonly leastKinds: number }): void {
  // Counting what is run makes the loops of a proof two to three times as slow; other tests run the same lines.
  stopCoverage();
  for (const family of ['IPv4', 'IPv6'] as const) {
    describe(`${family}: what the ${proof.mode} mode makes is what the model says`, () => {
      it(`for every client and frontend of ${CLUSTERS / 2} random clusters`, () =>
        fc.assert(
          fc.asyncProperty(arbitraryProxyState(family), async (state) =>
            (await proof.program(state)).check(),
          ),
          { numRuns: CLUSTERS / 2, seed: SEED },
        ));
    });
  }
  it(`notices single faults of all kinds in what the ${proof.mode} mode makes`, async () => {
    const run = { numRuns: FAULTY_CLUSTERS, seed: 7, mostTries: MOST_TRIES, enough: leastKinds };
    const { yes, no } = noticed(await plantFaults(proof, 'IPv4', run));
    assert.ok(
      yes.length >= leastKinds,
      `${yes.length} kinds of faults were noticed, and not ${no.join('\n')}`,
    );
  });
}

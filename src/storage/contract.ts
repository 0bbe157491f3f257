import { describe, it } from 'node:test';
import { commitCases } from './contract/commits.ts';
import type { ContractCases } from './contract/fixture.ts';
import { readCases } from './contract/reads.ts';
import { compactionCases, watchCases } from './contract/watches.ts';
import type { Store } from './store.ts';

/** The suite every store passes. `open` returns a store never written before; it is closed here. */
export function describeStore(name: string, open: () => Promise<Store>): void {
  const groups: Readonly<Record<string, ContractCases>> = {
    reads: readCases,
    commits: commitCases,
    watches: watchCases,
    compaction: compactionCases,
  };
  for (const [group, cases] of Object.entries(groups)) {
    void describe(`${name}: ${group}`, () => {
      for (const [sentence, run] of Object.entries(cases)) {
        void it(sentence, { timeout: 20_000 }, async () => {
          const store = await open();
          try {
            await run(store);
          } finally {
            await store.close();
          }
        });
      }
    });
  }
}

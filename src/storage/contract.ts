import { describe, it } from 'node:test';
import { commitCases } from './contract/commits.ts';
import type { ContractCases } from './contract/fixture.ts';
import { localCases } from './contract/local.ts';
import { readCases } from './contract/reads.ts';
import { compactionCases, watchCases } from './contract/watches.ts';
import type { Store } from './store.ts';

export interface ContractOptions {
  /** Others may write to the store, too: it need not judge commits in the order of the calls, for instance. */
  readonly isShared?: boolean;
}

/** The suite every store passes. `open` returns a store never written before; it is closed here. */
export function describeStore(
  name: string,
  open: () => Promise<Store>,
  { isShared = false }: ContractOptions = {},
): void {
  const groups: Readonly<Record<string, ContractCases>> = {
    reads: readCases,
    commits: commitCases,
    watches: watchCases,
    compaction: compactionCases,
    ...(isShared ? {} : { 'of one process': localCases }),
  };
  for (const [group, cases] of Object.entries(groups)) {
    void describe(`${name}: ${group}`, () => {
      for (const [sentence, run] of Object.entries(cases)) {
        void it(sentence, { timeout: 400_000 }, async () => {
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

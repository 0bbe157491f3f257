import assert from 'node:assert/strict';
import { it } from 'node:test';
import { createMemoryStore } from '../../../storage/memory/memory-store.ts';
import type { Store } from '../../../storage/store.ts';
import { createCompaction } from './housekeeping.ts';

/** A server that has seen everything, and the revisions it compacted to. */
function serverOn(store: Store, compacted: number[]) {
  let revision = 0;
  const counting: Store = {
    ...store,
    compact: (before) => {
      compacted.push(before);
      return store.compact(before);
    },
  };
  return {
    see: async () => void ({ revision } = await store.list('', { limit: 0 })),
    compact: createCompaction({
      store: counting,
      cache: {
        get revision() {
          return revision;
        },
      },
    }),
  };
}

it('of several servers one compacts in each period, to where history stood one period before', async () => {
  const store = createMemoryStore();
  const write = (n: number) => store.commit([{ key: 'k', value: new TextEncoder().encode(String(n)) }]);
  const compacted: number[] = [];
  const servers = [serverOn(store, compacted), serverOn(store, compacted), serverOn(store, compacted)];
  const ends: number[] = [];
  for (let period = 0; period < 5; period++) {
    await write(period);
    for (const server of servers) await server.see();
    ends.push((await store.list('', { limit: 0 })).revision);
    for (const server of servers) await server.compact();
  }
  // Nothing in the first period, for there is nothing older; then once in each.
  assert.equal(compacted.length, 4);
  for (const [i, revision] of compacted.entries()) {
    assert.ok(revision <= (ends[i] ?? 0), `compacted to ${revision}, which was not history at ${ends[i]}`);
    assert.ok(i === 0 || revision > (compacted[i - 1] ?? 0), 'it did not go on');
  }
});

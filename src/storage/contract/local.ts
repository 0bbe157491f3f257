import assert from 'node:assert/strict';
import { setImmediate as turn } from 'node:timers/promises';
import { commit, isCompacted, never, put, text } from './fixture.ts';
import type { ContractCases } from './fixture.ts';

/** What a store that one process has to itself can promise beyond the rest. */
export const localCases: ContractCases = {
  'commits made at the same time are judged one after the other': async (store) => {
    const writes = Array.from({ length: 10 }, (_, i) => store.commit([put('a', String(i), 'absent')]));
    const results = await Promise.all(writes);
    assert.deepEqual(
      results.map(({ ok }) => ok),
      [true, ...new Array<boolean>(9).fill(false)],
    );
    assert.equal(text(await store.get('a')), '0');
  },

  'a commit is told before or when it is answered, and can be read when it is told': async (store) => {
    const seen: number[] = [];
    const watching = (async () => {
      for await (const { revision } of store.watch('a', 0, never())) {
        assert.equal((await store.get('a'))?.revision, revision);
        seen.push(revision);
        if (revision === 3) return;
      }
    })();
    await turn();
    for (const value of ['1', '2', '3']) {
      const revision = await commit(store, put('a', value));
      await turn();
      assert.equal(seen.at(-1), revision);
    }
    await watching;
  },

  'a watch that falls behind a compaction is told so': async (store) => {
    for (const value of ['1', '2', '3', '4']) await commit(store, put('a', value));
    const slow = store.watch('', 0, never())[Symbol.asyncIterator]();
    assert.equal((await slow.next()).done, false);
    await store.compact(3);
    await assert.rejects(slow.next(), isCompacted(3, 4));
  },
};

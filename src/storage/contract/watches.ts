import assert from 'node:assert/strict';
import { setImmediate as turn } from 'node:timers/promises';
import { batchText, commit, isCompacted, never, put, remove, take, until } from './fixture.ts';
import type { ContractCases } from './fixture.ts';
import type { Store } from '../store.ts';

/** Revisions 1 to 4 over the keys a/1 a/2 b/1. */
async function fill(store: Store): Promise<void> {
  await commit(store, put('a/1', 'x'), put('b/1', 'x'));
  await commit(store, put('b/1', 'y'));
  await commit(store, put('a/2', 'x'), put('a/1', 'y'));
  await commit(store, remove('a/1'), remove('nothing'));
}

const filled = {
  1: '1: put a/1=x, put b/1=x',
  2: '2: put b/1=y<x',
  3: '3: put a/2=x, put a/1=y<x',
  4: '4: delete a/1<y',
};

export const watchCases: ContractCases = {
  'a watch from the past tells each commit with its revision and what was there before': async (store) => {
    await fill(store);
    assert.deepEqual(await take(store.watch('', 0, never()), 4), Object.values(filled));
    assert.deepEqual(await take(store.watch('', 2, never()), 2), [filled[3], filled[4]]);
  },

  'a watch tells only what is under its prefix': async (store) => {
    await fill(store);
    const expected = ['1: put a/1=x', filled[3], filled[4]];
    assert.deepEqual(await take(store.watch('a/', 0, never()), 3), expected);
    assert.deepEqual(await take(store.watch('b/', 1, never()), 1), [filled[2]]);
  },

  'a delete carries its own revision and the deleted entry': async (store) => {
    await commit(store, put('a', 'x'));
    await commit(store, remove('a'));
    for await (const { events } of store.watch('', 1, never())) {
      const [event] = events;
      assert.ok(event?.type === 'delete');
      assert.deepEqual([event.revision, event.previous.revision], [2, 1]);
      break;
    }
  },

  'a watch goes on from the past into the future without a seam': async (store) => {
    await fill(store);
    const watched = take(store.watch('b', 1, never()), 3);
    await commit(store, put('c', '1'));
    await commit(store, put('b/2', '1'));
    await turn();
    await commit(store, put('b/2', '2'));
    assert.deepEqual(await watched, [filled[2], '6: put b/2=1', '7: put b/2=2<1']);
  },

  'a watch from a revision still to come is silent until it is past': async (store) => {
    const watched = take(store.watch('', 2, never()), 1);
    await turn();
    for (const value of ['1', '2', '3']) await commit(store, put('a', value));
    assert.deepEqual(await watched, ['3: put a=3<2']);
  },

  'several watches see the same commits in the same order, without gaps, under concurrent writers': async (
    store,
  ) => {
    const watches = Array.from({ length: 5 }, () => take(store.watch('', 0, never()), 200));
    await Promise.all(
      Array.from({ length: 20 }, async (_, writer) => {
        for (let i = 0; i < 10; i++) await commit(store, put(`k${writer}`, String(i)));
      }),
    );
    const late = take(store.watch('', 0, never()), 200);
    const [first = [], ...others] = await Promise.all([...watches, late]);
    assert.deepEqual(
      first.map((line) => parseInt(line)),
      Array.from({ length: 200 }, (_, i) => i + 1),
    );
    for (const other of others) assert.deepEqual(other, first);
  },

  'what a watch tells can be read': async (store) => {
    const watching = (async () => {
      for await (const { revision, events } of store.watch('a', 0, never())) {
        if (events.length === 0) continue;
        const entry = await store.get('a');
        assert.ok((entry?.revision ?? 0) >= revision);
        if (revision === 3) return;
      }
    })();
    for (const value of ['1', '2', '3']) await commit(store, put('a', value));
    await watching;
  },

  'an abort ends a watch quietly, whether it waits, has work left or has not begun': async (store) => {
    await fill(store);
    const waiting = new AbortController();
    const ended = take(store.watch('', 4, waiting.signal), 1);
    await turn();
    waiting.abort();
    assert.deepEqual(await ended, []);
    assert.deepEqual(await take(store.watch('', 0, AbortSignal.abort()), 1), []);
    const busy = new AbortController();
    let n = 0;
    for await (const _ of store.watch('', 0, busy.signal)) {
      n++;
      busy.abort();
    }
    assert.equal(n, 1);
  },

  'close ends every watch quietly': async (store) => {
    await fill(store);
    const watches = [take(store.watch('', 4, never()), 1), take(store.watch('zzz', 0, never()), 1)];
    await turn();
    await store.close();
    assert.deepEqual(await Promise.all(watches), [[], []]);
  },
};

export const compactionCases: ContractCases = {
  'history before the compacted revision is gone, the rest and the keys stay': async (store) => {
    await fill(store);
    await store.compact(2);
    await assert.rejects(take(store.watch('', 1, never()), 1), isCompacted(2, 4));
    await assert.rejects(store.list('', { at: 1 }), isCompacted(2, 4));
    assert.deepEqual(await take(store.watch('', 2, never()), 2), [filled[3], filled[4]]);
    const old = await store.list('', { at: 2 });
    assert.deepEqual(
      old.entries.map(({ key, revision }) => `${key}@${revision}`),
      ['a/1@1', 'b/1@2'],
    );
    assert.equal((await store.list('')).entries.length, 2);
    assert.equal(await commit(store, put('a/1', 'z')), 5);
  },

  'compaction never goes back and never beyond the present': async (store) => {
    await fill(store);
    await store.compact(3);
    await store.compact(1);
    await store.compact(0);
    await assert.rejects(store.list('', { at: 2 }), isCompacted(3, 4));
    await store.compact(1000);
    await assert.rejects(store.list('', { at: 3 }), isCompacted(4, 4));
    assert.equal((await store.list('', { at: 4 })).revision, 4);
    assert.equal(await commit(store, put('n', '1')), 5);
    assert.deepEqual(await take(store.watch('', 4, never()), 1), ['5: put n=1']);
  },

  'a watch that has kept up does not notice a compaction': async (store) => {
    await fill(store);
    const seen: string[] = [];
    const watching = (async () => {
      for await (const batch of store.watch('', 4, never())) {
        if (batch.events.length > 0) seen.push(batchText(batch));
        if (seen.length === 3) return;
      }
    })();
    const other = take(store.watch('a/9', 4, never()), 1);
    await commit(store, put('a/8', '1'));
    await until(() => seen.length === 1, 'the watch was not told of revision 5');
    await store.compact(5);
    await commit(store, put('b/1', '1'));
    await until(() => seen.length === 2, 'the watch was not told of revision 6');
    await store.compact(6);
    await commit(store, put('a/9', '1'));
    await watching;
    assert.deepEqual(seen, ['5: put a/8=1', '6: put b/1=1<y', '7: put a/9=1']);
    assert.deepEqual(await other, ['7: put a/9=1']);
  },

  'compactions and commits at the same time all come to an end': async (store) => {
    await Promise.all(
      Array.from({ length: 50 }, async (_, i) => {
        await commit(store, put(`k${i % 7}`, String(i)), remove(`k${(i + 3) % 7}`));
        await store.compact(i);
      }),
    );
    const { revision } = await store.list('');
    assert.equal(revision, 50);
    await store.compact(revision);
    await assert.rejects(store.list('', { at: revision - 1 }), isCompacted(50, 50));
  },
};

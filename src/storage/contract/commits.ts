import assert from 'node:assert/strict';
import { bytes, commit, put, remove, text, texts } from './fixture.ts';
import type { ContractCases } from './fixture.ts';
import type { Store } from '../store.ts';

const keysInConflict = async (store: Store, ...writes: Parameters<Store['commit']>[0]): Promise<string[]> => {
  const result = await store.commit(writes);
  assert.ok(!result.ok, 'the commit was accepted');
  return result.conflicts.map(({ key, current }) => `${key}@${current?.revision ?? 'absent'}`);
};

/** Adds one to the number at `key`, trying again after each conflict. Returns how often it had to. */
async function increment(store: Store, key: string): Promise<number> {
  for (let nConflicts = 0; ; nConflicts++) {
    const entry = await store.get(key);
    const next = String(Number(text(entry) ?? '0') + 1);
    const result = await store.commit([put(key, next, entry?.revision ?? 'absent')]);
    if (result.ok) return nConflicts;
  }
}

export const commitCases: ContractCases = {
  'each commit takes the next revision, whatever it writes': async (store) => {
    assert.equal(await commit(store, put('a', '1')), 1);
    assert.equal(await commit(store, put('a', '1')), 2);
    assert.equal(await commit(store, put('a', '2'), put('b', '1'), put('c', '1')), 3);
    assert.equal(await commit(store, remove('a')), 4);
    assert.equal((await store.get('c'))?.revision, 3);
  },

  'deletes of missing keys and empty commits take no revision': async (store) => {
    assert.equal(await commit(store), 0);
    assert.equal(await commit(store, put('a', '1')), 1);
    assert.equal(await commit(store, remove('x')), 1);
    assert.equal(await commit(store, remove('x', 'absent'), remove('y')), 1);
    assert.equal(await commit(store), 1);
    assert.equal(await commit(store, remove('x'), put('a', '2')), 2);
  },

  'absent is expected: only the first creation succeeds': async (store) => {
    await commit(store, put('a', '1', 'absent'));
    assert.deepEqual(await keysInConflict(store, put('a', '2', 'absent')), ['a@1']);
    assert.equal(text(await store.get('a')), '1');
    await commit(store, remove('a'));
    await commit(store, put('a', '3', 'absent'));
  },

  'a revision is expected: only a writer who knows the newest succeeds': async (store) => {
    const first = await commit(store, put('a', '1'));
    const second = await commit(store, put('a', '2', first));
    assert.deepEqual(await keysInConflict(store, put('a', '3', first)), [`a@${second}`]);
    assert.deepEqual(await keysInConflict(store, remove('a', first)), [`a@${second}`]);
    assert.deepEqual(await keysInConflict(store, put('b', '1', first)), ['b@absent']);
    assert.deepEqual(await keysInConflict(store, remove('b', first)), ['b@absent']);
    await commit(store, remove('a', second));
    assert.equal(await store.get('a'), undefined);
  },

  'one failed expectation keeps every write of the commit out, and all failures are told': async (store) => {
    await commit(store, put('a', '1'), put('b', '1'));
    const writes = [
      put('new', '1', 'absent'),
      put('a', '2', 'absent'),
      remove('b', 99),
      put('c', '1', 7),
      put('free', '1'),
    ];
    assert.deepEqual(await keysInConflict(store, ...writes), ['a@1', 'b@1', 'c@absent']);
    const { entries, revision } = await store.list('');
    assert.deepEqual([texts(entries), revision], [['a=1', 'b=1'], 1]);
  },

  'a conflict shows the entry that stands': async (store) => {
    await commit(store, put('a', 'standing'));
    const result = await store.commit([put('a', 'x', 'absent')]);
    assert.ok(!result.ok);
    assert.deepEqual(result.conflicts, [{ key: 'a', current: await store.get('a') }]);
  },

  'of commits made at the same time that exclude one another exactly one is kept': async (store) => {
    const writes = Array.from({ length: 10 }, (_, i) => store.commit([put('a', String(i), 'absent')]));
    const winners = (await Promise.all(writes)).flatMap(({ ok }, i) => (ok ? [String(i)] : []));
    assert.equal(winners.length, 1);
    assert.equal(text(await store.get('a')), winners[0]);
  },

  '64 writers that compare and swap one counter lose nothing': async (store) => {
    const conflicts = await Promise.all(
      Array.from({ length: 64 }, async () => {
        let nConflicts = 0;
        for (let i = 0; i < 5; i++) nConflicts += await increment(store, 'counter');
        return nConflicts;
      }),
    );
    assert.equal(text(await store.get('counter')), '320');
    assert.equal((await store.list('')).revision, 320);
    assert.ok(
      conflicts.some((n) => n > 0),
      'the writers never met',
    );
  },

  'values are kept byte for byte, whatever buffer they are a part of, and that buffer stays with its owner':
    async (store) => {
      const pool = Uint8Array.from({ length: 256 }, (_, i) => i);
      await commit(
        store,
        { key: 'middle', value: pool.subarray(100, 103) },
        { key: 'none', value: new Uint8Array() },
        { key: 'large', value: new Uint8Array(3_000_000).fill(7) },
      );
      assert.equal(pool.length, 256);
      assert.deepEqual([...((await store.get('middle'))?.value ?? [])], [100, 101, 102]);
      assert.equal((await store.get('none'))?.value.length, 0);
      assert.equal((await store.get('large'))?.value.length, 3_000_000);
    },

  'writes no store can take are refused and harm nothing': async (store) => {
    await assert.rejects(store.commit([put('a', '1'), put('a', '2')]), TypeError);
    await assert.rejects(store.commit([put('', '1')]), TypeError);
    await assert.rejects(store.commit([{ key: 'half \ud800', value: bytes('1') }]), TypeError);
    assert.equal(await commit(store, put('a', '1')), 1);
  },

  'a closed store refuses everything, and closing it again is harmless': async (store) => {
    const running = store.commit([put('a', '1')]);
    await store.close();
    assert.deepEqual(await running, { ok: true, revision: 1 });
    await assert.rejects(store.get('a'), /closed/);
    await assert.rejects(store.list(''), /closed/);
    await assert.rejects(store.commit([put('a', '1')]), /closed/);
    await assert.rejects(store.compact(1), /closed/);
    assert.throws(() => store.watch('', 0, new AbortController().signal), /closed/);
    await store.close();
  },
};

import assert from 'node:assert/strict';
import { commit, put, remove, text, texts } from './fixture.ts';
import type { ContractCases } from './fixture.ts';
import type { Store } from '../store.ts';

/** Every page of a list, each asked for with the last key of the one before. */
async function pages(
  store: Store,
  prefix: string,
  options: { limit: number; at?: number },
): Promise<string[]> {
  const found: string[] = [];
  let after: string | undefined;
  for (;;) {
    const page = await store.list(prefix, after === undefined ? options : { ...options, after });
    after = page.entries.at(-1)?.key;
    found.push(`${page.entries.map((entry) => entry.key).join(' ')} +${page.remaining}`);
    if (page.remaining === 0 || after === undefined) return found;
  }
}

export const readCases: ContractCases = {
  'a store never written is empty at revision 0': async (store) => {
    assert.equal(await store.get('a'), undefined);
    assert.deepEqual(await store.list(''), { entries: [], revision: 0, remaining: 0 });
  },

  'get returns the newest value with the revisions of its write and its creation': async (store) => {
    await commit(store, put('a', '1'));
    await commit(store, put('b', '1'));
    await commit(store, put('a', '2'));
    const entry = await store.get('a');
    assert.equal(text(entry), '2');
    assert.deepEqual([entry?.key, entry?.revision, entry?.createRevision], ['a', 3, 1]);
  },

  'a key that was deleted is gone, and is created anew when written again': async (store) => {
    await commit(store, put('a', '1'));
    await commit(store, remove('a'));
    assert.equal(await store.get('a'), undefined);
    await commit(store, put('a', '2'));
    assert.equal((await store.get('a'))?.createRevision, 3);
  },

  'list returns what begins with the prefix, and nothing beside it': async (store) => {
    await commit(store, put('a', '0'), put('a/1', '1'), put('a/2', '2'), put('a0', '3'), put('b/1', '4'));
    const { entries, revision, remaining } = await store.list('a/');
    assert.deepEqual([texts(entries), revision, remaining], [['a/1=1', 'a/2=2'], 1, 0]);
    assert.deepEqual(texts((await store.list('a')).entries), ['a=0', 'a/1=1', 'a/2=2', 'a0=3']);
    assert.equal((await store.list('')).entries.length, 5);
    assert.equal((await store.list('c')).entries.length, 0);
  },

  'keys come in the order of their UTF-8 bytes': async (store) => {
    const keys = [
      'z',
      'é',
      '\u{ffff}',
      '\u{10000}',
      '\u{1f600}',
      '\ue000',
      'a\u0000b',
      'a',
      'B',
      'ab',
      '\u{10ffff}',
      '日本',
    ];
    for (const key of keys) await commit(store, put(key, key));
    const { entries } = await store.list('');
    const expected = [...keys].sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
    assert.deepEqual(
      texts(entries),
      expected.map((key) => `${key}=${key}`),
    );
    assert.deepEqual(await pages(store, '', { limit: 5 }), [
      `${expected.slice(0, 5).join(' ')} +7`,
      `${expected.slice(5, 10).join(' ')} +2`,
      `${expected.slice(10).join(' ')} +0`,
    ]);
  },

  'pages follow one another and count what remains': async (store) => {
    await commit(store, ...['p1', 'p2', 'p3', 'p4', 'p5', 'q1'].map((key) => put(key, key)));
    assert.deepEqual(await pages(store, 'p', { limit: 2 }), ['p1 p2 +3', 'p3 p4 +1', 'p5 +0']);
    assert.deepEqual(await pages(store, 'p', { limit: 5 }), ['p1 p2 p3 p4 p5 +0']);
    assert.equal((await store.list('p', { limit: 0 })).remaining, 5);
    assert.deepEqual(texts((await store.list('p', { after: 'p3x' })).entries), ['p4=p4', 'p5=p5']);
    assert.deepEqual(texts((await store.list('p', { after: 'a', limit: 1 })).entries), ['p1=p1']);
    assert.deepEqual((await store.list('p', { after: 'z' })).entries, []);
  },

  'an older revision reads as it was, page by page': async (store) => {
    await commit(store, ...['a', 'b', 'd', 'e'].map((key) => put(key, 'old')));
    const at = await commit(store, put('x', 'other'));
    await commit(store, put('a', 'new'), remove('b'), put('c', 'new'));
    await commit(store, remove('e'), put('a', 'newer'));
    const old = await store.list('', { at });
    assert.deepEqual(texts(old.entries), ['a=old', 'b=old', 'd=old', 'e=old', 'x=other']);
    assert.deepEqual([old.revision, old.remaining], [at, 0]);
    assert.deepEqual(await pages(store, '', { at, limit: 2 }), ['a b +3', 'd e +1', 'x +0']);
    const between = await store.list('', { at: at + 1 });
    assert.deepEqual(texts(between.entries), ['a=new', 'c=new', 'd=old', 'e=old', 'x=other']);
    assert.equal((await store.list('', { at: 0 })).entries.length, 0);
  },

  'a revision still to come cannot be read': async (store) => {
    await commit(store, put('a', '1'));
    await assert.rejects(store.list('', { at: 2 }), RangeError);
  },
};

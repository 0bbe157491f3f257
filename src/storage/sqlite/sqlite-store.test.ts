import assert from 'node:assert/strict';
import { once } from 'node:events';
import { statSync } from 'node:fs';
import { text as readAll } from 'node:stream/consumers';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { describeStore } from '../contract.ts';
import { commit, never, put, remove, take, texts } from '../contract/fixture.ts';
import { createMemoryStore } from '../memory/memory-store.ts';
import { StoreError } from '../store.ts';
import type { Store, Write } from '../store.ts';
import { runProgram, temporaryPath } from './fixture.ts';
import { openSqliteStore } from './sqlite-store.ts';

// The same cases in every run.
fc.configureGlobal({ seed: 1 });

describeStore('sqlite store', () => openSqliteStore({ path: temporaryPath() }));

/** Everything a reader can find out, as far back as history goes. */
async function everything(store: Store): Promise<unknown> {
  const now = await store.list('');
  const past: unknown[] = [];
  for (let at = now.revision; at >= 0; at--) {
    const found = await store.list('', { at }).catch((error: Error) => error.message);
    past.push(typeof found === 'string' ? found : plain(found.entries));
    if (typeof found === 'string') {
      past.push(await take(store.watch('', at + 1, never()), now.revision - at - 1));
      break;
    }
  }
  return { revision: now.revision, entries: plain(now.entries), past };
}

const plain = (entries: Awaited<ReturnType<Store['list']>>['entries']): string[] =>
  entries.map((e) => `${e.key}=${Buffer.from(e.value).toString()} ${e.createRevision}..${e.revision}`);

const aKey = fc.constantFrom('a', 'b', 'b/1', 'b/2', 'é', '\u{1f600}');
const aWrite = fc.record(
  {
    key: aKey,
    value: fc.option(fc.string({ maxLength: 5 }).map((text) => Buffer.from(text))),
    expect: fc.oneof(fc.constant('absent' as const), fc.nat(12)),
  },
  { requiredKeys: ['key', 'value'] },
);
type Op = { type: 'commit'; groups: Write[][] } | { type: 'compact'; before: number } | { type: 'reopen' };
const anOp: fc.Arbitrary<Op> = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({
      type: fc.constant('commit' as const),
      groups: fc.array(fc.uniqueArray(aWrite, { maxLength: 3, selector: ({ key }) => key }), {
        maxLength: 4,
      }),
    }),
  },
  { weight: 1, arbitrary: fc.record({ type: fc.constant('compact' as const), before: fc.nat(20) }) },
  { weight: 1, arbitrary: fc.record({ type: fc.constant('reopen' as const) }) },
);

describe('sqlite store against the reference', () => {
  it('answers any sequence of commits, compactions and restarts as the memory store does', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(anOp, { maxLength: 25 }), async (ops) => {
        const path = temporaryPath();
        const memory = createMemoryStore();
        let sqlite = await openSqliteStore({ path });
        try {
          for (const op of ops) {
            if (op.type === 'commit') {
              const results = (store: Store) => Promise.all(op.groups.map((writes) => store.commit(writes)));
              assert.deepEqual(normal(await results(sqlite)), normal(await results(memory)));
            } else if (op.type === 'compact') {
              await Promise.all([sqlite.compact(op.before), memory.compact(op.before)]);
            } else {
              await sqlite.close();
              sqlite = await openSqliteStore({ path });
            }
            assert.deepEqual(await everything(sqlite), await everything(memory));
          }
        } finally {
          await sqlite.close();
        }
      }),
      { numRuns: 25 },
    );
  });
});

/** Loaded values are plain arrays, given ones may be Buffers: compare what they say. */
const normal = (value: unknown): unknown =>
  JSON.parse(
    JSON.stringify(value, (_, inner: unknown) =>
      inner instanceof Uint8Array || (inner instanceof Object && 'data' in inner)
        ? [...Buffer.from('data' in inner ? (inner.data as number[]) : inner)]
        : inner,
    ),
  );

describe('sqlite store on its file', () => {
  it('finds keys, history and revision again', async () => {
    const path = temporaryPath();
    const first = await openSqliteStore({ path });
    await commit(first, put('a', '1'), put('b\u0000c', '1'));
    await commit(first, put('a', '2'), remove('b\u0000c'));
    await commit(first, { key: 'large', value: Buffer.alloc(100_000, 'x') }, put('empty', ''));
    const before = await everything(first);
    await first.close();
    const second = await openSqliteStore({ path });
    assert.deepEqual(await everything(second), before);
    assert.deepEqual(await take(second.watch('a', 0, never()), 2), ['1: put a=1', '2: put a=2<1']);
    assert.equal(await commit(second, put('a', '3')), 4);
    await second.close();
  });

  it('remembers the revision even when compaction leaves no row of it', async () => {
    const path = temporaryPath();
    const first = await openSqliteStore({ path });
    await commit(first, put('a', '1'));
    await commit(first, remove('a'));
    await first.compact(2);
    await first.close();
    const second = await openSqliteStore({ path });
    assert.deepEqual(await second.list(''), { entries: [], revision: 2, remaining: 0 });
    assert.equal(await commit(second, put('a', '2')), 3);
    assert.equal((await second.get('a'))?.createRevision, 3);
    await second.close();
  });

  it('does not grow while the same keys are written and compacted over and over', async () => {
    const path = temporaryPath();
    const store = await openSqliteStore({ path, historyLimit: { commits: 200, bytes: Infinity } });
    const round = async (): Promise<void> => {
      for (let i = 0; i < 40; i++) {
        const writes = Array.from({ length: 10 }, (_, k) => commit(store, put(`k${k}`, 'x'.repeat(2000))));
        await Promise.all(writes);
      }
    };
    await round();
    await store.compact(200);
    const { size } = statSync(path);
    for (let i = 0; i < 4; i++) await round();
    await store.close();
    assert.ok(statSync(path).size <= size + 1_000_000, `${size} -> ${statSync(path).size}`);
    assert.ok(statSync(path).size < 2_000_000);
  });

  it('gives space back to the file system', async () => {
    const path = temporaryPath();
    const store = await openSqliteStore({ path });
    const keys = Array.from({ length: 300 }, (_, i) => `k${i}`);
    await commit(store, ...keys.map((key) => put(key, 'x'.repeat(10_000))));
    const revision = await commit(store, ...keys.map((key) => remove(key)));
    await store.compact(revision);
    await store.close();
    assert.ok(statSync(path).size < 300_000, String(statSync(path).size));
  });

  it('is for its owner only', async () => {
    const path = temporaryPath();
    const store = await openSqliteStore({ path });
    await commit(store, put('secret', '1'));
    assert.equal(statSync(path).mode & 0o777, 0o600);
    assert.equal(statSync(`${path}-wal`).mode & 0o777, 0o600);
    await store.close();
  });

  it('rejects the commits that do not fit on a full disk, whole, and goes on', async () => {
    const path = temporaryPath();
    const store = await openSqliteStore({ path, maxBytes: 400_000 });
    await commit(store, put('a', '1'));
    const large = put('large', 'x'.repeat(500_000));
    const group = [
      store.commit([put('a', '2')]),
      store.commit([put('b', '1'), large]),
      store.commit([put('a', '3', 'absent')]),
    ];
    for (const result of await Promise.allSettled(group)) {
      assert.ok(result.status === 'rejected');
      assert.ok(result.reason instanceof StoreError && result.reason.trouble === 'full');
      assert.match(String(result.reason), /no space left for the store .*store\.db.*free some space/);
    }
    const { entries, revision } = await store.list('');
    assert.deepEqual([texts(entries), revision], [['a=1'], 1]);
    assert.equal(await commit(store, put('a', '2')), 2);

    let nFitting = 0;
    const fill = () => store.commit([put(`fill-${nFitting}`, 'x'.repeat(50_000))]);
    await assert.rejects(async () => {
      for (; nFitting < 100; nFitting++) await fill();
    }, /no space left/);
    assert.ok(nFitting > 2 && nFitting < 9, String(nFitting));
    await store.close();
    const again = await openSqliteStore({ path, maxBytes: 400_000 });
    assert.equal((await again.list('fill-')).entries.length, nFitting);
    assert.equal((await again.list('')).revision, 2 + nFitting);
    await again.close();
  });

  it('takes commits again once deletes and a compaction have made room', async () => {
    const path = temporaryPath();
    const store = await openSqliteStore({ path, maxBytes: 400_000 });
    await commit(store, put('large', 'x'.repeat(250_000)));
    await assert.rejects(store.commit([put('other', 'x'.repeat(250_000))]), /no space left/);
    await store.compact(await commit(store, remove('large')));
    await commit(store, put('other', 'x'.repeat(250_000)));
    await store.close();
  });

  it('lets a program end that forgot to close it', { timeout: 400_000 }, async () => {
    const path = temporaryPath();
    const key = `[{ key: 'a', value: Buffer.from('1') }]`;
    const child = runProgram(path, `console.log((await (await open()).commit(${key})).revision)`);
    assert.ok(child.stdout);
    const exited = once(child, 'exit') as Promise<[number | null]>;
    const [output, [code]] = await Promise.all([readAll(child.stdout), exited]);
    assert.deepEqual([output, code], ['1\n', 0]);
    const store = await openSqliteStore({ path });
    assert.equal((await store.list('')).revision, 1);
    await store.close();
  });
});

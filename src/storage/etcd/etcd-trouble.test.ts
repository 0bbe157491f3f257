import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { TestContext } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { startCuttingProxy } from '../../testing/cutting-proxy.ts';
import { startEtcd } from '../../testing/etcd-process.ts';
import type { EtcdCluster, EtcdOptions } from '../../testing/etcd-process.ts';
import { commit, never, put, text, until } from '../contract/fixture.ts';
import { CompactedError, StoreError } from '../store.ts';
import type { Store, WatchBatch } from '../store.ts';
import { ask, collect, incrementUntil, numbersOf, openStore, upTo } from './fixture.ts';

async function etcdFor(t: TestContext, options: EtcdOptions = {}): Promise<EtcdCluster> {
  const etcd = await startEtcd(options);
  t.after(() => etcd.stop());
  return etcd;
}

async function storeFor(t: TestContext, ...args: Parameters<typeof openStore>): Promise<Store> {
  const store = await openStore(...args);
  t.after(() => store.close());
  return store;
}

/** Every acknowledged increment happened once, and only those of unknown outcome may have happened besides. */
async function checkCounters(store: Store, tallies: readonly Awaited<ReturnType<typeof incrementUntil>>[]) {
  const acknowledged = tallies.reduce((n, tally) => n + tally.acknowledged, 0);
  const unknown = tallies.reduce((n, tally) => n + tally.unknown, 0);
  const total = Number(text(await store.get('n')) ?? '0');
  assert.ok(acknowledged > 0, 'nothing was ever acknowledged');
  assert.ok(total >= acknowledged, `${acknowledged} increments were acknowledged, ${total} are there`);
  assert.ok(
    total <= acknowledged + unknown,
    `${total} are there of ${acknowledged} and ${unknown} unsure ones`,
  );
  const revisions = tallies.flatMap((tally) => tally.revisions);
  assert.equal(new Set(revisions).size, revisions.length, 'two were acknowledged with one revision');
  return { total, unknown };
}

describe('etcd store in trouble', { timeout: 400_000 }, () => {
  it('carries out each commit once while connections are reset under it, and loses no event', async (t) => {
    const etcd = await etcdFor(t);
    const proxy = await startCuttingProxy(Number(new URL(etcd.servers[0] ?? '').port));
    t.after(() => proxy.close());
    const store = await storeFor(t, [`http://127.0.0.1:${proxy.port}`]);
    const stop = new AbortController();
    const watching = collect(store.watch('', 0, stop.signal));
    const ending = AbortSignal.timeout(4000);
    const writers = upTo(12).map(() => incrementUntil(store, 'n', ending));
    let nResets = 0;
    while (!ending.aborted) {
      await sleep(40);
      proxy.kill();
      nResets++;
    }
    const tallies = await Promise.all(writers);
    assert.ok(nResets > 20);
    const { total } = await checkCounters(store, tallies);
    await commit(store, put('end', ''));
    await sleep(1500);
    stop.abort();
    assert.deepEqual(numbersOf(await watching, 'n'), upTo(total), 'each once, in order');
  });

  it('goes on when the leader of three members is killed under writes', async (t) => {
    const etcd = await etcdFor(t, { members: 3, isDurable: true });
    const store = await storeFor(t, etcd.servers);
    const stop = new AbortController();
    const watching = collect(store.watch('', 0, stop.signal));
    const ending = AbortSignal.timeout(12_000);
    const writers = upTo(6).map(() => incrementUntil(store, 'n', ending));
    await sleep(1500);
    const before = Number(text(await store.get('n')));
    const leader = await leaderOf(etcd);
    await leader.kill();
    await sleep(6000);
    const between = Number(text(await store.get('n')));
    assert.ok(between > before + 5, `from ${before} only to ${between} without the first leader`);
    await leader.start();
    const { total } = await checkCounters(store, await Promise.all(writers));
    await sleep(1500);
    stop.abort();
    assert.deepEqual(numbersOf(await watching, 'n'), upTo(total));
    // The member that was away has everything, too.
    const other = await storeFor(t, [leader.url]);
    assert.equal(Number(text(await other.get('n'))), total);
  });

  it('turns to another member when one falls silent, in calls and in watches', async (t) => {
    const etcd = await etcdFor(t);
    const [direct = ''] = etcd.servers;
    const proxy = await startCuttingProxy(Number(new URL(direct).port));
    t.after(() => proxy.close());
    const store = await storeFor(t, [`http://127.0.0.1:${proxy.port}`, direct]);
    const stop = new AbortController();
    const seen: number[] = [];
    const watching = (async () => {
      for await (const { revision } of store.watch('', 0, stop.signal)) seen.push(revision);
    })();
    const first = await commit(store, put('a', '1'));
    await until(() => seen.includes(first), 'the watch is not there');
    proxy.cutSilently();
    const startedAt = Date.now();
    const second = await commit(store, put('a', '2'));
    assert.ok(Date.now() - startedAt < 9000, 'the commit hung');
    for (let i = 0; i < 100 && !seen.includes(second); i++) await sleep(100);
    assert.deepEqual(seen, [first, second]);
    stop.abort();
    await watching;
  });

  it('says that it cannot tell when an answer never comes, and in time', async (t) => {
    const etcd = await etcdFor(t);
    const proxy = await startCuttingProxy(Number(new URL(etcd.servers[0] ?? '').port));
    t.after(() => proxy.close());
    const store = await storeFor(t, [`http://127.0.0.1:${proxy.port}`]);
    await commit(store, put('a', '1'));
    proxy.cutSilently();
    const startedAt = Date.now();
    const [read, write] = await Promise.allSettled([store.get('a'), store.commit([put('a', '2')])]);
    assert.ok(Date.now() - startedAt < 20_000, 'a call hung');
    assert.ok(read.status === 'rejected' && read.reason instanceof StoreError);
    assert.equal(read.reason.trouble, 'unavailable');
    assert.ok(write.status === 'rejected' && write.reason instanceof StoreError);
    assert.equal(write.reason.trouble, 'unknown-outcome');
    assert.match(write.reason.message, /may or may not have been carried out/);
  });

  it('tells a watch how far others have written elsewhere', async (t) => {
    const etcd = await etcdFor(t);
    const [store, other] = [
      await storeFor(t, etcd.servers),
      await storeFor(t, etcd.servers, { prefix: '/other' }),
    ];
    const stop = new AbortController();
    let told = 0;
    const watching = (async () => {
      for await (const { revision, events } of store.watch('', 0, stop.signal)) {
        assert.deepEqual(events, []);
        told = revision;
      }
    })();
    await sleep(200);
    const foreign = await commit(other, put('a', '1'));
    await until(() => told >= foreign, `the watch is at ${told}, not at ${foreign}`);
    stop.abort();
    await watching;
    assert.deepEqual((await store.list('')).entries, []);
  });

  it('follows 10 000 revisions through a compaction; a reader that slept is told, or told everything', async (t) => {
    const etcd = await etcdFor(t);
    const store = await storeFor(t, etcd.servers);
    const n = 10_000;
    const value = 'x'.repeat(2000);
    const stop = new AbortController();
    const quick = (async () => {
      let last = 0;
      for await (const { revision, events } of store.watch('', 1, stop.signal)) {
        if (last > 0 && events.length > 0) assert.equal(revision, last + 1);
        last = revision;
        if (revision >= n + 1) return last;
      }
      return last;
    })();
    const sleeper = store.watch('', 1, never())[Symbol.asyncIterator]();
    await commit(store, put('k0', value));
    let at = await nextRevision(sleeper);
    let i = 1;
    await Promise.all(
      upTo(64).map(async () => {
        for (let mine = i++; mine < n; mine = i++)
          await commit(store, put(`k${mine % 50}`, `${mine} ${value}`));
      }),
    );
    const { revision } = await store.list('');
    assert.ok((await quick) >= n);
    await store.compact(revision);
    let isTold = false;
    try {
      while (at < revision) {
        const next = await nextRevision(sleeper);
        assert.equal(next, at + 1, 'a revision was left out');
        at = next;
      }
    } catch (error) {
      assert.ok(error instanceof CompactedError, String(error));
      assert.equal(error.compactedRevision, revision);
      isTold = true;
    }
    assert.ok(isTold, `20 MB waited in memory for a reader that slept (it came to ${at})`);
    await assert.rejects(store.list('', { at: revision - 1 }), CompactedError);
    assert.equal((await store.list('k')).entries.length, 50);
    stop.abort();
  });

  it('refuses what etcd has no room for, keeps what it acknowledged, and never splits a commit', async (t) => {
    const etcd = await etcdFor(t, { args: ['--quota-backend-bytes', String(16 * 1024 * 1024)] });
    const store = await storeFor(t, etcd.servers);
    await assert.rejects(
      store.commit(upTo(200).map((i) => put(`many-${i}`, ''))),
      (error) =>
        error instanceof StoreError && error.trouble === 'too-large' && /max-txn-ops/.test(error.message),
    );
    await assert.rejects(
      store.commit([put('large', 'x'.repeat(2_000_000))]),
      (error) => error instanceof StoreError && error.trouble === 'too-large',
    );
    assert.deepEqual((await store.list('')).entries, []);
    const kept: string[] = [];
    await assert.rejects(
      async () => {
        for (let i = 0; i < 100; i++) {
          await commit(store, put(`k${i}`, 'x'.repeat(1_000_000)));
          kept.push(`k${i}`);
        }
      },
      (error) => error instanceof StoreError && error.trouble === 'full',
    );
    assert.ok(kept.length > 3);
    const { entries } = await store.list('', { limit: 100 });
    const stored = entries.map(({ key }) => key);
    // etcd itself carries out the write that fills it, and refuses it all the same.
    assert.deepEqual(stored.filter((key) => key !== `k${kept.length}`).sort(), kept.sort());
  });
});

async function nextRevision(watch: AsyncIterator<WatchBatch>): Promise<number> {
  const next = await watch.next();
  return next.done === true ? 0 : next.value.revision;
}

async function leaderOf(etcd: EtcdCluster) {
  for (const member of etcd.members) {
    const status = await ask<{ header: { member_id: string }; leader: string }>(
      member.url,
      'maintenance/status',
      {},
    );
    if (status.leader === status.header.member_id) return member;
  }
  throw new Error('there is no leader');
}

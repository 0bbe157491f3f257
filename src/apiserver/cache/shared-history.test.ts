import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createMemoryStore } from '../../storage/memory/memory-store.ts';
import { CompactedError } from '../../storage/store.ts';
import type { Store } from '../../storage/store.ts';
import { changeOf, createEventLog } from './event-log.ts';
import { createSharedHistory } from './shared-history.ts';
import type { PastChanges } from './shared-history.ts';
import { decodeStored, encodeObject } from './stored-object.ts';

const PREFIX = '/registry/configmaps/';

/** A store with so many changes of one object, and a log that has dropped them all. */
async function setUp(nChanges: number, data = 'x') {
  const store = createMemoryStore();
  for (let i = 0; i < nChanges; i++) {
    const object = {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name: 'a' },
      data: { data, i: `${i}` },
    };
    await store.commit([{ key: `${PREFIX}default/a`, value: encodeObject(object) }]);
  }
  let nReads = 0;
  const counted: Store = {
    ...store,
    watch: (prefix, from, signal) => {
      nReads++;
      return store.watch(prefix, from, signal);
    },
  };
  const history = createSharedHistory({
    store: counted,
    changesIn: ({ revision, events }) =>
      events.map((event) => {
        assert.ok(event.type === 'put');
        const next = decodeStored(event.entry.value, revision);
        return changeOf({ revision, key: 'default/a', next, prev: undefined });
      }),
  });
  const { revision } = await store.list('');
  const log = createEventLog(revision, { changes: 10, bytes: 1000 });
  return { store, history, nReads: () => nReads, resource: { prefix: PREFIX, log }, revision };
}

async function readAll(pieces: AsyncIterable<PastChanges>): Promise<PastChanges[]> {
  const all: PastChanges[] = [];
  for await (const piece of pieces) all.push(piece);
  return all;
}

const revisionsOf = (pieces: readonly PastChanges[]): number[] =>
  pieces.flatMap(({ changes }) => changes.map(({ revision }) => revision));

const range = (from: number, to: number): number[] =>
  Array.from({ length: to - from }, (_, i) => from + 1 + i);

test('readers who are behind together get the very same pieces, and the store is read once for all', async () => {
  const { history, nReads, resource, revision } = await setUp(1200);
  const { signal } = new AbortController();
  const all = await Promise.all(range(0, 50).map(() => readAll(history(resource, 0, signal))));
  const [first = []] = all;
  assert.deepEqual(revisionsOf(first), range(0, revision));
  for (const pieces of all) assert.ok(pieces.every((piece, i) => piece === first[i]));
  assert.equal(nReads(), first.length);
});

test('readers who begin at different places share all pieces but their first', async () => {
  const { history, nReads, resource, revision } = await setUp(1200);
  const { signal } = new AbortController();
  const [one, other] = await Promise.all([
    readAll(history(resource, 10, signal)),
    readAll(history(resource, 400, signal)),
  ]);
  assert.deepEqual(revisionsOf(one), range(10, revision));
  assert.deepEqual(revisionsOf(other), range(400, revision));
  assert.deepEqual(one.slice(1), other.slice(1));
  assert.equal(nReads(), one.length + 1);
});

test('large objects come in small pieces', async () => {
  const { history, resource, revision } = await setUp(20, 'x'.repeat(300_000));
  const pieces = await readAll(history(resource, 0, new AbortController().signal));
  assert.deepEqual(revisionsOf(pieces), range(0, revision));
  assert.ok(pieces.every(({ changes }) => changes.length <= 4));
});

test('nothing is kept when nobody reads, and what the store has forgotten is an error for each', async () => {
  const { store, history, nReads, resource } = await setUp(100);
  const { signal } = new AbortController();
  await readAll(history(resource, 0, signal));
  await readAll(history(resource, 0, signal));
  assert.equal(nReads(), 2);
  await store.compact(50);
  const reads = [1, 2].map(() => readAll(history(resource, 0, signal)));
  for (const read of reads) await assert.rejects(read, CompactedError);
  assert.equal((await readAll(history(resource, 50, signal))).length, 1);
});

test('a reader that goes away leaves the others what they wait for', async () => {
  const { history, resource, revision } = await setUp(600);
  const [gone, stays] = [new AbortController(), new AbortController()];
  const left = readAll(history(resource, 0, gone.signal));
  const read = readAll(history(resource, 0, stays.signal));
  gone.abort();
  assert.ok((await left).length <= 1);
  assert.deepEqual(revisionsOf(await read), range(0, revision));
});

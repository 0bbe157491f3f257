import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { put, texts } from '../contract/fixture.ts';
import { createKeyspace } from '../keyspace.ts';
import type { Keyspace } from '../keyspace.ts';
import { createCommitQueue } from './commit-queue.ts';
import type { CommitQueue } from './commit-queue.ts';
import { unpackRows } from './row-codec.ts';
import type { PackedRows } from './row-codec.ts';
import type { Writer } from './writer.ts';

/** A disk that answers when told to. `requests` are those still without an answer. */
function manualDisk(): { writer: Writer; requests: { text: string; answer: (error?: Error) => void }[] } {
  const requests: { text: string; answer: (error?: Error) => void }[] = [];
  const ask = (what: string, rows: PackedRows): Promise<void> => {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const keys = [...unpackRows(rows)].map(
      ({ revision, key }) => `${revision}:${Buffer.from(key).toString()}`,
    );
    requests.push({
      text: [what, ...keys].join(' '),
      answer: (error) => (error ? reject(error) : resolve()),
    });
    return promise;
  };
  const writer: Writer = {
    open: () => undefined,
    append: (rows) => ask('append', rows),
    compact: (revision, rows) => ask(`compact ${revision}`, rows),
    close: () => Promise.resolve(),
  };
  return { writer, requests };
}

interface Bench {
  readonly queue: CommitQueue;
  readonly keyspace: Keyspace;
  /** Answers the request on the disk and returns what it was. */
  readonly next: (error?: Error) => Promise<string>;
}

function createBench(limit = { commits: Infinity, bytes: Infinity }): Bench {
  const { writer, requests } = manualDisk();
  const keyspace = createKeyspace({ compactedRevision: 0, limit });
  const queue = createCommitQueue(keyspace, writer);
  const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
  const next = async (error?: Error): Promise<string> => {
    await turn();
    assert.equal(requests.length, 1, 'one request at a time');
    const request = requests.shift();
    request?.answer(error);
    await turn();
    return request?.text ?? '';
  };
  return { queue, keyspace, next };
}

describe('commit queue', () => {
  it('writes commits made together at once, and those made meanwhile with the next flush', async () => {
    const { queue, next } = createBench();
    const first = [queue.commit([put('a', '1')]), queue.commit([put('b', '1'), put('c', '1')])];
    await new Promise((resolve) => setImmediate(resolve));
    const second = [
      queue.commit([put('d', '1')]),
      queue.commit([put('e', '1')]),
      queue.commit([put('f', '1')]),
    ];
    assert.equal(await next(), 'append 1:a 2:b 2:c');
    assert.equal(await next(), 'append 3:d 4:e 5:f');
    const results = await Promise.all([...first, ...second]);
    assert.deepEqual(
      results.map((result) => result.ok && result.revision),
      [1, 2, 3, 4, 5],
    );
    await queue.idle();
  });

  it('shows nothing before the disk has it', async () => {
    const { queue, keyspace, next } = createBench();
    const committed = queue.commit([put('a', '1')]);
    await new Promise((resolve) => setImmediate(resolve));
    assert.deepEqual([keyspace.get('a'), keyspace.history.revision], [undefined, 0]);
    await next();
    assert.equal((await committed).ok, true);
    assert.equal(keyspace.history.revision, 1);
  });

  it('does not trouble the disk with conflicts alone', async () => {
    const { queue } = createBench();
    const result = await queue.commit([put('a', '1', 5)]);
    assert.deepEqual(result, { ok: false, conflicts: [{ key: 'a', current: undefined }] });
  });

  it('rejects the whole group that the disk refuses, and judges the next one without it', async () => {
    const { queue, keyspace, next } = createBench();
    const refused = Promise.allSettled([
      queue.commit([put('a', '1', 'absent')]),
      queue.commit([put('a', '2', 'absent')]),
    ]);
    await next(new Error('disk on fire'));
    assert.deepEqual(
      (await refused).map((result) => result.status),
      ['rejected', 'rejected'],
    );
    const accepted = queue.commit([put('a', '3', 'absent')]);
    assert.equal(await next(), 'append 1:a');
    assert.deepEqual(await accepted, { ok: true, revision: 1 });
    assert.deepEqual(texts(keyspace.list('').entries), ['a=3']);
  });

  it('keeps the history when the disk refuses to compact, and can try again', async () => {
    const { queue, keyspace, next } = createBench();
    const commits = [
      queue.commit([put('a', '1')]),
      queue.commit([put('a', '2')]),
      queue.commit([{ key: 'a', value: null }]),
    ];
    await next();
    await Promise.all(commits);
    const failed = assert.rejects(queue.compact(3), /on fire/);
    await next(new Error('disk on fire'));
    await failed;
    assert.equal(keyspace.history.compactedRevision, 0);
    const done = queue.compact(3);
    assert.equal(await next(), 'compact 3 1:a 2:a 3:a');
    await done;
    assert.equal(keyspace.history.compactedRevision, 3);
  });

  it('lets commits through between the steps of a long compaction', async () => {
    const { queue, next } = createBench();
    const many = Array.from({ length: 1020 }, (_, i) => queue.commit([put('a', String(i))]));
    await next();
    await Promise.all(many);
    const compacted = queue.compact(1020);
    await new Promise((resolve) => setImmediate(resolve));
    const committed = queue.commit([put('b', '1')]);
    assert.match(await next(), /^compact 1000 /);
    assert.equal(await next(), 'append 1021:b');
    await committed;
    assert.match(await next(), /^compact 1020 /);
    await compacted;
  });

  it('compacts by itself when history passes its limit', async () => {
    const { queue, keyspace, next } = createBench({ commits: 4, bytes: Infinity });
    const commits = Array.from({ length: 5 }, (_, i) => queue.commit([put('a', String(i))]));
    await next();
    assert.equal(await next(), 'compact 2 1:a');
    await Promise.all(commits);
    await queue.idle();
    assert.equal(keyspace.history.compactedRevision, 2);
  });
});

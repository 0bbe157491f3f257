import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { describe, it } from 'node:test';
import { commit, put } from '../contract/fixture.ts';
import { checkSqliteVersion } from './database.ts';
import { runProgram, temporaryPath } from './fixture.ts';
import { openSqliteStore } from './sqlite-store.ts';

/** A store with some rows, closed again. */
async function makeStore(): Promise<string> {
  const path = temporaryPath();
  const store = await openSqliteStore({ path });
  for (let i = 0; i < 20; i++) await commit(store, put(`key-${i}`, 'x'.repeat(3000)));
  await store.close();
  return path;
}

const execOn =
  (sql: string) =>
  (path: string): void => {
    const db = new DatabaseSync(path);
    db.exec(sql);
    db.close();
  };

const overwrite =
  (from: number, bytes: Uint8Array) =>
  (path: string): void => {
    const content = readFileSync(path);
    content.set(bytes, from);
    writeFileSync(path, content);
  };

const spoiled: Record<string, { spoil: (path: string) => void; message: RegExp }> = {
  'a text file': {
    spoil: (path) => writeFileSync(path, 'apiVersion: v1\n'.repeat(100)),
    message: /store\.db is not a store of this program.*choose another data directory/,
  },
  'a database of another program': {
    spoil: (path) => {
      writeFileSync(path, '');
      execOn('CREATE TABLE people (name TEXT)')(path);
    },
    message: /store\.db is not a store of this program/,
  },
  'a newer format': {
    spoil: execOn('PRAGMA user_version = 2'),
    message: /store\.db has format 2 and this program knows 1; use the program that wrote it/,
  },
  'an overwritten beginning': {
    spoil: overwrite(0, new Uint8Array(200)),
    message: /store\.db is not a store of this program \(or its beginning is destroyed\)/,
  },
  'overwritten pages': {
    spoil: overwrite(3 * 4096, new Uint8Array(8 * 4096).fill(0xee)),
    message: /store\.db is damaged \(.*\); put a copy back, or move the file away/,
  },
  'a row cut out of the log': {
    spoil: execOn('DELETE FROM log WHERE revision = 7'),
    message: /store\.db is damaged \(revision 8 stands where 7 should\)/,
  },
  'a delete of what was never there': {
    spoil: execOn("INSERT INTO log (revision, create_revision, key, value) VALUES (21, 21, 'never', NULL)"),
    message: /store\.db is damaged \(revision 21 deletes what was not there\)/,
  },
  'no revision of the compaction': {
    spoil: execOn('DELETE FROM compaction'),
    message: /store\.db is damaged \(the revision of the compaction is missing\)/,
  },
  'a log without its table': {
    spoil: execOn('DROP TABLE log'),
    message: /the store .*store\.db failed: no such table: log/,
  },
};

describe('opening a sqlite store', () => {
  for (const [what, { spoil, message }] of Object.entries(spoiled)) {
    it(`refuses ${what} in one sentence and leaves the file alone`, async () => {
      const path = await makeStore();
      spoil(path);
      const before = readFileSync(path);
      await assert.rejects(openSqliteStore({ path }), (error: Error) => {
        assert.match(error.message, message);
        assert.ok(!error.message.includes('\n'));
        return true;
      });
      assert.ok(readFileSync(path).equals(before));
      await assert.rejects(openSqliteStore({ path }), message, 'the lock was given back');
    });
  }

  it('refuses a directory in place of the file', async () => {
    const path = temporaryPath();
    mkdirSync(path);
    await assert.rejects(openSqliteStore({ path }), /cannot write the store .*store\.db/);
  });

  it('refuses a path below a file', async () => {
    const path = await makeStore();
    await assert.rejects(
      openSqliteStore({ path: join(path, 'x.db') }),
      /the store .*x\.db failed: .*(EEXIST|ENOTDIR)/,
    );
  });

  it('makes the directories it needs', async () => {
    const path = join(dirname(temporaryPath()), 'a', 'b', 'store.db');
    const store = await openSqliteStore({ path });
    assert.equal(await commit(store, put('a', '1')), 1);
    await store.close();
  });

  it('begins anew on an empty file, as an interrupted first start leaves it', async () => {
    const path = temporaryPath();
    writeFileSync(path, '');
    const store = await openSqliteStore({ path });
    assert.equal((await store.list('')).revision, 0);
    await store.close();
  });

  it('refuses a store that is open in this process, until it is closed', async () => {
    const path = temporaryPath();
    const store = await openSqliteStore({ path });
    const message =
      /the store .*store\.db is in use by another process; stop that one, or choose another data directory/;
    await assert.rejects(openSqliteStore({ path }), message);
    assert.equal(await commit(store, put('a', '1')), 1);
    await store.close();
    await (await openSqliteStore({ path })).close();
  });

  it(
    'refuses a store that is open in another process, until that is dead',
    { timeout: 400_000 },
    async () => {
      const path = temporaryPath();
      const child = runProgram(path, `await open(); console.log('open'); setInterval(() => {}, 1000);`);
      assert.ok(child.stdout);
      await once(child.stdout, 'data');
      await assert.rejects(openSqliteStore({ path }), /is in use by another process/);
      child.kill('SIGKILL');
      await once(child, 'exit');
      const store = await openSqliteStore({ path });
      assert.equal(await commit(store, put('a', '1')), 1);
      await store.close();
    },
  );

  it('refuses a SQLite with the known fault', () => {
    for (const version of ['3.51.2', '3.50.9', '2.99.99']) {
      assert.throws(() => checkSqliteVersion(version), /use Node 24\.15 or newer/);
    }
    for (const version of ['3.51.3', '3.52.0', '3.100.0', '4.0.0']) checkSqliteVersion(version);
  });
});

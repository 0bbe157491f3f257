import type { DatabaseSync } from 'node:sqlite';
import { parentPort } from 'node:worker_threads';
import type { MessagePort } from 'node:worker_threads';
import { StoreError } from '../store.ts';
import { inPlainWords, openDatabase } from './database.ts';
import type { DatabaseOptions } from './database.ts';
import { unpackRows } from './row-codec.ts';
import type { PackedRows } from './row-codec.ts';
import type { WriterReply, WriterRequest } from './writer-messages.ts';

/** Pages given back to the file system with one step of compaction. */
const VACUUM_PAGES = 1024;

interface OpenLog {
  append(rows: PackedRows): void;
  compact(revision: number, rows: PackedRows): void;
  close(): void;
}

/** The thread that writes: the waits for the disk happen here and nowhere else. */
function serve(port: MessagePort): void {
  let path = '';
  let log: OpenLog | undefined;
  const answer = (request: WriterRequest): void => {
    switch (request.type) {
      case 'open':
        path = request.options.path;
        log = openLog(request.options);
        return;
      case 'append':
        return log?.append(request.rows);
      case 'compact':
        return log?.compact(request.revision, request.rows);
      case 'close':
        return log?.close();
    }
  };
  port.on('message', (request: WriterRequest) => {
    let reply: WriterReply;
    try {
      answer(request);
    } catch (error) {
      const plain = inPlainWords(error, path);
      reply = { message: plain.message, trouble: plain instanceof StoreError ? plain.trouble : undefined };
    }
    port.postMessage(reply);
    if (request.type === 'close') port.close();
  });
}

function openLog(options: DatabaseOptions): OpenLog {
  const db = openDatabase(options);
  const insert = db.prepare(
    'INSERT INTO log (revision, create_revision, key, value) VALUES (?, ?, CAST(? AS TEXT), ?)',
  );
  const remove = db.prepare('DELETE FROM log WHERE revision = ? AND key = CAST(? AS TEXT)');
  const setCompaction = db.prepare('UPDATE compaction SET revision = ?');
  return {
    append: (rows) =>
      inTransaction(db, () => {
        for (const row of unpackRows(rows)) insert.run(row.revision, row.createRevision, row.key, row.value);
      }),
    compact: (revision, rows) =>
      inTransaction(db, () => {
        for (const row of unpackRows(rows)) remove.run(row.revision, row.key);
        setCompaction.run(revision);
        db.exec(`PRAGMA incremental_vacuum(${VACUUM_PAGES})`);
      }),
    close: () => db.close(),
  };
}

/** All of `work` or nothing of it. */
function inTransaction(db: DatabaseSync, work: () => void): void {
  db.exec('BEGIN IMMEDIATE');
  try {
    work();
    db.exec('COMMIT');
  } catch (error) {
    // On a full disk SQLite may have rolled back by itself.
    if (db.isTransaction) db.exec('ROLLBACK');
    throw error;
  }
}

if (parentPort !== null) serve(parentPort);

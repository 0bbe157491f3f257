import { closeSync, mkdirSync, openSync } from 'node:fs';
import { dirname } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { codeOf, messageOf } from '../../base/thrown.ts';
import { StoreError } from '../store.ts';

/** 'PRTC': marks the file as ours in SQLite's header. */
const APPLICATION_ID = 0x50525443;
const FORMAT = 1;
const PAGE_BYTES = 4096;

/** Before it, SQLite could corrupt a database in WAL mode when the log was reset (sqlite.org/wal.html, "the WAL-reset bug"). */
const OLDEST_SQLITE = '3.51.3';

export interface DatabaseOptions {
  readonly path: string;
  /** Greatest size of the database file; beyond it commits fail as on a full disk. Default: no limit. */
  readonly maxBytes?: number | undefined;
}

/**
 * One row for each write, newest last; the newest row of a key is its current value, and a null value a delete.
 * Compaction removes rows that a later one at or before `compaction.revision` has replaced, so the rest rebuilds both
 * the keys and the history since then. Keys are not indexed: reads never come here.
 */
const SCHEMA = `
  CREATE TABLE log (
    id INTEGER PRIMARY KEY, revision INTEGER NOT NULL, create_revision INTEGER NOT NULL, key TEXT NOT NULL, value BLOB
  ) STRICT;
  CREATE INDEX log_revision ON log (revision);
  CREATE TABLE compaction (revision INTEGER NOT NULL) STRICT;
  INSERT INTO compaction VALUES (0);
  PRAGMA application_id = ${APPLICATION_ID};
  PRAGMA user_version = ${FORMAT};
`;

/**
 * Opens the file (making it and its directory as needed) and keeps it locked for this connection alone, which also
 * spares SQLite its shared-memory file. Errors are in plain words.
 */
export function openDatabase(options: DatabaseOptions): DatabaseSync {
  const { path } = options;
  let db: DatabaseSync | undefined;
  try {
    makePrivateFile(path);
    db = new DatabaseSync(path, { timeout: 0 });
    checkSqliteVersion(String(db.prepare('SELECT sqlite_version() AS value').get()?.['value']));
    db.exec('PRAGMA locking_mode = EXCLUSIVE');
    // Counts before the first page only; on a store that exists it would write all the same.
    if (readNumber(db, 'SELECT page_count AS value FROM pragma_page_count') === 0) {
      db.exec('PRAGMA auto_vacuum = INCREMENTAL');
    }
    db.exec('BEGIN EXCLUSIVE');
    ensureSchema(db, path);
    db.exec(
      'COMMIT; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA journal_size_limit = 8388608',
    );
    if (options.maxBytes !== undefined) {
      db.exec(`PRAGMA max_page_count = ${Math.max(1, Math.floor(options.maxBytes / PAGE_BYTES))}`);
    }
    return db;
  } catch (error) {
    db?.close();
    throw inPlainWords(error, path);
  }
}

/** Only its owner may read it, for it holds Secrets. An existing file is not touched: closing it would drop a lock of this process. */
function makePrivateFile(path: string): void {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  try {
    closeSync(openSync(path, 'wx', 0o600));
  } catch (error) {
    if (codeOf(error) !== 'EEXIST') throw error;
  }
}

/** Throws when `version` (as `3.51.2`) is older than the store can trust. */
export function checkSqliteVersion(version: string): void {
  const number = (text: string): number => text.split('.').reduce((n, part) => n * 1000 + Number(part), 0);
  if (number(version) >= number(OLDEST_SQLITE)) return;
  throw new PlainError(
    `this Node has SQLite ${version}, which can damage a database; use Node 24.15 or newer (SQLite ${OLDEST_SQLITE})`,
  );
}

function ensureSchema(db: DatabaseSync, path: string): void {
  const applicationId = readNumber(db, 'SELECT application_id AS value FROM pragma_application_id');
  const nTables = readNumber(db, 'SELECT count(*) AS value FROM sqlite_schema');
  if (applicationId === 0 && nTables === 0) return db.exec(SCHEMA);
  if (applicationId !== APPLICATION_ID) throw new PlainError(foreignText(path));
  const format = readNumber(db, 'SELECT user_version AS value FROM pragma_user_version');
  if (format !== FORMAT) {
    throw new PlainError(
      `the store ${path} has format ${format} and this program knows ${FORMAT}; use the program that wrote it, or another data directory`,
    );
  }
}

const foreignText = (path: string): string =>
  `${path} is not a store of this program (or its beginning is destroyed); choose another data directory, or put a copy back`;

const damagedText = (path: string, detail: string): string =>
  `the store ${path} is damaged (${detail}); put a copy back, or move the file away to begin anew`;

/** Throws DamageError when the structure of the pages is broken. Reads them all: measured 40 ms for 20 MB. */
export function checkPages(db: DatabaseSync): void {
  const answer = String(db.prepare('PRAGMA quick_check(1)').get()?.['quick_check']);
  if (answer !== 'ok') throw new DamageError(answer);
}

/** The page structure or the rows contradict themselves. */
export class DamageError extends Error {}

/** Its message is a sentence for people already. */
class PlainError extends Error {}

function readNumber(db: DatabaseSync, sql: string): number {
  return Number(db.prepare(sql).get()?.['value']);
}

/** Primary result codes of SQLite (sqlite.org/rescode.html). */
const SQLITE = { BUSY: 5, READONLY: 8, IOERR: 10, CORRUPT: 11, FULL: 13, CANTOPEN: 14, NOTADB: 26 } as const;

/** The error with a sentence that names the file and the mend; the original is its cause. */
export function inPlainWords(error: unknown, path: string): Error {
  if (error instanceof PlainError || error instanceof StoreError) return error;
  const detail = messageOf(error).replace(/\s+/g, ' ');
  if (error instanceof DamageError) return new PlainError(damagedText(path, detail), { cause: error });
  const extended = error instanceof Error && 'errcode' in error ? Number(error.errcode) : undefined;
  const code = extended === undefined ? undefined : extended & 0xff;
  const sentence = sentenceFor(code, path, detail);
  const trouble = code === SQLITE.FULL ? 'full' : code === SQLITE.IOERR ? 'unknown-outcome' : undefined;
  if (trouble === undefined) return new PlainError(sentence, { cause: error });
  return new StoreError(trouble, sentence, { cause: error });
}

function sentenceFor(code: number | undefined, path: string, detail: string): string {
  switch (code) {
    case SQLITE.BUSY:
      return `the store ${path} is in use by another process; stop that one, or choose another data directory`;
    case SQLITE.NOTADB:
      return foreignText(path);
    case SQLITE.CORRUPT:
      return damagedText(path, detail);
    case SQLITE.FULL:
      return `no space left for the store ${path}; nothing of the commit was kept: free some space, then try again`;
    case SQLITE.READONLY:
    case SQLITE.CANTOPEN:
      return `cannot write the store ${path} (${detail}); check the permissions of the file and its directory`;
    case SQLITE.IOERR:
      return `the disk failed under the store ${path} (${detail}); nothing of the commit is certain to be kept`;
    default:
      return `the store ${path} failed: ${detail}`;
  }
}

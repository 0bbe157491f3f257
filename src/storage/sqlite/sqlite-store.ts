import { resolve } from 'node:path';
import { DEFAULT_HISTORY_LIMIT } from '../history.ts';
import type { HistoryLimit } from '../history.ts';
import { checkWrites } from '../judge.ts';
import type { Keyspace } from '../keyspace.ts';
import type { Store } from '../store.ts';
import { createCommitQueue } from './commit-queue.ts';
import { inPlainWords, openDatabase } from './database.ts';
import type { DatabaseOptions } from './database.ts';
import { lockStore } from './file-lock.ts';
import type { ReleaseLock } from './file-lock.ts';
import { loadKeyspace } from './load.ts';
import { startWriter } from './writer.ts';
import type { Writer } from './writer.ts';

export interface SqliteStoreOptions {
  /** The database file. It and its directory are made when missing, readable by their owner only. */
  readonly path: string;
  /** Greatest size of the file in bytes; beyond it commits fail as on a full disk. Default: no limit. */
  readonly maxBytes?: number;
  readonly historyLimit?: HistoryLimit;
}

/**
 * The durable store: an acknowledged commit survives kill -9 and power loss (SQLite, write-ahead log, synchronous=FULL).
 * Keys and history live in memory, so reads and watches never wait for the disk. The file belongs to one process at a
 * time. Rejects with one sentence that names the file and the mend when it is in use, damaged, foreign or not writable.
 */
export async function openSqliteStore(options: SqliteStoreOptions): Promise<Store> {
  const path = resolve(options.path);
  const release = lockStore(path);
  // The thread starts while this one loads: reads are ready without it, the first commit waits for it.
  const writer = startWriter();
  try {
    const keyspace = load(
      { path, maxBytes: options.maxBytes },
      options.historyLimit ?? DEFAULT_HISTORY_LIMIT,
    );
    writer.open({ path, maxBytes: options.maxBytes });
    return storeOn(keyspace, { writer, release });
  } catch (error) {
    release();
    await writer.close();
    throw inPlainWords(error, path);
  }
}

function load(options: DatabaseOptions, limit: HistoryLimit): Keyspace {
  const db = openDatabase(options);
  try {
    return loadKeyspace(db, limit);
  } finally {
    db.close();
  }
}

interface Medium {
  readonly writer: Writer;
  readonly release: ReleaseLock;
}

function storeOn(keyspace: Keyspace, { writer, release }: Medium): Store {
  const queue = createCommitQueue(keyspace, writer);
  let closing: Promise<void> | undefined;
  const ensureOpen = (): void => {
    if (closing) throw new Error('the store is closed');
  };
  const close = async (): Promise<void> => {
    keyspace.watchers.end();
    await queue.idle();
    try {
      await writer.close();
    } finally {
      release();
    }
  };
  return {
    async get(key) {
      ensureOpen();
      return keyspace.get(key);
    },
    async list(prefix, options) {
      ensureOpen();
      return keyspace.list(prefix, options);
    },
    async commit(writes) {
      ensureOpen();
      checkWrites(writes);
      return queue.commit(writes);
    },
    watch(prefix, from, signal) {
      ensureOpen();
      return keyspace.watchers.watch(prefix, from, signal);
    },
    async compact(before) {
      ensureOpen();
      return queue.compact(before);
    },
    close: () => (closing ??= close()),
  };
}

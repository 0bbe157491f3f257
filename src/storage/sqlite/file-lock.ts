import { mkdirSync } from 'node:fs';
import { dirname } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { inPlainWords } from './database.ts';

/** Gives the lock up. */
export type ReleaseLock = () => void;

/**
 * Takes `<path>.lock` for this process, or throws a sentence for people. The lock is SQLite's own, on an empty
 * database beside the store, because the store's connection changes threads after the load and would let go of it
 * in between. The kernel drops it with the process, however that ends; the empty file stays.
 */
export function lockStore(path: string): ReleaseLock {
  let lock: DatabaseSync | undefined;
  try {
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
    lock = new DatabaseSync(`${path}.lock`, { timeout: 0 });
    lock.exec('BEGIN EXCLUSIVE');
  } catch (error) {
    lock?.close();
    throw inPlainWords(error, path);
  }
  const held = lock;
  return () => held.close();
}

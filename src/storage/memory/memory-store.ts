import { DEFAULT_HISTORY_LIMIT } from '../history.ts';
import type { HistoryLimit } from '../history.ts';
import { checkWrites, judge } from '../judge.ts';
import { createKeyspace } from '../keyspace.ts';
import type { CommitResult, Store, Write } from '../store.ts';

export interface MemoryStoreOptions {
  readonly historyLimit?: HistoryLimit;
}

/** The reference store: everything is lost with the process. */
export function createMemoryStore(options: MemoryStoreOptions = {}): Store {
  const keyspace = createKeyspace({
    compactedRevision: 0,
    limit: options.historyLimit ?? DEFAULT_HISTORY_LIMIT,
  });
  const { history, watchers } = keyspace;
  let isClosed = false;
  const ensureOpen = (): void => {
    if (isClosed) throw new Error('the store is closed');
  };
  const commit = (writes: readonly Write[]): CommitResult => {
    checkWrites(writes);
    const judgement = judge(writes, keyspace.get, history.revision + 1);
    if (!judgement.ok) return judgement;
    if (judgement.batch !== undefined) keyspace.apply(judgement.batch);
    history.trim(history.overflow() ?? 0);
    return { ok: true, revision: history.revision };
  };
  return {
    async get(key) {
      ensureOpen();
      return keyspace.get(key);
    },
    async list(prefix, listOptions) {
      ensureOpen();
      return keyspace.list(prefix, listOptions);
    },
    async commit(writes) {
      ensureOpen();
      return commit(writes);
    },
    watch(prefix, from, signal) {
      ensureOpen();
      return watchers.watch(prefix, from, signal);
    },
    async compact(before) {
      ensureOpen();
      history.trim(Math.min(before, history.revision));
    },
    async close() {
      isClosed = true;
      watchers.end();
    },
  };
}

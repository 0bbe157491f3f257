import { CompactedError } from '../store.ts';
import type { CommitResult, Entry, Store, StoreEvent, WatchBatch, Write } from '../store.ts';

/**
 * `store` with its present revision as 0: one that is shared, such as etcd, is at some revision when a case begins, and
 * the cases of the contract name revisions from 1 on.
 */
export async function rebased(store: Store): Promise<Store> {
  const { revision: base } = await store.list('');
  const entry = (e: Entry): Entry => ({
    ...e,
    revision: e.revision - base,
    createRevision: e.createRevision - base,
  });
  const event = (e: StoreEvent): StoreEvent =>
    e.type === 'put'
      ? { ...e, entry: entry(e.entry), previous: e.previous && entry(e.previous) }
      : { ...e, revision: e.revision - base, previous: entry(e.previous) };
  const result = (r: CommitResult): CommitResult =>
    r.ok
      ? { ok: true, revision: r.revision - base }
      : {
          ok: false,
          conflicts: r.conflicts.map(({ key, current }) => ({ key, current: current && entry(current) })),
        };
  const write = (w: Write): Write => (typeof w.expect === 'number' ? { ...w, expect: w.expect + base } : w);
  const failure = (error: unknown): unknown =>
    error instanceof CompactedError
      ? new CompactedError(error.compactedRevision - base, error.currentRevision - base)
      : error;
  async function* batches(inner: AsyncIterable<WatchBatch>): AsyncGenerator<WatchBatch> {
    try {
      for await (const { revision, events } of inner) {
        yield { revision: revision - base, events: events.map(event) };
      }
    } catch (error) {
      throw failure(error);
    }
  }
  return {
    async get(key) {
      const found = await store.get(key);
      return found && entry(found);
    },
    async list(prefix, options = {}) {
      const at = options.at === undefined ? {} : { at: options.at + base };
      try {
        const { entries, revision, remaining } = await store.list(prefix, { ...options, ...at });
        return { entries: entries.map(entry), revision: revision - base, remaining };
      } catch (error) {
        throw failure(error);
      }
    },
    commit: async (writes) => result(await store.commit(writes.map(write))),
    watch: (prefix, from, signal) => batches(store.watch(prefix, from + base, signal)),
    compact: (before) => store.compact(before + base),
    close: () => store.close(),
  };
}

import type { CommitResult, Entry, StoreEvent, WatchBatch, Write } from './store.ts';

type Conflict = Extract<CommitResult, { ok: false }>;

/** What a commit would do; `batch` is undefined when it would change nothing. */
export type Judgement = Conflict | { readonly ok: true; readonly batch: WatchBatch | undefined };

/** Throws TypeError for writes no store can take. */
export function checkWrites(writes: readonly Write[]): void {
  const seen = new Set<string>();
  for (const { key } of writes) {
    if (key === '' || !key.isWellFormed()) {
      throw new TypeError(`a key must be well-formed and not empty: ${JSON.stringify(key)}`);
    }
    if (seen.has(key)) throw new TypeError(`a commit writes ${JSON.stringify(key)} twice`);
    seen.add(key);
  }
}

/** Judges `writes` against what `read` finds, as the commit that would take `revision`. */
export function judge(
  writes: readonly Write[],
  read: (key: string) => Entry | undefined,
  revision: number,
): Judgement {
  const conflicts: Conflict['conflicts'][number][] = [];
  const events: StoreEvent[] = [];
  for (const { key, value, expect } of writes) {
    const previous = read(key);
    if (expect !== undefined && expect !== (previous?.revision ?? 'absent')) {
      conflicts.push({ key, current: previous });
    } else if (value !== null) {
      const createRevision = previous?.createRevision ?? revision;
      events.push({ type: 'put', entry: { key, value, revision, createRevision }, previous });
    } else if (previous !== undefined) {
      events.push({ type: 'delete', key, revision, previous });
    }
  }
  if (conflicts.length > 0) return { ok: false, conflicts };
  return { ok: true, batch: events.length === 0 ? undefined : { revision, events } };
}

import { judge } from '../judge.ts';
import type { Keyspace } from '../keyspace.ts';
import type { CommitResult, Entry, WatchBatch, Write } from '../store.ts';
import { keyOf } from '../watchers.ts';
import { packRows } from './row-codec.ts';
import type { PackedRows, Row } from './row-codec.ts';
import type { Writer } from './writer.ts';

/** Commits in one transaction at most: bounds the memory it takes and the wait of those behind it. */
const MAX_GROUP = 1024;
/** Revisions forgotten in one transaction: commits run between two such steps. */
const COMPACTION_STEP = 1000;

/**
 * Group commit: all commits that arrive while the disk is busy go into the next transaction, each judged against the
 * state that those before it leave. Nothing is visible or answered before it is durable; when the disk refuses, the
 * whole group is rejected (also its conflicts: they may be with commits that never were) and the next one runs.
 */
export interface CommitQueue {
  commit(writes: readonly Write[]): Promise<CommitResult>;
  compact(before: number): Promise<void>;
  /** Resolves when nothing is waiting or running. */
  idle(): Promise<void>;
}

interface PendingCommit extends PromiseWithResolvers<CommitResult> {
  readonly writes: readonly Write[];
}

interface PendingCompaction extends PromiseWithResolvers<void> {
  readonly before: number;
}

export function createCommitQueue(keyspace: Keyspace, writer: Writer): CommitQueue {
  const { history } = keyspace;
  const commits: PendingCommit[] = [];
  let compactions: PendingCompaction[] = [];
  let running: Promise<void> | undefined;

  const run = async (): Promise<void> => {
    // A turn of the microtask queue, so that commits made together go together.
    await Promise.resolve();
    while (commits.length > 0 || compactions.length > 0) {
      if (commits.length > 0) await commitGroup(keyspace, writer, commits.splice(0, MAX_GROUP));
      const overflow = history.overflow();
      if (overflow !== undefined) ask(overflow).promise.catch(() => undefined);
      if (compactions.length > 0) compactions = await compactStep(keyspace, writer, compactions);
    }
    running = undefined;
  };
  const ask = (before: number): PendingCompaction => {
    const pending = { before, ...Promise.withResolvers<void>() };
    compactions.push(pending);
    return pending;
  };
  return {
    commit(writes) {
      const pending = { writes, ...Promise.withResolvers<CommitResult>() };
      commits.push(pending);
      running ??= run();
      return pending.promise;
    },
    compact(before) {
      const { promise } = ask(Math.min(before, history.revision));
      running ??= run();
      return promise;
    },
    idle: () => running ?? Promise.resolve(),
  };
}

async function commitGroup(
  keyspace: Keyspace,
  writer: Writer,
  group: readonly PendingCommit[],
): Promise<void> {
  try {
    const { results, batches } = judgeGroup(keyspace, group);
    if (batches.length > 0) await writer.append(packRows(batches.flatMap(rowsOf)));
    for (const batch of batches) keyspace.apply(batch);
    for (const [i, result] of results.entries()) group[i]?.resolve(result);
  } catch (error) {
    for (const pending of group) pending.reject(error);
  }
}

function judgeGroup(
  keyspace: Keyspace,
  group: readonly PendingCommit[],
): { readonly results: CommitResult[]; readonly batches: WatchBatch[] } {
  const written = new Map<string, Entry | undefined>();
  const read = (key: string): Entry | undefined => (written.has(key) ? written.get(key) : keyspace.get(key));
  const batches: WatchBatch[] = [];
  let { revision } = keyspace.history;
  const results = group.map(({ writes }): CommitResult => {
    const judgement = judge(writes, read, revision + 1);
    if (!judgement.ok) return judgement;
    if (judgement.batch !== undefined) {
      revision++;
      batches.push(judgement.batch);
      for (const event of judgement.batch.events) {
        written.set(keyOf(event), event.type === 'put' ? event.entry : undefined);
      }
    }
    return { ok: true, revision };
  });
  return { results, batches };
}

function rowsOf({ revision, events }: WatchBatch): Row[] {
  return events.map((event) => {
    const key = Buffer.from(keyOf(event));
    return event.type === 'put'
      ? { revision, createRevision: event.entry.createRevision, key, value: event.entry.value }
      : { revision, createRevision: event.previous.createRevision, key, value: null };
  });
}

/** Compacts a part, and returns those of `pending` that still wait. */
async function compactStep(
  { history }: Keyspace,
  writer: Writer,
  pending: readonly PendingCompaction[],
): Promise<PendingCompaction[]> {
  const target = pending.reduce((max, { before }) => Math.max(max, before), 0);
  const to = Math.min(target, history.compactedRevision + COMPACTION_STEP);
  try {
    if (to > history.compactedRevision) {
      const replaced: Row[] = [];
      for (let revision = history.compactedRevision + 1; revision <= to; revision++) {
        for (const event of history.at(revision)?.events ?? []) replaced.push(...replacedBy(event));
      }
      await writer.compact(to, packRows(replaced) satisfies PackedRows);
      history.trim(to);
    }
  } catch (error) {
    for (const { reject } of pending) reject(error);
    return [];
  }
  for (const { before, resolve } of pending) if (before <= history.compactedRevision) resolve();
  return pending.filter(({ before }) => before > history.compactedRevision);
}

/** The rows nobody needs once the event is the oldest thing known about its key. */
function replacedBy(event: WatchBatch['events'][number]): Row[] {
  const key = Buffer.from(keyOf(event));
  const rows: Row[] = [];
  if (event.previous) rows.push({ revision: event.previous.revision, createRevision: 0, key, value: null });
  if (event.type === 'delete') rows.push({ revision: event.revision, createRevision: 0, key, value: null });
  return rows;
}

import { events, type Event } from '../../../api/core/v1/event.ts';
import { objectKey } from '../../../api/kind.ts';
import type { Write } from '../../../storage/store.ts';
import { objectPrefix, revisionOf } from '../../cache/stored-object.ts';
import type { RegistryContext } from '../generic/context.ts';

export interface Housekeeping {
  readonly context: RegistryContext;
  /** Puts the server's own Service right. */
  readonly mend: () => Promise<void>;
}

/** As upstream's --event-ttl. */
export const EVENT_TTL_MS = 3600 * 1000;
const SWEEP_MS = 60_000;
/** As upstream's reconciler of the `kubernetes` Service. */
const MEND_MS = 10_000;
/** As upstream's --etcd-compaction-interval. */
export const COMPACT_MS = 5 * 60_000;
/** Expired events removed in one commit; etcd takes 128 operations (its --max-txn-ops). */
const MAX_REMOVED = 100;

/** Until `signal` aborts: old events and old history go, and the server's own Service stays right. */
export async function runHousekeeping({ context, mend }: Housekeeping, signal: AbortSignal): Promise<void> {
  const { clock, logger } = context;
  const every = async (
    periodMs: number,
    [what, work]: readonly [string, () => Promise<void>],
  ): Promise<void> => {
    while (!signal.aborted) {
      await clock.sleep(periodMs, signal);
      if (signal.aborted) return;
      await work().catch((error: unknown) => logger.warn(`${what} failed`, { err: error }));
    }
  };
  await Promise.all([
    every(MEND_MS, ['mending the kubernetes Service', mend]),
    every(SWEEP_MS, ['removing expired events', () => removeExpiredEvents(context)]),
    every(COMPACT_MS, ['compacting the store', createCompaction(context)]),
  ]);
}

/**
 * When an event was written last, as far as it tells: upstream counts from there, and so an event that is handed in late
 * has its hour too. What lies ahead of the clock says nothing.
 */
function lastWrittenMs({ series, lastTimestamp, eventTime, metadata }: Event, nowMs: number): number {
  const told = [
    metadata.creationTimestamp,
    ...(metadata.managedFields ?? []).map(({ time }) => time),
    eventTime,
    lastTimestamp,
    series?.lastObservedTime,
  ];
  const times = told.map((time) => Date.parse(time ?? '')).filter((ms) => ms <= nowMs);
  if (times.length > 0) return Math.max(...times);
  // Made by a server whose clock is ahead of ours, or before ours was set back: a moment ago, unless that is absurd.
  const isNear = Date.parse(metadata.creationTimestamp ?? '') <= nowMs + EVENT_TTL_MS;
  return isNear ? nowMs : Number.NEGATIVE_INFINITY;
}

/** Several servers may do this at once: each event goes only once, and one that was seen again stays. */
export async function removeExpiredEvents({ store, cache, clock }: RegistryContext): Promise<void> {
  const prefix = objectPrefix(events);
  const now = clock.now();
  const old = (cache.resource(prefix).objects.range('', '') as Event[]).filter(
    (event) => lastWrittenMs(event, now) <= now - EVENT_TTL_MS,
  );
  for (let i = 0; i < old.length; i += MAX_REMOVED) {
    const removals = old
      .slice(i, i + MAX_REMOVED)
      .map((event): Write => ({ key: prefix + objectKey(event), value: null, expect: revisionOf(event) }));
    const result = await store.commit(removals);
    if (result.ok) continue;
    const stale = new Set(result.conflicts.map(({ key }) => key));
    await store.commit(removals.filter(({ key }) => !stale.has(key)));
  }
}

/** Where the servers of one store agree who compacts; the revision is in its value for people. */
const COMPACTION_KEY = '/housekeeping/compaction';

/**
 * Forgets what was history one period ago, so that watchers can always go back that far. Of several servers on one store
 * only the first in each period does it: the others find that its mark has been written since they last looked.
 */
export function createCompaction({
  store,
  cache,
}: {
  readonly store: RegistryContext['store'];
  readonly cache: Pick<RegistryContext['cache'], 'revision'>;
}): () => Promise<void> {
  let before = 0;
  let mark: number | 'absent' = 'absent';
  return async () => {
    const revision = before;
    before = cache.revision;
    if (revision === 0) {
      mark = (await store.get(COMPACTION_KEY))?.revision ?? 'absent';
      return;
    }
    const value = new TextEncoder().encode(JSON.stringify({ revision }));
    const result = await store.commit([{ key: COMPACTION_KEY, value, expect: mark }]);
    mark = result.ok ? result.revision : (result.conflicts[0]?.current?.revision ?? 'absent');
    if (result.ok) await store.compact(revision);
  };
}

import assert from 'node:assert/strict';
import { realClock } from '../../base/clock.ts';
import { silentLogger } from '../../base/logger.ts';
import type { Store, WatchBatch } from '../store.ts';
import { StoreError } from '../store.ts';
import { put, text } from '../contract/fixture.ts';
import { openEtcdStore } from './etcd-store.ts';
import type { EtcdStoreOptions } from './etcd-store.ts';

export const openStore = (servers: readonly string[], more: Partial<EtcdStoreOptions> = {}): Promise<Store> =>
  openEtcdStore({ servers, clock: realClock, logger: silentLogger, ...more });

/** Calls etcd's own JSON gateway. */
export async function ask<T>(server: string, path: string, body: unknown): Promise<T> {
  const response = await fetch(`${server}/v3/${path}`, { method: 'POST', body: JSON.stringify(body) });
  assert.equal(response.status, 200, await response.clone().text());
  return (await response.json()) as T;
}

/** What became of the increments of one writer. */
export interface Tally {
  acknowledged: number;
  unknown: number;
  refused: number;
  /** Of the acknowledged ones. */
  readonly revisions: number[];
}

/** Adds one to `key` again and again until `signal` aborts, and counts what it is told. */
export async function incrementUntil(store: Store, key: string, signal: AbortSignal): Promise<Tally> {
  const tally: Tally = { acknowledged: 0, unknown: 0, refused: 0, revisions: [] };
  while (!signal.aborted) {
    try {
      const entry = await store.get(key);
      const next = String(Number(text(entry) ?? '0') + 1);
      const result = await store.commit([put(key, next, entry?.revision ?? 'absent')]);
      if (!result.ok) continue;
      tally.acknowledged++;
      tally.revisions.push(result.revision);
    } catch (error) {
      assert.ok(error instanceof StoreError, String(error));
      if (error.trouble === 'unknown-outcome') tally.unknown++;
      else tally.refused++;
    }
  }
  return tally;
}

/** Collects a watch until `signal` aborts. */
export async function collect(watch: AsyncIterable<WatchBatch>): Promise<WatchBatch[]> {
  const batches: WatchBatch[] = [];
  for await (const batch of watch) if (batch.events.length > 0) batches.push(batch);
  return batches;
}

/** The numbers written to `key`, as a watch told them. */
export const numbersOf = (batches: readonly WatchBatch[], key: string): number[] =>
  batches.flatMap(({ events }) =>
    events.flatMap((event) =>
      event.type === 'put' && event.entry.key === key ? [Number(text(event.entry))] : [],
    ),
  );

export const upTo = (n: number): number[] => Array.from({ length: n }, (_, i) => i + 1);

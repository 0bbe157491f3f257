import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import { CompactedError } from '../store.ts';
import type { Entry, Store, StoreEvent, WatchBatch, Write } from '../store.ts';

/** What a store must do, keyed by the sentence that says it. Each runs on a store of its own, never written before. */
export type ContractCases = Readonly<Record<string, (store: Store) => Promise<void>>>;

export const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

export const text = (entry: Entry | undefined): string | undefined =>
  entry && new TextDecoder().decode(entry.value);

export const put = (key: string, value: string, expect?: Write['expect']): Write =>
  expect === undefined ? { key, value: bytes(value) } : { key, value: bytes(value), expect };

export const remove = (key: string, expect?: Write['expect']): Write =>
  expect === undefined ? { key, value: null } : { key, value: null, expect };

/** Commits, insists on success and returns the revision. */
export async function commit(store: Store, ...writes: Write[]): Promise<number> {
  const result = await store.commit(writes);
  assert.ok(result.ok, 'the commit was refused');
  return result.revision;
}

/** `key=value` of each entry. */
export const texts = (entries: readonly Entry[]): string[] =>
  entries.map((entry) => `${entry.key}=${text(entry)}`);

/** `put a=new<old` or `delete a<old`. */
export function eventText(event: StoreEvent): string {
  const old = event.previous === undefined ? '' : `<${text(event.previous)}`;
  return event.type === 'put'
    ? `put ${event.entry.key}=${text(event.entry)}${old}`
    : `delete ${event.key}${old}`;
}

/** `5: put a=1, delete b<2`. */
export const batchText = (batch: WatchBatch): string =>
  `${batch.revision}: ${batch.events.map(eventText).join(', ')}`;

/** The first `n` batches of a watch, which is then left. */
export async function take(watch: AsyncIterable<WatchBatch>, n: number): Promise<string[]> {
  const found: string[] = [];
  if (n === 0) return found;
  for await (const batch of watch) {
    if (batch.events.length === 0) continue;
    found.push(batchText(batch));
    if (found.length === n) break;
  }
  return found;
}

/** A signal that nobody aborts. */
export const never = (): AbortSignal => new AbortController().signal;

/** Waits until `isTrue`, for 5 s at most. */
export async function until(isTrue: () => boolean, what: string): Promise<void> {
  for (let i = 0; i < 500 && !isTrue(); i++) await sleep(10);
  assert.ok(isTrue(), what);
}

/** For assert.rejects: a CompactedError with these revisions. */
export const isCompacted = (compactedRevision: number, currentRevision: number) => (error: unknown) => {
  assert.ok(error instanceof CompactedError);
  assert.deepEqual([error.compactedRevision, error.currentRevision], [compactedRevision, currentRevision]);
  return true;
};

import type { DatabaseSync } from 'node:sqlite';
import type { HistoryLimit } from '../history.ts';
import { createKeyspace } from '../keyspace.ts';
import type { Keyspace } from '../keyspace.ts';
import type { Entry, StoreEvent } from '../store.ts';
import { checkPages, DamageError } from './database.ts';

/** Rebuilds keys and history from the log. Throws DamageError when its rows cannot be what a store wrote. */
export function loadKeyspace(db: DatabaseSync, limit: HistoryLimit): Keyspace {
  checkPages(db);
  const compactedRevision = db.prepare('SELECT revision FROM compaction').get()?.['revision'];
  if (typeof compactedRevision !== 'number')
    throw new DamageError('the revision of the compaction is missing');
  const keyspace = createKeyspace({ compactedRevision, limit });
  const replay = createReplay(keyspace);
  const select = db.prepare('SELECT revision, create_revision, key, value FROM log ORDER BY id');
  select.setReturnArrays(true);
  // Without objects; the types of @types/node do not know of it.
  for (const record of select.iterate() as Iterable<unknown>) replay.add(rowOf(record));
  replay.end();
  return keyspace;
}

interface LoadedRow {
  readonly revision: number;
  readonly createRevision: number;
  readonly key: string;
  readonly value: Uint8Array | null;
}

function rowOf(record: unknown): LoadedRow {
  const [revision, createRevision, key, value] = record as unknown[];
  const isSound =
    typeof revision === 'number' &&
    typeof createRevision === 'number' &&
    typeof key === 'string' &&
    (value === null || value instanceof Uint8Array);
  if (!isSound) throw new DamageError('a row of the log has a wrong type');
  return { revision, createRevision, key, value };
}

function createReplay(keyspace: Keyspace): { add(row: LoadedRow): void; end(): void } {
  const { compactedRevision } = keyspace.history;
  const keep = createSlabs();
  let revision = 0;
  let events: StoreEvent[] = [];
  const endBatch = (): void => {
    if (events.length > 0) keyspace.apply({ revision, events });
    events = [];
  };
  const add = (row: LoadedRow): void => {
    if (row.revision > compactedRevision) {
      if (row.revision !== revision || events.length === 0) {
        endBatch();
        expectRevision(row.revision, Math.max(revision, compactedRevision) + 1);
      }
      events.push(eventOf(row, keyspace, keep));
    } else {
      if (row.revision < revision || row.value === null) expectRevision(row.revision, revision);
      keyspace.seed(entryOf(row, keep(row.value ?? new Uint8Array())));
    }
    revision = row.revision;
  };
  return { add, end: endBatch };
}

function expectRevision(found: number, expected: number): void {
  if (found !== expected) throw new DamageError(`revision ${found} stands where ${expected} should`);
}

function entryOf({ key, revision, createRevision }: LoadedRow, value: Uint8Array): Entry {
  return { key, value, revision, createRevision };
}

function eventOf(row: LoadedRow, keyspace: Keyspace, keep: (value: Uint8Array) => Uint8Array): StoreEvent {
  const previous = keyspace.get(row.key);
  if (row.value !== null) return { type: 'put', entry: entryOf(row, keep(row.value)), previous };
  if (previous === undefined) {
    throw new DamageError(`revision ${row.revision} deletes what was not there`);
  }
  return { type: 'delete', key: row.key, revision: row.revision, previous };
}

const SLAB_BYTES = 64 * 1024;

/**
 * Moves small values into shared buffers: one buffer of its own for each would cost twice its bytes. A slab lives as
 * long as one of its values, so slabs are small.
 */
function createSlabs(): (value: Uint8Array) => Uint8Array {
  let slab = new Uint8Array(0);
  let used = 0;
  return (value) => {
    if (value.length > SLAB_BYTES / 8) return value;
    if (used + value.length > slab.length) {
      slab = new Uint8Array(SLAB_BYTES);
      used = 0;
    }
    slab.set(value, used);
    used += value.length;
    return slab.subarray(used - value.length, used);
  };
}

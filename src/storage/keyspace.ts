import { createHistory } from './history.ts';
import type { History, HistoryLimit } from './history.ts';
import { compareKeys, createSortedKeys } from './sorted-keys.ts';
import type { SortedKeys } from './sorted-keys.ts';
import type { Entry, ListOptions, ListResult, StoreEvent, WatchBatch } from './store.ts';
import { createWatchers, keyOf } from './watchers.ts';
import type { Watchers } from './watchers.ts';

/** The state of a store in memory: current keys, history, watches. It decides nothing and knows no medium. */
export interface Keyspace {
  readonly history: History;
  readonly watchers: Watchers;
  readonly get: (key: string) => Entry | undefined;
  list(prefix: string, options?: ListOptions): ListResult;
  /** Makes the batch the newest revision and tells the watches. */
  apply(batch: WatchBatch): void;
  /** Puts an entry from before the history began. */
  seed(entry: Entry): void;
}

export interface KeyspaceOptions {
  /** Revision after which the history begins. */
  readonly compactedRevision: number;
  readonly limit: HistoryLimit;
}

export function createKeyspace({ compactedRevision, limit }: KeyspaceOptions): Keyspace {
  const entries = new Map<string, Entry>();
  const keys = createSortedKeys();
  const history = createHistory(compactedRevision, limit);
  const watchers = createWatchers(history);
  const put = (entry: Entry): void => {
    if (!entries.has(entry.key)) keys.add(entry.key);
    entries.set(entry.key, entry);
  };
  const applyEvent = (event: StoreEvent): void => {
    if (event.type === 'put') return put(event.entry);
    entries.delete(event.key);
    keys.delete(event.key);
  };
  return {
    history,
    watchers,
    get: (key) => entries.get(key),
    list(prefix, options = {}) {
      if (options.at === undefined || options.at === history.revision) {
        return listNow({ entries, keys, revision: history.revision }, prefix, options);
      }
      const past = pastEntries(history, prefix, options.at);
      return listPast({ entries, keys, past, revision: options.at }, prefix, options);
    },
    apply(batch) {
      history.append(batch);
      batch.events.forEach(applyEvent);
      watchers.notify(batch);
    },
    seed: put,
  };
}

interface Current {
  readonly entries: ReadonlyMap<string, Entry>;
  readonly keys: SortedKeys;
  readonly revision: number;
}

/** Positions of the keys under `prefix` that come after `after`. */
function rangeOf(keys: SortedKeys, prefix: string, after = ''): { start: number; end: number } {
  const end = keys.rank((key) => key.startsWith(prefix) || compareKeys(key, prefix) < 0);
  const start = keys.rank((key) => compareKeys(key, prefix) < 0 || compareKeys(key, after) <= 0);
  return { start: Math.min(start, end), end };
}

function listNow(current: Current, prefix: string, { after, limit = Infinity }: ListOptions): ListResult {
  const { start, end } = rangeOf(current.keys, prefix, after);
  const stop = Math.min(end, start + limit);
  const entries = entriesOf(current, current.keys.slice(start, stop));
  return { entries, revision: current.revision, remaining: end - stop };
}

const entriesOf = (current: Current, keys: readonly string[]): Entry[] =>
  keys.map((key) => current.entries.get(key)).filter((entry) => entry !== undefined);

/** For each key under `prefix` written after revision `at`: what stood there at `at`. */
function pastEntries(history: History, prefix: string, at: number): Map<string, Entry | undefined> {
  history.check(at);
  if (at > history.revision) {
    throw new RangeError(`revision ${at} is still to come: current is ${history.revision}`);
  }
  const past = new Map<string, Entry | undefined>();
  for (let revision = at + 1; revision <= history.revision; revision++) {
    for (const event of history.at(revision)?.events ?? []) {
      const key = keyOf(event);
      if (key.startsWith(prefix) && !past.has(key)) past.set(key, event.previous);
    }
  }
  return past;
}

function listPast(
  current: Current & { readonly past: ReadonlyMap<string, Entry | undefined> },
  prefix: string,
  { after = '', limit = Infinity }: ListOptions,
): ListResult {
  const { keys, past } = current;
  const { start, end } = rangeOf(keys, prefix, after);
  const changed = [...past.keys()].filter((key) => compareKeys(key, after) > 0);
  const nChangedStanding = changed.filter((key) => current.entries.has(key)).length;
  const old = changed.map((key) => past.get(key)).filter((entry) => entry !== undefined);
  // At most `nChangedStanding` of these fall out, so the page's unchanged keys are all among them.
  const near = keys.slice(start, Math.min(end, start + limit + nChangedStanding));
  const unchanged = entriesOf(
    current,
    near.filter((key) => !past.has(key)),
  );
  const found = [...unchanged, ...old].sort((a, b) => compareKeys(a.key, b.key));
  const entries = found.slice(0, limit);
  const total = end - start - nChangedStanding + old.length;
  return { entries, revision: current.revision, remaining: total - entries.length };
}

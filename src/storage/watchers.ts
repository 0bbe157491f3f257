import type { History } from './history.ts';
import type { StoreEvent, WatchBatch } from './store.ts';

/** All running watches of one history. Each is a place in it: a slow reader holds nothing back and costs nothing. */
export interface Watchers {
  watch(prefix: string, from: number, signal: AbortSignal): AsyncGenerator<WatchBatch, void, undefined>;
  /** Call after each append to the history. */
  notify(batch: WatchBatch): void;
  /** Ends every watch quietly. */
  end(): void;
}

interface Watcher {
  readonly prefix: string;
  /** The last revision this watch has dealt with. */
  at: number;
  /** Set while the watch has dealt with all there is. */
  wake: (() => void) | undefined;
}

export const keyOf = (event: StoreEvent): string => (event.type === 'put' ? event.entry.key : event.key);

export function createWatchers(history: History): Watchers {
  const watchers = new Set<Watcher>();
  let hasEnded = false;
  const wake = (watcher: Watcher): void => {
    const resume = watcher.wake;
    watcher.wake = undefined;
    resume?.();
  };
  async function* watch(
    prefix: string,
    from: number,
    signal: AbortSignal,
  ): AsyncGenerator<WatchBatch, void, undefined> {
    const watcher: Watcher = { prefix, at: from, wake: undefined };
    const onAbort = (): void => wake(watcher);
    watchers.add(watcher);
    signal.addEventListener('abort', onAbort, { once: true });
    try {
      while (!hasEnded && !signal.aborted) {
        history.check(watcher.at);
        const batch = nextBatch(history, watcher);
        if (batch !== undefined) yield batch;
        else await new Promise<void>((resolve) => (watcher.wake = resolve));
      }
    } finally {
      watchers.delete(watcher);
      signal.removeEventListener('abort', onAbort);
    }
  }
  return {
    watch,
    notify(batch) {
      for (const watcher of watchers) {
        if (watcher.wake === undefined) continue;
        const isWanted =
          batch.revision > watcher.at && batch.events.some((e) => keyOf(e).startsWith(watcher.prefix));
        if (isWanted) wake(watcher);
        else watcher.at = Math.max(watcher.at, batch.revision);
      }
    },
    end() {
      hasEnded = true;
      for (const watcher of watchers) wake(watcher);
    },
  };
}

/** Moves the watcher over batches that do not concern it, up to and including the one returned. */
function nextBatch(history: History, watcher: Watcher): WatchBatch | undefined {
  while (watcher.at < history.revision) {
    const batch = history.at(++watcher.at);
    const found = batch && underPrefix(batch, watcher.prefix);
    if (found !== undefined) return found;
  }
  return undefined;
}

function underPrefix(batch: WatchBatch, prefix: string): WatchBatch | undefined {
  const events = batch.events.filter((event) => keyOf(event).startsWith(prefix));
  if (events.length === 0) return undefined;
  return events.length === batch.events.length ? batch : { revision: batch.revision, events };
}

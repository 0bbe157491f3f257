import type { CancelTimer, Clock } from './clock.ts';
import { workQueueMetrics } from './work-queue-metrics.ts';

/**
 * Keys waiting to be worked on. A key stands in it once however often it is added, and is handed to one worker at a
 * time: added again while being worked on, it comes back after `done`. So no change is ever lost and none is done twice
 * at once.
 */
export interface WorkQueue<K> {
  add(key: K): void;
  /** Adds the key after `delayMs`; of several delays of one key the earliest counts. */
  addAfter(key: K, delayMs: number): void;
  /** Waits for a key; undefined when `signal` aborts. Every key it gives must be handed back with `done`. */
  next(signal: AbortSignal): Promise<K | undefined>;
  done(key: K): void;
  /** Adds the key after its own growing delay and says how often it was retried since `forget` (1 the first time). */
  retry(key: K): number;
  /** The key succeeded: its delay starts anew. */
  forget(key: K): void;
}

export interface WorkQueueOptions {
  readonly clock: Clock;
  /** First delay of `retry` (default 5 ms, as client-go's item exponential failure limiter). */
  readonly baseMs?: number;
  /** Longest delay of `retry` (default 1 000 s, as client-go). */
  readonly maxMs?: number;
  /** Under which the queue is counted (default: it is not). */
  readonly name?: string;
  /** When it aborts, keys waiting for a delay are dropped and their timers end, so that a process can. */
  readonly signal?: AbortSignal;
}

interface Delayed {
  readonly at: number;
  readonly cancel: CancelTimer;
}

/** One timer per key, the earliest asked for. */
function createDelays<K>(
  { clock, signal }: WorkQueueOptions,
  fire: (key: K) => void,
): (key: K, delayMs: number) => void {
  const delayed = new Map<K, Delayed>();
  const drop = (): void => {
    for (const { cancel } of delayed.values()) cancel();
    delayed.clear();
  };
  signal?.addEventListener('abort', drop, { once: true });
  return (key, delayMs) => {
    if (delayMs <= 0) return fire(key);
    if (signal?.aborted) return;
    const at = clock.now() + delayMs;
    const earlier = delayed.get(key);
    if (earlier !== undefined && earlier.at <= at) return;
    earlier?.cancel();
    const cancel = clock.after(delayMs, () => {
      delayed.delete(key);
      fire(key);
    });
    delayed.set(key, { at, cancel });
  };
}

/** Resolves with the key that `idle` is given for, or undefined when `signal` aborts. */
function waitIn<K>(idle: Set<(key: K) => void>, signal: AbortSignal): Promise<K | undefined> {
  return new Promise((resolve) => {
    const give = (key: K): void => {
      signal.removeEventListener('abort', stop);
      resolve(key);
    };
    const stop = (): void => {
      idle.delete(give);
      resolve(undefined);
    };
    idle.add(give);
    signal.addEventListener('abort', stop, { once: true });
  });
}

/** An empty queue. Keys are compared as a Map compares them, so use strings or numbers. */
export function createWorkQueue<K>(options: WorkQueueOptions): WorkQueue<K> {
  const { baseMs = 5, maxMs = 1_000_000, name, clock } = options;
  const metrics = name === undefined ? undefined : workQueueMetrics<K>(name, clock);
  const waiting = new Set<K>();
  const working = new Set<K>();
  const again = new Set<K>();
  const failures = new Map<K, number>();
  const idle = new Set<(key: K) => void>();

  const take = (key: K): void => {
    working.add(key);
    metrics?.taken(key, waiting.size);
  };

  const add = (key: K): void => {
    if (working.has(key)) {
      again.add(key);
      return;
    }
    if (waiting.has(key)) return;
    const [worker] = idle;
    if (worker === undefined) waiting.add(key);
    metrics?.added(key, waiting.size);
    if (worker === undefined) return;
    idle.delete(worker);
    take(key);
    worker(key);
  };

  const addAfter = createDelays(options, add);

  const next = (signal: AbortSignal): Promise<K | undefined> => {
    if (signal.aborted) return Promise.resolve(undefined);
    for (const key of waiting) {
      waiting.delete(key);
      take(key);
      return Promise.resolve(key);
    }
    return waitIn(idle, signal);
  };

  return {
    add,
    addAfter,
    next,
    done: (key) => {
      working.delete(key);
      metrics?.done(key);
      if (again.delete(key)) add(key);
    },
    retry: (key) => {
      metrics?.retried();
      const count = failures.get(key) ?? 0;
      failures.set(key, count + 1);
      addAfter(key, Math.min(maxMs, baseMs * 2 ** count));
      return count + 1;
    },
    forget: (key) => void failures.delete(key),
  };
}

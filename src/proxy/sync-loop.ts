import { createBackoff } from '../base/backoff.ts';
import type { Clock } from '../base/clock.ts';
import type { Logger } from '../base/logger.ts';
import type { ProxyMode } from './state/model.ts';
import type { ProxyStateChange, ProxyStateTracker } from './state/proxy-state-tracker.ts';

export interface SyncReport {
  /** Ids that were written, none when what was seen changes nothing here; undefined = everything was looked at. */
  readonly changed: ReadonlySet<string> | undefined;
  readonly durationMs: number;
}

export interface SyncLoopOptions {
  readonly tracker: ProxyStateTracker;
  readonly mode: ProxyMode;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly onSynced: (report: SyncReport) => void;
  /** Least time between the starts of two syncs. */
  readonly minSyncMs: number;
  /** Whatever was decided, before it is carried to the mode. */
  readonly onDecided?: (change: ProxyStateChange) => void;
}

/** Carries what a tracker decides to a mode, one sync at a time. */
export interface SyncLoop {
  /** The tracker may have something new: a sync follows with this turn's end, or with the running sync's. */
  request(): void;
  /** As `request`, but everything is looked at. */
  requestFull(): void;
  /** When the oldest change not yet carried over came, in ms since the epoch; undefined = all is true. */
  pendingSinceMs(): number | undefined;
  /** Until `signal` aborts; never rejects. The first sync looks at everything. */
  run(signal: AbortSignal): Promise<void>;
}

/** A failed sync is tried again after 50 ms, later after up to 5 s. */
const MIN_PAUSE_MS = 50;
const MAX_PAUSE_MS = 5_000;

/** Services decided between two turns of the event loop: a start with tens of thousands takes a second and more. */
const servicesPerTurn = 500;

const turnEnd = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

export function createSyncLoop(options: SyncLoopOptions): SyncLoop {
  const { tracker, mode, clock, logger, onSynced, minSyncMs, onDecided } = options;
  const backoff = createBackoff({ minMs: MIN_PAUSE_MS, maxMs: MAX_PAUSE_MS });
  /** What is not yet true: undefined = everything may differ. Grows until a sync succeeds. */
  let pending: Set<string> | undefined;
  let pendingSinceMs: number | undefined;
  let isRequested = false;
  /** Asked for since the last sync began: one that runs does not fulfil it. */
  let isFullRequested = false;
  let notBeforeMs = 0;
  let wake: () => void = () => undefined;

  const request = (): void => {
    isRequested = true;
    pendingSinceMs ??= clock.now();
    wake();
  };
  const syncOnce = async (): Promise<void> => {
    isRequested = false;
    while (!tracker.settle(servicesPerTurn)) await turnEnd();
    const decided = tracker.take();
    const { state, changed } = decided;
    onDecided?.(decided);
    pending = isFullRequested || changed === undefined ? undefined : pending?.union(changed);
    isFullRequested = false;
    const tried = pending;
    const startMs = clock.now();
    if (tried === undefined || tried.size > 0) {
      await mode.sync(state, tried);
      pending = new Set();
    }
    onSynced({ changed: tried, durationMs: clock.now() - startMs });
    backoff.reset();
    pendingSinceMs = isRequested ? startMs : undefined;
  };

  return {
    request,
    requestFull: () => {
      isFullRequested = true;
      request();
    },
    pendingSinceMs: () => pendingSinceMs,
    run: async (signal) => {
      signal.addEventListener('abort', () => wake(), { once: true });
      while (!signal.aborted) {
        if (!isRequested) await new Promise<void>((resolve) => (wake = resolve));
        // All events of one turn become one sync: a list of thousands of objects, or a burst of a watch.
        await turnEnd();
        // No longer than that, also when the machine's time was set back.
        const waitMs = Math.min(minSyncMs, notBeforeMs - clock.now());
        if (waitMs > 0) await clock.sleep(waitMs, signal);
        if (signal.aborted) return;
        notBeforeMs = clock.now() + minSyncMs;
        try {
          await syncOnce();
        } catch (err) {
          isRequested = true;
          const pauseMs = backoff.next();
          logger.warn('could not bring the proxy up to date, trying again', { err, pauseMs });
          await clock.sleep(pauseMs, signal);
        }
      }
    },
  };
}

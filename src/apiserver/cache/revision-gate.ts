import { ApiError, timeout } from '../../api/errors/api-error.ts';
import type { Clock } from '../../base/clock.ts';

/** How far memory has come, and who waits for it to come further. */
export interface RevisionGate {
  /** -1 before the first `advance`. */
  readonly revision: number;
  advance(to: number): void;
  /** Resolves at once when `revision` has been reached; rejects with 504 when it is not in time. */
  atLeast(revision: number): Promise<void>;
  /** Resolves when `revision` has been reached, or `signal` aborts. */
  reached(revision: number, signal: AbortSignal): Promise<void>;
}

/** How long a reader waits for a revision; as upstream's watch cache. */
const WAIT_MS = 3000;

export function createRevisionGate(clock: Clock): RevisionGate {
  const waiters = new Set<{ readonly revision: number; readonly resolve: () => void }>();
  let revision = -1;
  /** Resolves when the revision is reached or `giveUp` calls. */
  const waitFor = (wanted: number, giveUp: (call: () => void) => () => void): Promise<void> =>
    new Promise((resolve) => {
      const done = (): void => {
        dispose();
        waiters.delete(waiter);
        resolve();
      };
      const waiter = { revision: wanted, resolve: done };
      const dispose = giveUp(done);
      waiters.add(waiter);
    });
  return {
    get revision() {
      return revision;
    },
    advance(to) {
      revision = to;
      for (const waiter of waiters) if (waiter.revision <= to) waiter.resolve();
    },
    async atLeast(wanted) {
      const target = Math.max(wanted, 0);
      if (revision >= target) return;
      await waitFor(target, (call) => clock.after(WAIT_MS, call));
      if (revision < target) throw tooLargeRevision(target, revision);
    },
    async reached(wanted, signal) {
      if (revision >= wanted || signal.aborted) return;
      await waitFor(wanted, (call) => {
        signal.addEventListener('abort', call);
        return () => signal.removeEventListener('abort', call);
      });
    },
  };
}

function tooLargeRevision(wanted: number, current: number): ApiError {
  const { status } = timeout(`Too large resource version: ${wanted}, current: ${Math.max(current, 0)}`);
  const causes = [{ reason: 'ResourceVersionTooLarge', message: 'Too large resource version' }];
  return new ApiError({ ...status, details: { causes, retryAfterSeconds: 1 } });
}

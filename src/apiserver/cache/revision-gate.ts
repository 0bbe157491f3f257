import { ApiError, timeout } from '../../api/errors/api-error.ts';
import type { Clock } from '../../base/clock.ts';

/** How far memory has come, and who waits for it to come further. */
export interface RevisionGate {
  /** -1 before the first `advance`. */
  readonly revision: number;
  advance(to: number): void;
  /** Resolves at once when `revision` has been reached; rejects with 504 when it is not in time. */
  atLeast(revision: number): Promise<void>;
}

/** How long a reader waits for a revision; as upstream's watch cache. */
const WAIT_MS = 3000;

export function createRevisionGate(clock: Clock): RevisionGate {
  const waiters = new Set<{ readonly revision: number; readonly resolve: () => void }>();
  let revision = -1;
  const waitFor = (wanted: number): Promise<void> =>
    new Promise((resolve) => {
      const done = (): void => {
        cancel();
        waiters.delete(waiter);
        resolve();
      };
      const waiter = { revision: wanted, resolve: done };
      const cancel = clock.after(WAIT_MS, done);
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
      await waitFor(target);
      if (revision < target) throw tooLargeRevision(target, revision);
    },
  };
}

function tooLargeRevision(wanted: number, current: number): ApiError {
  const { status } = timeout(`Too large resource version: ${wanted}, current: ${Math.max(current, 0)}`);
  const causes = [{ reason: 'ResourceVersionTooLarge', message: 'Too large resource version' }];
  return new ApiError({ ...status, details: { causes, retryAfterSeconds: 1 } });
}

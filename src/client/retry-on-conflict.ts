import { isConflict } from '../api/errors/api-error.ts';
import type { Clock } from '../base/clock.ts';

const firstPauseMs = 10;

/**
 * Runs `attempt`, which reads an object, changes it and writes it back, until no one else was faster; at most
 * `attempts` times (default 5), then the last Conflict is thrown. Other errors are thrown at once.
 */
export async function retryOnConflict<R>(
  attempt: () => Promise<R>,
  options: { readonly clock: Clock; readonly attempts?: number },
): Promise<R> {
  const { clock, attempts = 5 } = options;
  for (let n = 1; ; n++) {
    try {
      return await attempt();
    } catch (error) {
      if (!isConflict(error) || n >= attempts) throw error;
      await clock.sleep(firstPauseMs * n);
    }
  }
}

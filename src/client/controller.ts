import type { Clock } from '../base/clock.ts';
import type { Logger } from '../base/logger.ts';
import type { WorkQueue } from '../base/work-queue.ts';
import { isNamespaceTerminating, isOvertaken } from './expected-errors.ts';

export interface ControllerOptions {
  readonly name: string;
  /**
   * Brings the world in line for one key, whatever happened to it. May throw: the key is tried again with growing
   * delay. A number asks to be called again after so many milliseconds.
   */
  readonly reconcile: (key: string, signal: AbortSignal) => Promise<number | void>;
  readonly queue: WorkQueue<string>;
  /** Keys worked on at the same time (default 4); one key never twice at once. */
  readonly workers?: number;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** Works through the queue until `signal` aborts and the running reconciliations are over. Never rejects. */
export async function runController(options: ControllerOptions, signal: AbortSignal): Promise<void> {
  const { name, reconcile, queue, workers = 4, clock } = options;
  const logger = options.logger.child({ controller: name });

  const work = async (key: string): Promise<void> => {
    const from = clock.now();
    try {
      const againMs = await reconcile(key, signal);
      queue.forget(key);
      if (againMs !== undefined) queue.addAfter(key, againMs);
      logger.debug('reconciled', { key, ms: clock.now() - from });
    } catch (err) {
      if (signal.aborted) return;
      if (isNamespaceTerminating(err)) {
        queue.forget(key);
        logger.debug('not done, since the namespace is going', { key });
        return;
      }
      const attempt = queue.retry(key);
      logger[isOvertaken(err) ? 'debug' : 'warn']('reconciling failed, trying again', { key, attempt, err });
    }
  };

  const worker = async (): Promise<void> => {
    for (;;) {
      const key = await queue.next(signal);
      if (key === undefined) return;
      await work(key);
      queue.done(key);
    }
  };
  await Promise.all(Array.from({ length: workers }, worker));
}

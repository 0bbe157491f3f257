import type { Clock } from '../../base/clock.ts';
import { endingFlow, flowOf, iterableOf } from '../../base/flow.ts';

/** What must end when the server stops: watches and logs. */
export interface Streams {
  /** A signal that aborts with the client's, after `timeoutMs`, or when the server stops. `end` aborts it now. */
  open(client: AbortSignal, timeoutMs?: number): { readonly signal: AbortSignal; readonly end: () => void };
  /** Ends every stream; later ones end at once. */
  close(): void;
  readonly size: number;
}

export function createStreams(clock: Clock): Streams {
  const running = new Set<AbortController>();
  let isClosed = false;
  return {
    open: (client, timeoutMs) => {
      const controller = new AbortController();
      const end = (): void => controller.abort();
      const cancelTimer = timeoutMs === undefined ? undefined : clock.after(timeoutMs, end);
      running.add(controller);
      client.addEventListener('abort', end, { once: true });
      controller.signal.addEventListener('abort', () => {
        cancelTimer?.();
        running.delete(controller);
        client.removeEventListener('abort', end);
      });
      if (isClosed || client.aborted) end();
      return { signal: controller.signal, end };
    },
    close: () => {
      isClosed = true;
      for (const controller of [...running]) controller.abort();
    },
    get size() {
      return running.size;
    },
  };
}

/** Passes on what the source yields, and calls `end` when either side is done with it. */
export const endingStream = <T>(source: AsyncIterable<T>, end: () => void): AsyncIterable<T> =>
  iterableOf(endingFlow(flowOf(source), end));

/** The same, but for a source that breaks because `signal` has aborted: that is its end. */
export async function* untilAborted<T>(source: AsyncIterable<T>, signal: AbortSignal): AsyncGenerator<T> {
  try {
    yield* source;
  } catch (error) {
    if (!signal.aborted) throw error;
  }
}

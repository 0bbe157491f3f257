import type { Clock } from '../../base/clock.ts';

/** Where the pieces of a response go. */
export interface BodySink {
  /** False: it has taken the piece, and would rather wait for room before the next one. */
  write(piece: string | Uint8Array): boolean;
  /** Calls once when there is room again. Returns what takes the call back. */
  whenDrained(call: () => void): () => void;
}

export interface BodyWriterOptions {
  /** Aborted when nobody takes it any more. */
  readonly gone: AbortSignal;
  readonly clock: Clock;
}

/** A client that takes nothing for so long while there is something for it is cut off. */
const STALL_MS = 60_000;

/** Writes piece by piece, waiting for the client: at most one piece beyond the sink's own buffer is held here. */
export async function writePieces(
  sink: BodySink,
  body: AsyncIterable<string | Uint8Array> | Iterable<string | Uint8Array>,
  options: BodyWriterOptions,
): Promise<void> {
  for await (const piece of body) {
    if (options.gone.aborted) return;
    if (!sink.write(piece)) await drained(sink, options);
  }
}

/** Resolves when there is room again or the client has gone; rejects when it takes nothing for STALL_MS. */
function drained(sink: BodySink, { gone, clock }: BodyWriterOptions): Promise<void> {
  return new Promise((resolve, reject) => {
    if (gone.aborted) return resolve();
    const cancel = clock.after(STALL_MS, () => finish(() => reject(new Error('the client takes nothing'))));
    const onReady = (): void => finish(resolve);
    const takeBack = sink.whenDrained(onReady);
    const finish = (settle: () => void): void => {
      cancel();
      takeBack();
      gone.removeEventListener('abort', onReady);
      settle();
    };
    gone.addEventListener('abort', onReady, { once: true });
  });
}

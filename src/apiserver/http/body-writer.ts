import type { Clock } from '../../base/clock.ts';
import { FLOW_END, flowOf } from '../../base/flow.ts';
import type { Flow } from '../../base/flow.ts';

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

type Piece = string | Uint8Array;

/** Writes piece by piece, waiting for the client: at most one piece beyond the sink's own buffer is held here. */
export async function writePieces(
  sink: BodySink,
  body: AsyncIterable<Piece> | Iterable<Piece>,
  options: BodyWriterOptions,
): Promise<void> {
  if (Symbol.asyncIterator in body) return writeFlow(sink, flowOf(body), options);
  for (const piece of body) {
    if (options.gone.aborted) return;
    if (!sink.write(piece))
      await new Promise<void>((resolve, reject) => whenDrained(sink, options, { resolve, reject }));
  }
}

/** The same for what comes in its own time: it is written in the very turn in which it comes. */
function writeFlow(sink: BodySink, flow: Flow<Piece>, options: BodyWriterOptions): Promise<void> {
  const { gone } = options;
  return new Promise((resolve, reject) => {
    let isOver = false;
    let isFull = false;
    const finish = (settle: () => void): void => {
      if (isOver) return;
      isOver = true;
      gone.removeEventListener('abort', onGone);
      flow.stop();
      settle();
    };
    const fail = (error: unknown): void =>
      finish(() => reject(error instanceof Error ? error : new Error(String(error))));
    const onGone = (): void => finish(resolve);
    const goOn = (): void => {
      isFull = false;
      pump();
    };
    const pump = (): void => {
      try {
        while (!isOver && !isFull) {
          const piece = flow.next(pump);
          if (piece === undefined) return;
          if (piece === FLOW_END) return finish(resolve);
          if (sink.write(piece)) continue;
          isFull = true;
          whenDrained(sink, options, { resolve: goOn, reject: fail });
        }
      } catch (error) {
        fail(error);
      }
    };
    gone.addEventListener('abort', onGone, { once: true });
    if (gone.aborted) onGone();
    else pump();
  });
}

interface Settling {
  readonly resolve: () => void;
  readonly reject: (error: Error) => void;
}

/** Resolves when there is room again or the client has gone; rejects when it takes nothing for STALL_MS. */
function whenDrained(
  sink: BodySink,
  { gone, clock }: BodyWriterOptions,
  { resolve, reject }: Settling,
): void {
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
}

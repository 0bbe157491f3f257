import { FLOW_END, flowOf, iterableOf } from '../../base/flow.ts';

type Piece = string | Uint8Array;

export interface Framing<E> {
  /** The events as chunks of the answer; lazily, where that is a lot. */
  readonly pieces: (batch: readonly E[]) => Iterable<Piece>;
  /** What a watcher is told of an error, as the last thing. */
  readonly failure: (error: unknown) => Piece;
}

/** Batches of events as chunks of an answer. The next batch is asked for when the last one has been taken. */
export function framedEvents<E>(
  events: AsyncIterable<readonly E[]>,
  { pieces, failure }: Framing<E>,
): AsyncIterable<Piece> {
  const source = flowOf(events);
  let rest: Iterator<Piece> | undefined;
  let hasFailed = false;
  const nextPiece = (wake: () => void): Piece | undefined | typeof FLOW_END => {
    for (;;) {
      const piece = rest?.next();
      if (piece?.done === false) return piece.value;
      rest = undefined;
      const batch = source.next(wake);
      if (batch === undefined || batch === FLOW_END) return batch;
      rest = pieces(batch)[Symbol.iterator]();
    }
  };
  return iterableOf({
    next(wake) {
      if (hasFailed) return FLOW_END;
      try {
        return nextPiece(wake);
      } catch (error) {
        hasFailed = true;
        source.stop();
        return failure(error);
      }
    },
    stop: () => source.stop(),
  });
}

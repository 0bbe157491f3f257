/** What `next` answers when nothing more will come. */
export const FLOW_END: unique symbol = Symbol('the end of a flow');

/**
 * Items that come in their own time. Unlike an async iterable it hands an item over without a promise, which counts where
 * a thousand readers are told of each change.
 */
export interface Flow<T> {
  /**
   * The next item. Undefined while there is none: then `wake` is called, once, when it is worth asking again. Throws what
   * went wrong; after that, and after FLOW_END, nobody asks.
   */
  next(wake: () => void): T | undefined | typeof FLOW_END;
  /** Nobody will ask any more. Harmless after the end. */
  stop(): void;
}

/** A flow that can also be read as an async iterable; in one of the two ways, once. */
export interface FlowIterable<T> extends AsyncIterable<T> {
  readonly flow: Flow<T>;
}

export function iterableOf<T>(flow: Flow<T>): FlowIterable<T> {
  const next = (): Promise<IteratorResult<T, undefined>> =>
    new Promise((resolve, reject) => {
      let isAnswered = false;
      const ask = (): void => {
        // Woken once too often: what the flow would give now, nobody would get.
        if (isAnswered) return;
        try {
          const item = flow.next(ask);
          if (item === undefined) return;
          isAnswered = true;
          if (item === FLOW_END) resolve({ done: true, value: undefined });
          else resolve({ done: false, value: item });
        } catch (error) {
          isAnswered = true;
          reject(error instanceof Error ? error : new Error(String(error)));
        }
      };
      ask();
    });
  const iterator = {
    next,
    return: async (): Promise<IteratorResult<T, undefined>> => {
      flow.stop();
      return { done: true, value: undefined };
    },
  };
  return { flow, [Symbol.asyncIterator]: () => iterator };
}

/** The flow of an iterable that has one, else one that asks for the next item when the last one has been taken. */
export function flowOf<T>(source: AsyncIterable<T>): Flow<T> {
  return 'flow' in source ? (source as FlowIterable<T>).flow : askingFlow(source[Symbol.asyncIterator]());
}

function askingFlow<T>(iterator: AsyncIterator<T>): Flow<T> {
  let answer: (() => T | typeof FLOW_END) | undefined;
  let isAsking = false;
  let wake: (() => void) | undefined;
  const settle = (given: () => T | typeof FLOW_END): void => {
    answer = given;
    isAsking = false;
    const call = wake;
    wake = undefined;
    call?.();
  };
  return {
    next(call) {
      if (answer !== undefined) {
        const given = answer;
        answer = undefined;
        return given();
      }
      wake = call;
      if (isAsking) return undefined;
      isAsking = true;
      iterator.next().then(
        ({ done, value }) => settle(() => (done === true ? FLOW_END : value)),
        (error: unknown) =>
          settle(() => {
            throw error;
          }),
      );
      return undefined;
    },
    stop() {
      wake = undefined;
      // It ends when it can; what goes wrong then concerns nobody.
      void iterator.return?.().catch(() => undefined);
    },
  };
}

/** Each item as `change` makes it. */
export function mapFlow<T, U>(source: Flow<T>, change: (item: T) => U): Flow<U> {
  return {
    next(wake) {
      const item = source.next(wake);
      if (item === undefined || item === FLOW_END) return item as undefined | typeof FLOW_END;
      return change(item);
    },
    stop: () => source.stop(),
  };
}

/** The same items; `end` is called once when they have ended or gone wrong, or nobody asks any more. */
export function endingFlow<T>(source: Flow<T>, end: () => void): Flow<T> {
  let isOver = false;
  const over = (): void => {
    if (!isOver) end();
    isOver = true;
  };
  return {
    next(wake) {
      try {
        const item = source.next(wake);
        if (item === FLOW_END) over();
        return item;
      } catch (error) {
        over();
        throw error;
      }
    },
    stop() {
      source.stop();
      over();
    },
  };
}

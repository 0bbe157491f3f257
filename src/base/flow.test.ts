import assert from 'node:assert/strict';
import { test } from 'node:test';
import { endingFlow, FLOW_END, flowOf, iterableOf, mapFlow } from './flow.ts';
import type { Flow } from './flow.ts';

/** A flow that has what the test puts in. */
function manual<T>(): Flow<T> & { put(item: T): void; isStopped: boolean } {
  const items: T[] = [];
  let waiting: (() => void) | undefined;
  return {
    isStopped: false,
    put(item) {
      items.push(item);
      const wake = waiting;
      waiting = undefined;
      wake?.();
    },
    next(wake) {
      const item = items.shift();
      if (item === undefined) waiting = wake;
      return item;
    },
    stop() {
      this.isStopped = true;
    },
  };
}

test('items that are there are handed over at once, others when they come', async () => {
  const source = manual<number>();
  const iterator = iterableOf(mapFlow(source, (n) => n * 2))[Symbol.asyncIterator]();
  source.put(1);
  assert.deepEqual(await iterator.next(), { done: false, value: 2 });
  const next = iterator.next();
  source.put(2);
  assert.deepEqual(await next, { done: false, value: 4 });
  await iterator.return?.();
  assert.equal(source.isStopped, true);
});

test('nothing is lost to who wakes once too often', async () => {
  const source = manual<number>();
  let wakeAgain = (): void => undefined;
  const iterator = iterableOf<number>({
    next: (wake) => {
      wakeAgain = wake;
      return source.next(wake);
    },
    stop: () => source.stop(),
  })[Symbol.asyncIterator]();
  const first = iterator.next();
  source.put(1);
  assert.deepEqual(await first, { done: false, value: 1 });
  source.put(2);
  wakeAgain();
  assert.deepEqual(await iterator.next(), { done: false, value: 2 });
});

test('an iterable becomes a flow, with its end, and is not asked ahead', async () => {
  let nAsked = 0;
  async function* three(): AsyncGenerator<number> {
    for (let i = 1; i <= 3; i++) {
      nAsked++;
      yield i;
    }
  }
  const flow = flowOf(three());
  const seen: number[] = [];
  for (;;) {
    const item = await new Promise<number | typeof FLOW_END>((resolve) => {
      const ask = (): void => {
        const given = flow.next(ask);
        if (given !== undefined) resolve(given);
      };
      ask();
    });
    if (item === FLOW_END) break;
    seen.push(item);
    assert.equal(nAsked, seen.length);
  }
  assert.deepEqual(seen, [1, 2, 3]);
});

const ends: readonly [title: string, read: (flow: Flow<number>) => Promise<unknown>][] = [
  ['its end', async (flow) => Array.fromAsync(iterableOf(flow))],
  ['its stop, twice', async (flow) => [flow.stop(), flow.stop()]],
];
for (const [title, read] of ends) {
  test(`the end of a flow is told once, with ${title}`, async () => {
    let nEnds = 0;
    const source = flowOf(
      (async function* () {
        yield 1;
      })(),
    );
    await read(endingFlow(source, () => nEnds++));
    assert.equal(nEnds, 1);
  });
}

test('what goes wrong is thrown to who asks, and is an end', async () => {
  let nEnds = 0;
  const source = flowOf(
    (async function* (): AsyncGenerator<number> {
      yield 1;
      throw new Error('no more');
    })(),
  );
  const seen: number[] = [];
  await assert.rejects(async () => {
    for await (const item of iterableOf(endingFlow(source, () => nEnds++))) seen.push(item);
  }, /no more/);
  assert.deepEqual([seen, nEnds], [[1], 1]);
});

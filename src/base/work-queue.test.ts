import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fakeClock } from './clock.ts';
import { createWorkQueue } from './work-queue.ts';

const setup = () => {
  const clock = fakeClock();
  const stop = new AbortController();
  const queue = createWorkQueue<string>({ clock });
  /** The next key, or 'none' when the queue has nothing now. */
  const take = async (): Promise<string> => {
    const ask = new AbortController();
    const key = queue.next(ask.signal);
    ask.abort();
    return (await key) ?? 'none';
  };
  return { clock, stop, queue, take };
};

test('a key added twice is handed out once', async () => {
  const { queue, take } = setup();
  queue.add('a');
  queue.add('a');
  queue.add('b');
  assert.deepEqual([await take(), await take(), await take()], ['a', 'b', 'none']);
});

test('a key added while it is worked on comes back after done, and only then', async () => {
  const { queue, take } = setup();
  queue.add('a');
  assert.equal(await take(), 'a');
  queue.add('a');
  queue.add('a');
  assert.equal(await take(), 'none');
  queue.done('a');
  assert.equal(await take(), 'a');
  queue.done('a');
  assert.equal(await take(), 'none');
});

test('a waiting worker gets the key at once, one worker per key', async () => {
  const { queue, stop } = setup();
  const first = queue.next(stop.signal);
  const second = queue.next(stop.signal);
  queue.add('a');
  queue.add('a');
  assert.equal(await first, 'a');
  queue.add('b');
  assert.equal(await second, 'b');
});

test('an aborted wait yields undefined and takes no key with it', async () => {
  const { queue, stop, take } = setup();
  const pending = queue.next(stop.signal);
  stop.abort();
  assert.equal(await pending, undefined);
  assert.equal(await queue.next(stop.signal), undefined);
  queue.add('a');
  assert.equal(await take(), 'a');
});

test('of several delays of one key the earliest counts', async () => {
  const { clock, queue, take } = setup();
  queue.addAfter('a', 100);
  queue.addAfter('a', 20);
  queue.addAfter('a', 50);
  queue.addAfter('now', 0);
  assert.equal(await take(), 'now');
  await clock.advance(19);
  assert.equal(await take(), 'none');
  await clock.advance(1);
  assert.equal(await take(), 'a');
  queue.done('a');
  await clock.advance(1000);
  assert.equal(await take(), 'none');
});

test('retries of a key wait 5, 10, 20 ms … 1 000 s; forget starts anew', async () => {
  const { clock, queue, take } = setup();
  const delays: number[] = [];
  for (let attempt = 1; attempt <= 19; attempt++) {
    const from = clock.now();
    assert.equal(queue.retry('a'), attempt);
    const due = Math.min(1_000_000, 5 * 2 ** (attempt - 1));
    await clock.advance(due - 1);
    assert.equal(await take(), 'none');
    await clock.advance(1);
    assert.equal(await take(), 'a');
    delays.push(clock.now() - from);
    queue.done('a');
  }
  assert.deepEqual(delays.slice(0, 4), [5, 10, 20, 40]);
  assert.deepEqual(
    delays.slice(-2),
    [655_360 * 1, 1_000_000].map((ms) => Math.min(ms, 1_000_000)),
  );
  queue.forget('a');
  assert.equal(queue.retry('a'), 1);
  await clock.advance(5);
  assert.equal(await take(), 'a');
});

test('after the stop no delayed key comes and no timer is left', async () => {
  const clock = fakeClock();
  const stop = new AbortController();
  const queue = createWorkQueue<string>({ clock, signal: stop.signal });
  let fired = 0;
  const counting = {
    ...clock,
    after: (ms: number, fn: () => void) => clock.after(ms, () => (fired++, fn())),
  };
  const counted = createWorkQueue<string>({ clock: counting, signal: stop.signal });
  queue.addAfter('a', 10);
  counted.addAfter('a', 10);
  stop.abort();
  queue.addAfter('b', 5);
  counted.addAfter('b', 5);
  await clock.advance(100);
  assert.equal(fired, 0);
  const ask = new AbortController();
  const next = queue.next(ask.signal);
  ask.abort();
  assert.equal(await next, undefined);
});

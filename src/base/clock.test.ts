import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fakeClock, realClock, steadyClock } from './clock.ts';

test('the fake clock stands still until it is moved, then fires timers in order of their time', async () => {
  const clock = fakeClock(1000);
  const seen: string[] = [];
  clock.after(20, () => seen.push(`b at ${clock.now()}`));
  clock.after(10, () => seen.push(`a at ${clock.now()}`));
  clock.after(20, () => seen.push(`c at ${clock.now()}`));
  await clock.advance(9);
  assert.deepEqual(seen, []);
  await clock.advance(11);
  assert.deepEqual(seen, ['a at 1010', 'b at 1020', 'c at 1020']);
  assert.equal(clock.now(), 1020);
});

test('a timer set by a timer fires within the same move when it is due', async () => {
  const clock = fakeClock();
  const seen: number[] = [];
  clock.after(5, () => clock.after(5, () => seen.push(clock.now())));
  await clock.advance(10);
  assert.deepEqual(seen, [10]);
});

test('a cancelled timer never fires', async () => {
  const clock = fakeClock();
  let fired = 0;
  const cancel = clock.after(1, () => fired++);
  cancel();
  cancel();
  await clock.advance(10);
  assert.equal(fired, 0);
});

for (const [name, clock] of [
  ['real', realClock],
  ['fake', fakeClock()],
] as const) {
  test(`a sleep on the ${name} clock ends at once when its signal aborts, before or during it`, async () => {
    const stop = new AbortController();
    const sleeping = clock.sleep(1_000_000, stop.signal);
    stop.abort();
    await sleeping;
    await clock.sleep(1_000_000, stop.signal);
  });
}

test('the real clock moves by itself', async () => {
  const from = realClock.now();
  await realClock.sleep(5);
  let fired = false;
  const cancel = realClock.after(0, () => (fired = true));
  cancel();
  await realClock.sleep(2);
  assert.ok(realClock.now() > from);
  assert.equal(fired, false);
});

test('a timer of the machine that is longer than a timer can be is no short one', async () => {
  const fired: string[] = [];
  const cancels = [2 ** 31, Number.MAX_SAFE_INTEGER, Infinity].map((ms) =>
    realClock.after(ms, () => fired.push(`${ms}`)),
  );
  await realClock.sleep(20);
  for (const cancel of cancels) cancel();
  assert.deepEqual(fired, []);
});

test('the steady clock goes on when the time of the machine is set back', (context) => {
  const before = steadyClock.now();
  context.mock.method(Date, 'now', () => before - 3_600_000);
  assert.equal(realClock.now(), before - 3_600_000);
  assert.ok(steadyClock.now() >= before);
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createBackoff } from './backoff.ts';

test('pauses double up to the maximum and start anew after a success', () => {
  const backoff = createBackoff({ minMs: 50, maxMs: 300, jitter: 0 });
  assert.deepEqual(
    [backoff.next(), backoff.next(), backoff.next(), backoff.next(), backoff.next()],
    [50, 100, 200, 300, 300],
  );
  backoff.reset();
  assert.equal(backoff.next(), 50);
});

test('chance only shortens a pause, by at most the given share', () => {
  const shortest = createBackoff({ minMs: 100, maxMs: 1000, jitter: 0.5, random: () => 0.999999 });
  const first = shortest.next();
  assert.ok(first >= 50 && first < 51, String(first));
  const byChance = createBackoff({ minMs: 100, maxMs: 100 });
  for (let i = 0; i < 50; i++) {
    const pause = byChance.next();
    assert.ok(pause > 49 && pause <= 100, String(pause));
  }
});

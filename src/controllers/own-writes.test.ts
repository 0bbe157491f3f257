import assert from 'node:assert/strict';
import { it } from 'node:test';
import type { KubeObject } from '../api/kind.ts';
import { fakeClock } from '../base/clock.ts';
import { createOwnWrites } from './own-writes.ts';

const object = (uid: string, resourceVersion: string, deletionTimestamp?: string): KubeObject => ({
  metadata: {
    name: uid,
    uid,
    resourceVersion,
    ...(deletionTimestamp === undefined ? {} : { deletionTimestamp }),
  },
});

it('a copy is behind until it shows what was written, or something newer', () => {
  const writes = createOwnWrites(fakeClock());
  assert.equal(writes.isBehind('o', []), false);
  writes.wrote('o', object('a', '9'));
  assert.equal(writes.isBehind('o', []), true);
  assert.equal(writes.isBehind('o', [object('a', '8')]), true);
  assert.equal(writes.isBehind('other', []), false);
  assert.equal(writes.isBehind('o', [object('a', '10')]), false);
  assert.equal(writes.isBehind('o', []), false, 'once seen, it may go');
});

it('a copy is behind while it shows what was deleted, unless that is on its way out', () => {
  const writes = createOwnWrites(fakeClock());
  writes.deleted('o', object('a', '9'));
  writes.deleted('o', object('b', '9'));
  assert.equal(writes.isBehind('o', [object('a', '9'), object('b', '9')]), true);
  assert.equal(writes.isBehind('o', [object('a', '10', 'now')]), false);
});

it('what is not seen within ten seconds is not waited for, nor what is forgotten', async () => {
  const clock = fakeClock();
  const writes = createOwnWrites(clock);
  writes.wrote('o', object('a', '9'));
  await clock.advance(10_000);
  assert.equal(writes.isBehind('o', []), true);
  await clock.advance(1);
  assert.equal(writes.isBehind('o', []), false);
  writes.wrote('o', object('a', '9'));
  writes.forget('o');
  assert.equal(writes.isBehind('o', []), false);
});

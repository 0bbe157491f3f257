import assert from 'node:assert/strict';
import { it } from 'node:test';
import { isSameStatus, withCondition, withoutCondition } from './conditions.ts';

const condition = (status: string, reason: string, lastTransitionTime: string) => ({
  type: 'Ready',
  status,
  reason,
  lastTransitionTime,
});

it('a condition keeps its transition time as long as its status stays', () => {
  const first = withCondition([], condition('True', 'A', '1'));
  assert.equal(
    withCondition(first, condition('True', 'A', '2')),
    first,
    'the same value when nothing changed',
  );
  assert.deepEqual(withCondition(first, condition('True', 'B', '2')), [condition('True', 'B', '1')]);
  assert.deepEqual(withCondition(first, condition('False', 'B', '2')), [condition('False', 'B', '2')]);
  assert.deepEqual(withoutCondition(first, 'Ready'), []);
  assert.equal(withoutCondition(first, 'Other'), first);
});

it('statuses are the same when they differ in zero values and in the order of fields only', () => {
  assert.ok(isSameStatus({ a: 0, b: 1, c: [], d: '' }, { b: 1 }));
  assert.ok(isSameStatus({ a: [{ x: 1, y: 2 }] }, { a: [{ y: 2, x: 1 }] }));
  assert.ok(!isSameStatus({ a: 1 }, {}));
  assert.ok(!isSameStatus({ a: [1, 2] }, { a: [2, 1] }));
});

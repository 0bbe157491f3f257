import assert from 'node:assert/strict';
import { it } from 'node:test';
import { createMultiMap } from './multi-map.ts';

it('keeps each value of a key once and forgets keys without values', () => {
  const map = createMultiMap();
  assert.deepEqual([...map.values('a')], []);
  map.add('a', '1');
  map.add('a', '1');
  map.add('a', '2');
  map.add('b', '3');
  assert.deepEqual([...map.values('a')], ['1', '2']);
  map.remove('a', '3');
  map.remove('a', '1');
  assert.deepEqual([...map.values('a')], ['2']);
  map.remove('a', '2');
  map.remove('b', '1');
  assert.deepEqual([map.has('a'), map.has('b')], [false, true]);
  map.remove('b', '3');
  assert.equal(map.has('b'), false);
});

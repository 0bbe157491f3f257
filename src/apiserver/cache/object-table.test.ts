import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createObjectTable } from './object-table.ts';
import { encodeObject } from './stored-object.ts';

const stored = (name: string) => ({
  value: encodeObject({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name } }),
  revision: 7,
});

test('what is asked for is kept decoded, what is only looked at is not', () => {
  const table = createObjectTable();
  table.set('a', stored('a'));
  const looked = table.peek('a');
  assert.deepEqual(looked?.metadata, { name: 'a', resourceVersion: '7' });
  assert.notEqual(table.peek('a'), looked);
  const asked = table.get('a');
  assert.deepEqual(asked, looked);
  assert.equal(table.get('a'), asked);
  assert.equal(table.peek('a'), asked, 'kept already');
  assert.equal(table.peek('b'), undefined);
});

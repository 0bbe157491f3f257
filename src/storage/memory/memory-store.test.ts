import assert from 'node:assert/strict';
import { it } from 'node:test';
import { describeStore } from '../contract.ts';
import { commit, put } from '../contract/fixture.ts';
import { CompactedError } from '../store.ts';
import { createMemoryStore } from './memory-store.ts';

describeStore('memory store', async () => createMemoryStore());

it('bounds its history by the number of commits', async () => {
  const store = createMemoryStore({ historyLimit: { commits: 8, bytes: Infinity } });
  for (let i = 0; i < 20; i++) await commit(store, put('a', String(i)));
  await assert.rejects(store.list('', { at: 11 }), CompactedError);
  assert.equal((await store.list('', { at: 14 })).revision, 14);
});

it('bounds its history by the bytes of replaced values', async () => {
  const store = createMemoryStore({ historyLimit: { commits: Infinity, bytes: 1000 } });
  for (let i = 0; i < 50; i++) await commit(store, put('a', 'x'.repeat(100)));
  await assert.rejects(store.list('', { at: 38 }), CompactedError);
  assert.equal((await store.list('', { at: 45 })).revision, 45);
  for (let i = 0; i < 50; i++) await commit(store, put(`new-${i}`, 'x'.repeat(100)));
  assert.equal((await store.list('', { at: 45 })).revision, 45, 'new keys replace nothing');
});

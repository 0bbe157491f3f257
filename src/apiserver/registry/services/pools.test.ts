import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { nodePortPool } from './pools.ts';

const never = (): boolean => false;
const first = (): number => 0;
const last = (n: number): number => n - 1;

describe('a pool of node ports', () => {
  it('keeps the lower part for explicit choices', () => {
    const range = { first: 30000, size: 2768 };
    assert.equal(nodePortPool(range, first).findFree(never), 30086);
    assert.equal(nodePortPool(range, last).findFree(never), 32767);
    assert.equal(nodePortPool(range).range, '30000-32767');
  });

  it('keeps nothing when there is little', () => {
    assert.equal(nodePortPool({ first: 30000, size: 15 }, first).findFree(never), 30000);
    assert.equal(nodePortPool({ first: 30000, size: 64 }, first).findFree(never), 30016);
  });
});

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { cidr } from '../test-registry.ts';
import { addressPool, nodePortPool } from './pools.ts';

const never = (): boolean => false;
const first = (): number => 0;
const last = (n: number): number => n - 1;

/** CIDR -> [first and last dynamic address, first and last address there is]. */
const ranges: Readonly<Record<string, readonly [string, string]>> = {
  '10.96.0.0/12': ['10.96.1.1', '10.111.255.254'],
  '10.96.0.0/24': ['10.96.0.17', '10.96.0.254'],
  '10.96.0.0/28': ['10.96.0.1', '10.96.0.14'],
  '10.96.0.0/27': ['10.96.0.17', '10.96.0.30'],
  'fd00::/112': ['fd00::101', 'fd00::ffff'],
};

describe('a pool of addresses', () => {
  for (const [text, [from, to]] of Object.entries(ranges)) {
    it(`of ${text} chooses between ${from} and ${to}`, () => {
      assert.equal(addressPool(cidr(text), first).findFree(never), from);
      assert.equal(addressPool(cidr(text), last).findFree(never), to);
    });
  }

  it('of a vast block hands out only its first million', () => {
    const address = addressPool(cidr('fd00::/64'), last).findFree(never);
    assert.equal(address, 'fd00::10:0');
    assert.ok(addressPool(cidr('fd00::/64')).contains('fd00::1234:5678:9abc:def0'));
  });

  it('falls back on the part kept for explicit choices, and then has none', () => {
    const pool = addressPool(cidr('10.96.0.0/27'), first);
    const found: (string | undefined)[] = [];
    for (let i = 0; i < 31; i++) {
      const ip = pool.findFree(never);
      found.push(ip);
      if (ip !== undefined) pool.listener.set(`/claims/ips/${ip}`);
    }
    assert.deepEqual(found.slice(0, 2), ['10.96.0.17', '10.96.0.18']);
    assert.deepEqual(found.slice(13, 16), ['10.96.0.30', '10.96.0.1', '10.96.0.2'].slice(0, 3));
    assert.equal(found[30], undefined);
    pool.listener.delete('/claims/ips/10.96.0.9');
    assert.equal(pool.findFree(never), '10.96.0.9');
    pool.listener.reset();
    assert.equal(pool.findFree(never), '10.96.0.17');
  });

  it('passes over what was tried, and wraps around', () => {
    const pool = addressPool(cidr('10.96.0.0/27'), last);
    const tried = new Set(['10.96.0.30', '10.96.0.17']);
    assert.equal(
      pool.findFree((ip) => tried.has(ip)),
      '10.96.0.18',
    );
  });

  it('does not mind claims that are not its own', () => {
    const pool = addressPool(cidr('10.96.0.0/27'), first);
    for (const key of ['192.0.2.1', 'fd00::1', 'nonsense', '10.96.0.0', '10.96.0.31'])
      pool.listener.set(`/claims/ips/${key}`);
    assert.equal(pool.findFree(never), '10.96.0.17');
  });
});

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

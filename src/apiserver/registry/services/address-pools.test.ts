import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { IPAddress } from '../../../api/networking/v1/ip-address.ts';
import type { ServiceCIDR } from '../../../api/networking/v1/service-cidr.ts';
import type { IpFamily } from '../../../net/ip.ts';
import { addressPool } from './address-pools.ts';
import type { Pool, Random } from './claims.ts';

const never = (): boolean => false;
const first = (): number => 0;
const last = (n: number): number => n - 1;

const cidrObject = (name: string, cidrs: readonly string[], isReady?: boolean): ServiceCIDR => {
  const status = { conditions: [{ type: 'Ready', status: isReady ? 'True' : 'False' }] };
  return { metadata: { name }, spec: { cidrs }, ...(isReady === undefined ? {} : { status }) } as ServiceCIDR;
};
const taken = { metadata: { name: 'x' }, spec: {} } as IPAddress;

interface Given {
  readonly cidrs: readonly ServiceCIDR[];
  readonly random: Random;
  readonly family?: IpFamily;
  readonly used?: ReadonlySet<string>;
}
const poolOf = ({ cidrs, random, family = 'IPv4', used = new Set() }: Given): Pool<string> =>
  addressPool(
    family,
    { serviceCIDRs: () => cidrs, holder: (ip) => (used.has(ip) ? taken : undefined) },
    random,
  );

/** CIDR -> first and last dynamic address. */
const ranges: Readonly<Record<string, readonly [string, string]>> = {
  '10.96.0.0/12': ['10.96.1.1', '10.111.255.254'],
  '10.96.0.0/24': ['10.96.0.17', '10.96.0.254'],
  '10.96.0.0/28': ['10.96.0.1', '10.96.0.14'],
  '10.96.0.0/27': ['10.96.0.17', '10.96.0.30'],
  'fd00::/112': ['fd00::101', 'fd00::ffff'],
};

describe('the addresses that Services may get', () => {
  for (const [text, [from, to]] of Object.entries(ranges)) {
    it(`of ${text} are chosen between ${from} and ${to}`, () => {
      const given = {
        cidrs: [cidrObject('a', [text])],
        family: text.includes(':') ? 'IPv6' : 'IPv4',
      } as const;
      assert.equal(poolOf({ ...given, random: first }).findFree(never), from);
      assert.equal(poolOf({ ...given, random: last }).findFree(never), to);
    });
  }

  it('of a vast block may lie anywhere in it', () => {
    const pool = poolOf({ cidrs: [cidrObject('a', ['fd00::/64'])], family: 'IPv6', random: last });
    assert.equal(pool.findFree(never), 'fd00::1f:ffff:ffff:ffff');
    assert.ok(pool.contains('fd00::1234:5678:9abc:def0'));
    assert.ok(!pool.contains('fd00::'));
  });

  it('come from the part kept for explicit choices when all else is taken, and then end', () => {
    const used = new Set<string>();
    const pool = poolOf({ cidrs: [cidrObject('a', ['10.96.0.0/27'])], random: first, used });
    const found: (string | undefined)[] = [];
    for (let i = 0; i < 31; i++) {
      const ip = pool.findFree(never);
      found.push(ip);
      if (ip !== undefined) used.add(ip);
    }
    assert.deepEqual(found.slice(0, 2), ['10.96.0.17', '10.96.0.18']);
    assert.deepEqual(found.slice(13, 16), ['10.96.0.30', '10.96.0.1', '10.96.0.2']);
    assert.equal(found[30], undefined);
    used.delete('10.96.0.9');
    assert.equal(pool.findFree(never), '10.96.0.9');
  });

  it('are not those that were tried already, also beyond the end of the block', () => {
    const pool = poolOf({ cidrs: [cidrObject('a', ['10.96.0.0/27'])], random: last });
    const tried = new Set(['10.96.0.30', '10.96.0.17']);
    assert.equal(
      pool.findFree((ip) => tried.has(ip)),
      '10.96.0.18',
    );
  });

  it('come from another ServiceCIDR when one is full, before explicit choices lose their part', () => {
    const cidrs = [cidrObject('a', ['10.96.0.0/27']), cidrObject('b', ['10.97.0.0/27'])];
    const used = new Set(Array.from({ length: 14 }, (_, i) => `10.96.0.${17 + i}`));
    assert.equal(poolOf({ cidrs, random: first, used }).findFree(never), '10.97.0.17');
  });

  const usable: Readonly<Record<string, readonly [ServiceCIDR, boolean]>> = {
    'of one that says nothing of itself': [cidrObject('a', ['10.96.0.0/24']), true],
    'of one that is ready': [cidrObject('a', ['10.96.0.0/24'], true), true],
    'of one that is not ready': [cidrObject('a', ['10.96.0.0/24'], false), false],
    'of one that is being deleted': [
      {
        ...cidrObject('a', ['10.96.0.0/24'], true),
        metadata: { name: 'a', deletionTimestamp: '2026-01-01T00:00:00Z' },
      },
      false,
    ],
    'of the other family': [cidrObject('a', ['fd00::/112']), false],
    'of the second family of one': [cidrObject('a', ['fd00::/112', '10.96.0.0/24']), true],
  };
  for (const [sentence, [object, isUsable]] of Object.entries(usable)) {
    it(`${isUsable ? 'are' : 'are not'} those ${sentence}`, () => {
      const pool = poolOf({ cidrs: [object], random: first });
      assert.equal(pool.findFree(never), isUsable ? '10.96.0.17' : undefined);
      assert.equal(pool.contains('10.96.0.9'), isUsable);
      assert.equal(pool.range, isUsable ? '10.96.0.0/24' : '');
    });
  }
});

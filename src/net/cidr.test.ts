import assert from 'node:assert/strict';
import { BlockList } from 'node:net';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { cidrContains, cidrOf, cidrSize, cidrsOverlap, nthAddress, parseCidr } from './cidr.ts';
import type { Cidr } from './cidr.ts';
import { ipFromValue, parseIp } from './ip.ts';
import type { Ip } from './ip.ts';

// The same cases in every run.
fc.configureGlobal({ seed: 1 });

const cidr = (text: string): Cidr => {
  const parsed = parseCidr(text);
  assert.ok(parsed, text);
  return parsed;
};
const ip = (text: string): Ip => {
  const parsed = parseIp(text);
  assert.ok(parsed, text);
  return parsed;
};

const canonical: Record<string, string> = {
  '10.96.0.0/12': '10.96.0.0/12',
  '10.1.2.3/8': '10.0.0.0/8',
  '1.2.3.4/32': '1.2.3.4/32',
  '1.2.3.4/0': '0.0.0.0/0',
  'FD00:0:0::1/64': 'fd00::/64',
  '::1/128': '::1/128',
  '::/0': '::/0',
};
const refused = [
  '',
  '10.0.0.0',
  '/8',
  '10.0.0.0/',
  '10.0.0.0/33',
  '::/129',
  '10.0.0.0/08',
  '10.0.0.0/+8',
  '10.0.0.0/-1',
  '10.0/8',
  '10.0.0.0/8/8',
  '10.0.0.0/ 8',
  'fe80::%1/64',
];

describe('cidr', () => {
  for (const [text, expected] of Object.entries(canonical)) {
    it(`reads ${text} as ${expected}`, () => assert.equal(cidr(text).text, expected));
  }
  for (const text of refused) {
    it(`refuses ${JSON.stringify(text)}`, () => assert.equal(parseCidr(text), undefined));
  }

  it('contains what node:net BlockList says', () => {
    const blocks = fc.oneof(
      fc.record({
        family: fc.constant('IPv4' as const),
        value: fc.bigInt(0n, 0xffffffffn),
        prefix: fc.nat(32),
      }),
      fc.record({
        family: fc.constant('IPv6' as const),
        value: fc.bigInt(0n, (1n << 128n) - 1n),
        prefix: fc.nat(128),
      }),
    );
    fc.assert(
      fc.property(blocks, fc.nat(128), ({ family, value, prefix }, flipBit) => {
        const block = cidrOf(ipFromValue(family, value), prefix);
        const bits = family === 'IPv4' ? 32 : 128;
        const other = ipFromValue(family, value ^ (1n << BigInt(flipBit % bits)));
        const oracle = new BlockList();
        const type = family === 'IPv4' ? 'ipv4' : 'ipv6';
        oracle.addSubnet(ipFromValue(family, block.base).text, prefix, type);
        assert.ok(cidrContains(block, ipFromValue(family, value)));
        // BlockList treats /0 as a mask it cannot shift to on some versions; there the answer is known.
        assert.equal(cidrContains(block, other), prefix === 0 || oracle.check(other.text, type));
      }),
      { numRuns: 500 },
    );
  });

  it('keeps the families apart', () => {
    assert.equal(cidrContains(cidr('0.0.0.0/0'), ip('::1')), false);
    assert.equal(cidrContains(cidr('1.2.3.0/24'), ip('::ffff:1.2.3.4')), false);
    assert.equal(cidrContains(cidr('::/0'), ip('1.2.3.4')), false);
  });

  it('counts its addresses', () => {
    assert.equal(cidrSize(cidr('10.96.0.0/12')), 1048576n);
    assert.equal(cidrSize(cidr('1.2.3.4/32')), 1n);
    assert.equal(cidrSize(cidr('::/0')), 1n << 128n);
  });

  it('numbers its addresses from the base', () => {
    assert.equal(nthAddress(cidr('10.96.0.0/12'), 10).text, '10.96.0.10');
    assert.equal(nthAddress(cidr('10.96.0.0/12'), 1048575n).text, '10.111.255.255');
    assert.equal(nthAddress(cidr('fd00::/112'), 65535).text, 'fd00::ffff');
    assert.throws(() => nthAddress(cidr('10.0.0.0/30'), 4), RangeError);
    assert.throws(() => nthAddress(cidr('10.0.0.0/30'), -1), RangeError);
    assert.throws(() => cidrOf(ip('10.0.0.0'), 33), RangeError);
  });

  const overlaps: [string, string, boolean][] = [
    ['10.96.0.0/12', '10.100.0.0/16', true],
    ['10.100.0.0/16', '10.96.0.0/12', true],
    ['10.96.0.0/12', '10.244.0.0/16', false],
    ['0.0.0.0/0', '::/0', false],
    ['10.0.0.0/8', '10.0.0.0/8', true],
  ];
  for (const [a, b, expected] of overlaps) {
    it(`${a} and ${b} ${expected ? 'overlap' : 'do not overlap'}`, () => {
      assert.equal(cidrsOverlap(cidr(a), cidr(b)), expected);
    });
  }
});

import assert from 'node:assert/strict';
import { BlockList, isIP } from 'node:net';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import {
  formatIp,
  ipFromBytes,
  ipFromValue,
  ipToBytes,
  isIpv4Mapped,
  isLinkLocal,
  isLinkLocalMulticast,
  isLoopback,
  isMulticast,
  isUnspecified,
  parseIp,
} from './ip.ts';
import type { Ip } from './ip.ts';

// The same cases in every run.
fc.configureGlobal({ seed: 1 });

const ip = (text: string): Ip => {
  const parsed = parseIp(text);
  assert.ok(parsed, text);
  return parsed;
};

const canonical: Record<string, string> = {
  '0.0.0.0': '0.0.0.0',
  '255.255.255.255': '255.255.255.255',
  '10.96.0.1': '10.96.0.1',
  '::': '::',
  '::1': '::1',
  '1::': '1::',
  '2001:DB8::A': '2001:db8::a',
  '2001:0db8:0000:0000:0001:0000:0000:0001': '2001:db8::1:0:0:1',
  '1:0:0:2:0:0:0:3': '1:0:0:2::3',
  '1:0:2:3:4:5:6:7': '1:0:2:3:4:5:6:7',
  '1::3:4:5:6:7:8': '1:0:3:4:5:6:7:8',
  '::ffff:1.2.3.4': '::ffff:1.2.3.4',
  '::FFFF:0102:0304': '::ffff:1.2.3.4',
  '::1.2.3.4': '::102:304',
  '64:ff9b::192.0.2.33': '64:ff9b::c000:221',
  '1:2:3:4:5:6:7.8.9.10': '1:2:3:4:5:6:708:90a',
};

const refused = [
  '',
  ' 1.2.3.4',
  '1.2.3.4 ',
  '127.1',
  '1.2.3',
  '1.2.3.4.5',
  '01.2.3.4',
  '1.2.3.00',
  '1.2.3.256',
  '1..2.3',
  '1.2.3.',
  '.1.2.3',
  '0x7f.0.0.1',
  '+1.2.3.4',
  '1.2.3.4/8',
  '٠.0.0.0',
  ':',
  ':::',
  '1:',
  ':1',
  '1:2:3:4:5:6:7',
  '1:2:3:4:5:6:7:8:9',
  '1::2::3',
  '1:2:3:4:5:6:7:8::',
  '::1:2:3:4:5:6:7:8',
  '12345::',
  'g::',
  'fe80::1%eth0',
  '[::1]',
  '::1.2.3',
  '::01.2.3.4',
  '1.2.3.4::',
  '::1.2.3.4:5',
  '1:2:3:4:5:6:7:1.2.3.4',
];

const v6Text = fc.oneof(
  fc.ipV6(),
  fc
    .array(fc.constantFrom('0', '1', 'ab', 'FFFF', '0db8', '', ':', '1.2.3.4', '12345'), { maxLength: 10 })
    .map((g) => g.join(':')),
);
const v4Text = fc.oneof(
  fc.ipV4(),
  fc
    .array(fc.constantFrom('0', '1', '10', '255', '256', '01', '', '999'), { maxLength: 6 })
    .map((o) => o.join('.')),
);

describe('parseIp', () => {
  for (const [text, expected] of Object.entries(canonical)) {
    it(`reads ${text} as ${expected}`, () => {
      assert.equal(ip(text).text, expected);
      assert.equal(ip(text).family, text.includes(':') ? 'IPv6' : 'IPv4');
      assert.deepEqual(ip(expected), ip(text));
    });
  }
  for (const text of refused) {
    it(`refuses ${JSON.stringify(text)}`, () => assert.equal(parseIp(text), undefined));
  }

  it('accepts what node:net accepts, and nothing else', () => {
    fc.assert(
      fc.property(fc.oneof(v6Text, v4Text, fc.string({ maxLength: 12 })), (text) => {
        const family = parseIp(text)?.family;
        const expected = text.includes('%') ? 0 : isIP(text);
        assert.equal(family === undefined ? 0 : family === 'IPv4' ? 4 : 6, expected, text);
      }),
      { numRuns: 3000 },
    );
  });

  it('finds the same value as node:net whatever the spelling', () => {
    fc.assert(
      fc.property(fc.ipV6(), (text) => {
        const exactly = new BlockList();
        exactly.addAddress(ip(text).text, 'ipv6');
        assert.ok(exactly.check(text, 'ipv6'), text);
      }),
    );
  });

  it('agrees with the URL parser on the canonical text of IPv6', () => {
    fc.assert(
      fc.property(fc.bigInt(0n, (1n << 128n) - 1n), fc.bigInt(0n, (1n << 128n) - 1n), (value, mask) => {
        const parsed = ipFromValue('IPv6', value & mask);
        if (isIpv4Mapped(parsed)) return;
        assert.equal(new URL(`http://[${parsed.text}]`).hostname, `[${parsed.text}]`);
        assert.deepEqual(parseIp(parsed.text), parsed);
      }),
    );
  });
});

describe('values and bytes', () => {
  it('counts IPv4 in network order', () => {
    assert.equal(ip('10.96.0.1').value, 0x0a600001n);
    assert.deepEqual([...ipToBytes(ip('10.96.0.1'))], [10, 96, 0, 1]);
    assert.equal(ip('255.255.255.255').value, 0xffffffffn);
  });

  it('brings every address back from its bytes', () => {
    fc.assert(
      fc.property(fc.oneof(fc.ipV4(), fc.ipV6()), (text) => {
        assert.deepEqual(ipFromBytes(ipToBytes(ip(text))), ip(text));
      }),
    );
  });

  it('refuses values and bytes that do not fit', () => {
    assert.throws(() => formatIp('IPv4', 1n << 32n), RangeError);
    assert.throws(() => formatIp('IPv6', -1n), RangeError);
    assert.throws(() => ipFromBytes(new Uint8Array(5)), RangeError);
  });
});

describe('address classes', () => {
  const classes = {
    isLoopback,
    isLinkLocal,
    isLinkLocalMulticast,
    isMulticast,
    isUnspecified,
    isIpv4Mapped,
  };
  const rows: Record<string, (keyof typeof classes)[]> = {
    '127.0.0.1': ['isLoopback'],
    '127.255.255.255': ['isLoopback'],
    '128.0.0.0': [],
    '::1': ['isLoopback'],
    '::2': [],
    '169.254.169.254': ['isLinkLocal'],
    '169.255.0.0': [],
    'fe80::1': ['isLinkLocal'],
    'febf::1': ['isLinkLocal'],
    'fec0::1': [],
    '224.0.0.251': ['isMulticast', 'isLinkLocalMulticast'],
    '224.0.1.1': ['isMulticast'],
    '239.255.255.255': ['isMulticast'],
    '240.0.0.0': [],
    'ff02::fb': ['isMulticast', 'isLinkLocalMulticast'],
    'ff12::1': ['isMulticast', 'isLinkLocalMulticast'],
    'ff05::2': ['isMulticast'],
    '0.0.0.0': ['isUnspecified'],
    '::': ['isUnspecified'],
    '::ffff:127.0.0.1': ['isIpv4Mapped'],
    '10.0.0.1': [],
  };
  for (const [text, expected] of Object.entries(rows)) {
    it(`${text} is ${expected.join(' and ') || 'an ordinary address'}`, () => {
      const actual = Object.entries(classes).flatMap(([name, is]) => (is(ip(text)) ? [name] : []));
      assert.deepEqual(actual.sort(), [...expected].sort());
    });
  }
});

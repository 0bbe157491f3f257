import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { decodeMessage, readHeader } from './decode.ts';
import { encodeMessage } from './encode.ts';
import { WireError, rcode, rrType } from './model.ts';
import type { Edns, Message, ResourceRecord } from './model.ts';
import { labelBytes, labelsOf } from './name.ts';
import { oracle } from './oracle.ts';
import { createTcpFrames, tcpFrame } from './tcp-frames.ts';

// The same cases in every run.
fc.configureGlobal({ seed: 1 });

const query: Message = {
  id: 7,
  isResponse: false,
  opcode: 0,
  isAuthoritative: false,
  isTruncated: false,
  isRecursionDesired: true,
  isRecursionAvailable: false,
  isAuthenticData: false,
  isCheckingDisabled: false,
  rcode: 0,
  questions: [{ name: 'My-Svc.default.svc.cluster.local.', type: rrType.A, class: 1 }],
  answers: [],
  authorities: [],
  additionals: [],
};
const edns: Edns = { udpSize: 1232, version: 0, isDnssecOk: false, options: [] };
const owner = 'My-Svc.default.svc.cluster.local.';
const a = (address: string, name = owner): ResourceRecord => ({ name, ttl: 5, type: 'A', address });

const bytes = fc.uint8Array({ maxLength: 40 });
const byteText = bytes.map((b) => String.fromCharCode(...b));
const label = fc
  .oneof(
    fc.constantFrom('a', 'svc', 'Cluster', 'LOCAL', '_http', '_tcp'),
    fc.uint8Array({ minLength: 1, maxLength: 20 }),
  )
  .map((l) => (typeof l === 'string' ? l : [...l].map((b) => `\\${String(b).padStart(3, '0')}`).join('')));
/** As decodeMessage writes names: plain where it can be. */
const normal = (name: string): string =>
  name.replace(/\\(\d{3})/g, (escaped, code: string) => {
    const text = String.fromCharCode(Number(code));
    if (text === '.' || text === '\\') return `\\${text}`;
    return Number(code) > 32 && Number(code) < 127 ? text : escaped;
  });
const name = fc
  .array(label, { maxLength: 5 })
  .map((labels) => normal(labels.length === 0 ? '.' : `${labels.join('.')}.`));
const u16 = fc.integer({ min: 0, max: 65535 });
const u32 = fc.integer({ min: 0, max: 0xffffffff });
const head = fc.record({ name, ttl: fc.integer({ min: 0, max: 0x7fffffff }) }, { noNullPrototype: true });
const data = fc.oneof(
  fc.ipV4().map((address) => ({ type: 'A', address }) as const),
  fc.constantFrom('fd00::1', '::', '2001:db8::5').map((address) => ({ type: 'AAAA', address }) as const),
  name.map((target) => ({ type: 'CNAME', target }) as const),
  name.map((target) => ({ type: 'NS', target }) as const),
  name.map((target) => ({ type: 'PTR', target }) as const),
  fc.tuple(u16, name).map(([preference, target]) => ({ type: 'MX', preference, target }) as const),
  fc
    .tuple(u16, u16, u16, name)
    .map(([priority, weight, port, target]) => ({ type: 'SRV', priority, weight, port, target }) as const),
  fc.array(byteText, { maxLength: 3 }).map((strings) => ({ type: 'TXT', strings }) as const),
  fc
    .record(
      { mname: name, rname: name, serial: u32, refresh: u32, retry: u32, expire: u32, minimum: u32 },
      { noNullPrototype: true },
    )
    .map((soa) => ({ type: 'SOA', ...soa }) as const),
  bytes.map((rdata) => ({ type: 'OTHER', code: 65280, rdata }) as const),
);
const record = fc.tuple(head, data).map(([h, d]): ResourceRecord => ({ ...h, ...d }));
const message = fc
  .record(
    {
      id: u16,
      isResponse: fc.boolean(),
      isRecursionDesired: fc.boolean(),
      isAuthoritative: fc.boolean(),
      rcode: fc.integer({ min: 0, max: 15 }),
      questions: fc.array(fc.record({ name, type: u16, class: u16 }, { noNullPrototype: true }), {
        maxLength: 2,
      }),
      answers: fc.array(record, { maxLength: 6 }),
      authorities: fc.array(record, { maxLength: 2 }),
      additionals: fc.array(record, { maxLength: 3 }),
      edns: fc.option(
        fc.record(
          {
            udpSize: u16,
            version: fc.integer({ min: 0, max: 255 }),
            isDnssecOk: fc.boolean(),
            options: fc.array(fc.record({ code: u16, data: bytes }, { noNullPrototype: true }), {
              maxLength: 2,
            }),
          },
          { noNullPrototype: true },
        ),
        { nil: undefined },
      ),
    },
    { noNullPrototype: true },
  )
  .map(({ edns: e, ...rest }): Message => ({ ...query, ...rest, ...(e && { edns: e }) }));

describe('a message', () => {
  it('survives the wire, whatever is in it', () => {
    fc.assert(
      fc.property(message, (m) => assert.deepEqual(decodeMessage(encodeMessage(m)), m)),
      { numRuns: 500 },
    );
  });

  it('says to dns-packet what we say, and the other way round', () => {
    const answers: ResourceRecord[] = [
      a('10.96.0.10'),
      { name: owner, ttl: 5, type: 'AAAA', address: 'fd00::10' },
      { name: 'x.local.', ttl: 5, type: 'SRV', priority: 1, weight: 50, port: 80, target: 'a.x.local.' },
      { name: 'x.local.', ttl: 28800, type: 'TXT', strings: ['1.1.0'] },
      { name: '10.0.96.10.in-addr.arpa.', ttl: 5, type: 'PTR', target: owner },
      {
        name: 'local.',
        ttl: 5,
        type: 'SOA',
        mname: 'ns.dns.local.',
        rname: 'hostmaster.local.',
        serial: 3e9,
        refresh: 7200,
        retry: 1800,
        expire: 86400,
        minimum: 5,
      },
    ];
    const decoded = oracle.decode(encodeMessage({ ...query, isResponse: true, answers, edns }));
    assert.deepEqual(
      (decoded.answers ?? []).map((r) => ('data' in r ? [r.type, r.name, r.data] : [])),
      [
        ['A', owner.slice(0, -1), '10.96.0.10'],
        ['AAAA', owner.slice(0, -1), 'fd00::10'],
        ['SRV', 'x.local', { priority: 1, weight: 50, port: 80, target: 'a.x.local' }],
        ['TXT', 'x.local', [Buffer.from('1.1.0')]],
        ['PTR', '10.0.96.10.in-addr.arpa', owner.slice(0, -1)],
        [
          'SOA',
          'local',
          {
            mname: 'ns.dns.local',
            rname: 'hostmaster.local',
            serial: 3e9,
            refresh: 7200,
            retry: 1800,
            expire: 86400,
            minimum: 5,
          },
        ],
      ],
    );
    const theirs = oracle.encode({
      type: 'response',
      id: 9,
      flags: oracle.AUTHORITATIVE_ANSWER,
      questions: [{ type: 'SRV', name: 'x.local' }],
      answers: decoded.answers ?? [],
      additionals: [{ type: 'OPT', name: '.', udpPayloadSize: 1232, flags: oracle.DNSSEC_OK, options: [] }],
    });
    const ours = decodeMessage(theirs);
    assert.deepEqual(ours.answers, answers);
    assert.deepEqual(ours.edns, { ...edns, isDnssecOk: true });
    assert.equal(ours.isAuthoritative, true);
  });

  it('is compressed: 200 addresses of one name in the 3269 bytes CoreDNS needs', () => {
    const answers = Array.from({ length: 200 }, (_, i) =>
      a(`10.244.${i >> 8}.${i & 255}`, 'my-headless.testns.svc.cluster.local.'),
    );
    const questions = [{ name: 'my-headless.testns.svc.cluster.local.', type: 1, class: 1 }];
    const size = encodeMessage({ ...query, questions, answers, edns }).length;
    assert.equal(size, 12 + 38 + 4 + 200 * 16 + 11);
  });

  it('keeps the case of every name', () => {
    const answers: ResourceRecord[] = [
      { name: owner, ttl: 5, type: 'CNAME', target: 'my-svc.DEFAULT.svc.cluster.local.' },
    ];
    assert.deepEqual(decodeMessage(encodeMessage({ ...query, answers })).answers, answers);
  });

  it('too long for its limit loses records from the end and says so; question and OPT stay', () => {
    const answers = Array.from({ length: 100 }, (_, i) => a(`10.0.0.${i}`));
    const authorities = [a('10.1.0.1')];
    for (const limit of [512, 1232]) {
      const wire = encodeMessage({ ...query, answers, authorities, edns }, limit);
      const short = decodeMessage(wire);
      assert.ok(wire.length <= limit && wire.length > limit - 16, `${wire.length} bytes for ${limit}`);
      assert.equal(short.isTruncated, true);
      assert.deepEqual(short.answers, answers.slice(0, short.answers.length));
      assert.deepEqual([short.questions, short.edns, short.authorities], [query.questions, edns, []]);
    }
    assert.equal(decodeMessage(encodeMessage({ ...query, answers, authorities }, 4096)).isTruncated, false);
  });

  it('above 64 KiB is truncated as well', () => {
    const big: ResourceRecord = {
      name: owner,
      ttl: 5,
      type: 'OTHER',
      code: 65280,
      rdata: new Uint8Array(40000),
    };
    const short = decodeMessage(encodeMessage({ ...query, answers: [big, big] }));
    assert.deepEqual([short.answers.length, short.isTruncated], [1, true]);
  });

  it('carries a response code above 15 in EDNS', () => {
    assert.equal(decodeMessage(encodeMessage({ ...query, rcode: rcode.BADVERS, edns })).rcode, 16);
  });

  const unwritable: Record<string, ResourceRecord> = {
    'a label of 64 bytes': a('10.0.0.1', `${'x'.repeat(64)}.local.`),
    'an empty label': a('10.0.0.1', 'a..local.'),
    'a name of more than 255 bytes': a('10.0.0.1', `${'abcdefg.'.repeat(32)}`),
    'an address of the other family': a('fd00::1'),
    'an address that is none': a('10.0.0'),
    'an address with a leading zero': a('10.0.0.01'),
    'a long string': { name: owner, ttl: 5, type: 'TXT', strings: ['x'.repeat(256)] },
    'an escape that is no byte': a('10.0.0.1', '\\999.local.'),
  };
  for (const [what, bad] of Object.entries(unwritable)) {
    it(`is not written with ${what}`, () => {
      assert.throws(() => encodeMessage({ ...query, answers: [bad] }), WireError);
    });
  }
});

describe('bytes that are no message', () => {
  const good = encodeMessage({ ...query, answers: [a('10.0.0.1')], edns });
  const header = (counts: readonly number[]): number[] => [
    0,
    1,
    0,
    0,
    ...counts.flatMap((n) => [n >> 8, n & 255]),
  ];
  const cases: Record<string, number[]> = {
    nothing: [],
    'less than a header': [1, 2, 3],
    'a question that is not there': header([1, 0, 0, 0]),
    'a name without an end': [...header([1, 0, 0, 0]), 3, 97, 98, 99],
    'a label past the end': [...header([1, 0, 0, 0]), 63, 97],
    'a pointer to itself': [...header([1, 0, 0, 0]), 0xc0, 12, 0, 1, 0, 1],
    'a pointer forwards': [...header([1, 0, 0, 0]), 0xc0, 14, 0, 0, 1, 0, 1],
    'two pointers at each other': [...header([2, 0, 0, 0]), 0xc0, 18, 0, 1, 0, 1, 0xc0, 12, 0, 1, 0, 1],
    'half a pointer': [...header([1, 0, 0, 0]), 0xc0],
    'an unknown kind of label': [...header([1, 0, 0, 0]), 0x40, 0, 0, 1, 0, 1],
    'a record cut off': [...good.subarray(0, good.length - 12)],
    'an A of three bytes': [...header([0, 1, 0, 0]), 0, 0, 1, 0, 1, 0, 0, 0, 0, 0, 3, 1, 2, 3],
    'two OPTs': [...header([0, 0, 0, 2]), ...[1, 2].flatMap(() => [0, 0, 41, 2, 0, 0, 0, 0, 0, 0, 0])],
    'an OPT with a name': [...header([0, 0, 0, 1]), 1, 97, 0, 0, 41, 2, 0, 0, 0, 0, 0, 0, 0],
    'a CNAME longer than its name': [...header([0, 1, 0, 0]), 0, 0, 5, 0, 1, 0, 0, 0, 0, 0, 2, 0, 0],
    'a TXT past its end': [...header([0, 1, 0, 0]), 0, 0, 16, 0, 1, 0, 0, 0, 0, 0, 2, 9, 97],
    'an SOA without numbers': [...header([0, 1, 0, 0]), 0, 0, 6, 0, 1, 0, 0, 0, 0, 0, 2, 0, 0],
  };
  for (const [what, wire] of Object.entries(cases)) {
    it(`are refused: ${what}`, () => assert.throws(() => decodeMessage(Buffer.from(wire)), WireError));
  }

  it('a name of more than 255 bytes by way of pointers is refused', () => {
    const labels = [...Array<number[]>(4)].flatMap(() => [60, ...new Array<number>(60).fill(97)]);
    const wire = [
      ...header([2, 0, 0, 0]),
      ...labels,
      0,
      0,
      1,
      0,
      1,
      60,
      ...new Array<number>(60).fill(98),
      0xc0,
      12,
    ];
    assert.throws(() => decodeMessage(Buffer.from([...wire, 0, 1, 0, 1])), /255/);
  });

  it('never make anything but a WireError: random bytes, and good messages with random faults', () => {
    const safe = (wire: Uint8Array): void => {
      try {
        decodeMessage(Buffer.from(wire));
      } catch (error) {
        assert.ok(error instanceof WireError, String(error));
      }
    };
    fc.assert(fc.property(fc.uint8Array({ maxLength: 300 }), safe), { numRuns: 2000 });
    const faults = fc.array(fc.tuple(fc.nat(400), fc.integer({ min: 0, max: 255 })), {
      minLength: 1,
      maxLength: 6,
    });
    const broken = fc.tuple(message, faults, fc.nat(400)).map(([m, list, cut]) => {
      const wire = encodeMessage(m);
      for (const [at, value] of list) wire[at % wire.length] = value;
      return wire.subarray(0, wire.length - (cut % 20));
    });
    fc.assert(fc.property(broken, safe), { numRuns: 2000 });
  });

  it('a header is read on its own', () => {
    assert.equal(readHeader(Buffer.alloc(11)), undefined);
    assert.equal(readHeader(good)?.nQuestions, 1);
  });
});

describe('names', () => {
  it('split into labels at dots that are not escaped', () => {
    assert.deepEqual(labelsOf('a.b.'), ['a', 'b']);
    assert.deepEqual(labelsOf('a.b'), ['a', 'b']);
    assert.deepEqual(labelsOf('.'), []);
    assert.deepEqual(labelsOf('a\\.b.c.'), ['a\\.b', 'c']);
    assert.equal(labelBytes('a\\.b\\\\\\000'), 'a.b\\\0');
  });
});

describe('messages in a TCP stream', () => {
  it('come out as they went in, however the stream is cut', () => {
    fc.assert(
      fc.property(
        fc.array(fc.uint8Array({ maxLength: 300 }), { maxLength: 8 }),
        fc.integer({ min: 1, max: 50 }),
        (list, cut) => {
          const stream = Buffer.concat(list.map((m) => tcpFrame(m)));
          const frames = createTcpFrames();
          const out: Buffer[] = [];
          for (let at = 0; at < stream.length; at += cut)
            out.push(...frames.push(stream.subarray(at, at + cut)));
          assert.deepEqual(
            out.map((m) => [...m]),
            list.map((m) => [...m]),
          );
        },
      ),
    );
  });
});

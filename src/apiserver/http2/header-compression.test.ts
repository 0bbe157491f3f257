import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CompressionError, createHeaderDecoder } from './header-decoder.ts';
import { EMPTY_TABLE, encodeHeaders } from './header-encoder.ts';

const hex = (text: string): Buffer => Buffer.from(text.replace(/\s/g, ''), 'hex');

/** RFC 7541, C.3 and C.4: three requests on one connection, without and with Huffman texts. */
const examples: readonly [title: string, blocks: readonly string[]][] = [
  [
    'plain texts',
    [
      '8286 8441 0f77 7777 2e65 7861 6d70 6c65 2e63 6f6d',
      '8286 84be 5808 6e6f 2d63 6163 6865',
      '8287 85bf 400a 6375 7374 6f6d 2d6b 6579 0c63 7573 746f 6d2d 7661 6c75 65',
    ],
  ],
  [
    'Huffman texts',
    [
      '8286 8441 8cf1 e3c2 e5f2 3a6b a0ab 90f4 ff',
      '8286 84be 5886 a8eb 1064 9cbf',
      '8287 85bf 4088 25a8 49e9 5ba9 7d7f 8925 a849 e95b b8e8 b4bf',
    ],
  ],
];
for (const [title, blocks] of examples) {
  test(`the requests of the RFC's examples are read, with ${title}`, () => {
    const decoder = createHeaderDecoder(1000);
    const lists = blocks.map((block) => decoder.decode(hex(block)).fields.map((field) => field.join(': ')));
    assert.deepEqual(lists, [
      [':method: GET', ':scheme: http', ':path: /', ':authority: www.example.com'],
      [':method: GET', ':scheme: http', ':path: /', ':authority: www.example.com', 'cache-control: no-cache'],
      [
        ':method: GET',
        ':scheme: https',
        ':path: /index.html',
        ':authority: www.example.com',
        'custom-key: custom-value',
      ],
    ]);
  });
}

test('a full table forgets its oldest fields, and a smaller one more of them', () => {
  const decoder = createHeaderDecoder(1e6);
  const literal = (name: string, value: string): Buffer =>
    Buffer.concat([
      Buffer.of(0x40, name.length),
      Buffer.from(name),
      Buffer.of(0x7f, ((value.length - 127) & 0x7f) | 0x80, (value.length - 127) >> 7),
      Buffer.from(value),
    ]);
  const value = 'x'.repeat(1500);
  for (const name of ['a', 'b', 'c']) decoder.decode(literal(name, value));
  // 62 is the newest. Two of 1533 octets fit into 4096.
  assert.equal(decoder.decode(Buffer.of(0x80 | 62)).fields[0]?.[0], 'c');
  assert.equal(decoder.decode(Buffer.of(0x80 | 63)).fields[0]?.[0], 'b');
  assert.throws(() => decoder.decode(Buffer.of(0x80 | 64)), CompressionError);
  // 2000, then nothing.
  assert.equal(decoder.decode(Buffer.of(0x3f, 0xb1, 0x0f, 0x80 | 62)).fields[0]?.[0], 'c');
  assert.throws(() => decoder.decode(Buffer.of(0x80 | 63)), CompressionError);
  assert.throws(() => decoder.decode(Buffer.of(0x20, 0x80 | 62)), CompressionError);
});

const malformed: readonly [title: string, block: string][] = [
  ['the index 0', '80'],
  ['an index beyond the tables', 'ff80 01'],
  ['a number that ends early', 'ff'],
  ['a number without end', 'ff ffff ffff ffff ff7f'],
  ['a string longer than its block', '4001 61 7f 62'],
  ['a table larger than allowed', '3fe2 1f'],
  ['a change of the table after a field', '82 20'],
  ['Huffman padding of zeros', '4001 61 81 00'],
  ['Huffman padding of a whole octet', '4001 61 82 1fff'],
  ['the end of a Huffman text within it', '4001 61 84 ffff fffc'],
];
for (const [title, block] of malformed) {
  test(`a block with ${title} is refused`, () => {
    assert.throws(() => createHeaderDecoder(1000).decode(hex(block)), CompressionError);
  });
}

test('a list beyond the limit is cut, and the table still learns from it', () => {
  const decoder = createHeaderDecoder(100);
  const block = hex('4001 61 01 62');
  const { fields, isTooLarge } = decoder.decode(Buffer.concat([block, block, block, block, Buffer.of(0xbe)]));
  assert.deepEqual([fields.length, isTooLarge], [2, true]);
  assert.deepEqual(decoder.decode(Buffer.of(0xbe)).fields, [['a', 'b']]);
});

test('what is written can be read, whatever its length and octets', () => {
  const decoder = createHeaderDecoder(1e6);
  for (const status of [200, 201, 404, 429, 599]) {
    const fields = [
      ['content-type', 'application/json'],
      ['x-long', 'é'.repeat(20_000)],
      ['x-empty', ''],
      ['x-127', 'v'.repeat(127)],
      ['warning', 'one'],
      ['warning', 'two'],
    ] as const;
    const block = Buffer.concat([EMPTY_TABLE, encodeHeaders(status, fields)]);
    assert.deepEqual(decoder.decode(block).fields, [[':status', String(status)], ...fields]);
  }
});

test('a value with a line break is never sent', () => {
  assert.throws(() => encodeHeaders(200, [['x', 'a\r\nb']]), TypeError);
  assert.throws(() => encodeHeaders(200, [['x', '\u0100']]), TypeError);
});

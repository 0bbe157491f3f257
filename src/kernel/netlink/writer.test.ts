import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { eachMessage, readAcknowledgement, readAttributes, type NetlinkMessage } from './reader.ts';
import { NetlinkWriter } from './writer.ts';

const messagesOf = (data: Buffer): NetlinkMessage[] => {
  const found: NetlinkMessage[] = [];
  eachMessage(data, (m) => void found.push(m));
  return found;
};

describe('netlink messages', () => {
  it('come back as they were written, with lengths, padding and nesting', () => {
    const writer = new NetlinkWriter(64);
    writer.begin(1, 2).u8(1).u8(2).u16(3).u32(4).attrString(5, 'abc').attrU8(6, 7).attrU16Be(8, 0x1234);
    const nest = writer.openNest(9);
    writer.attrU64Be(10, 0x0102030405060708n).attrFlag(11).attrU32Be(12, 0xfffffffe).closeNest(nest);
    writer
      .begin(20, 0)
      .attrBytes(1, Uint8Array.of(1, 2, 3, 4, 5))
      .attrU16(2, 3)
      .attrU32(3, 4)
      .attrU64(4, 5)
      .i32(-1);
    const [first, second, ...rest] = messagesOf(writer.finish());
    assert.ok(first !== undefined && second !== undefined);
    assert.equal(rest.length, 0);
    assert.equal(writer.nMessages, 2);
    assert.deepEqual([first.type, first.flags], [1, 2]);
    const attributes = readAttributes(first.payload, 8);
    assert.equal(attributes.get(5)?.toString(), 'abc\0');
    assert.deepEqual([...(attributes.get(6) ?? [])], [7]);
    assert.equal(attributes.get(8)?.readUInt16BE(), 0x1234);
    const inner = readAttributes(attributes.get(9) ?? Buffer.alloc(0));
    assert.equal(inner.get(10)?.readBigUInt64BE(), 0x0102030405060708n);
    assert.equal(inner.get(11)?.length, 0);
    assert.equal(inner.get(12)?.readUInt32BE(), 0xfffffffe);
    assert.deepEqual([...(readAttributes(second.payload).get(1) ?? [])], [1, 2, 3, 4, 5]);
  });

  it('survive the growth of the buffer', () => {
    const writer = new NetlinkWriter();
    for (let i = 0; i < 5000; i++) writer.begin(i & 0xffff, 0).attrU32(1, i);
    const messages = messagesOf(writer.finish());
    assert.equal(messages.length, 5000);
    assert.equal(
      readAttributes(messages[4999]?.payload ?? Buffer.alloc(0))
        .get(1)
        ?.readUInt32LE(),
      4999,
    );
  });

  it('can be taken back to a mark', () => {
    const writer = new NetlinkWriter();
    writer.begin(1, 0).finish();
    const mark = writer.length;
    writer.begin(2, 0).attrU32(1, 1).finish();
    assert.deepEqual(
      messagesOf(writer.truncate(mark, 1).finish()).map((m) => m.type),
      [1],
    );
    assert.equal(writer.reset().finish().length, 0);
  });

  it('carry the explanation of a refusal in three shapes', () => {
    const text = Buffer.concat([
      Buffer.of(12, 0, 1, 0),
      Buffer.from('because\0'),
      Buffer.of(8, 0, 2, 0, 20, 0, 0, 0),
    ]);
    const errno = Buffer.alloc(4);
    errno.writeInt32LE(-22);
    const echo = Buffer.alloc(16);
    echo.writeUInt32LE(20);
    const base = { type: 2, sequence: 1 };
    const expected = { errno: 22, text: 'because', offset: 20 };
    assert.deepEqual(
      readAcknowledgement({ ...base, flags: 0x300, payload: Buffer.concat([errno, echo, text]) }),
      expected,
    );
    const whole = Buffer.concat([errno, echo, Buffer.alloc(4), text]);
    assert.deepEqual(readAcknowledgement({ ...base, flags: 0x200, payload: whole }), expected);
    const done = { type: 3, sequence: 1, flags: 0x200, payload: Buffer.concat([errno, text]) };
    assert.deepEqual(readAcknowledgement(done), expected);
    assert.deepEqual(readAcknowledgement({ ...base, flags: 0, payload: errno }), { errno: 22, text: '' });
  });
});

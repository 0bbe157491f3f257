import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { connect, createServer } from 'node:net';
import type { AddressInfo, Socket } from 'node:net';
import { duplexPair } from 'node:stream';
import type { Duplex } from 'node:stream';
import { buffer, text } from 'node:stream/consumers';
import { test } from 'node:test';
import { constants, deflateSync } from 'node:zlib';
import { controlFrame, dataHead, FrameReader, numbersFrame } from './frames.ts';
import type { Frame } from './frames.ts';
import { createHeaderReader, createHeaderWriter, DICTIONARY_ID, spdyDictionary } from './header-block.ts';
import { createSpdySession } from './session.ts';
import type { SpdySession, SpdySessionOptions } from './session.ts';
import type { SpdyStream } from './stream.ts';

const adler32 = (bytes: Buffer): number => {
  let [a, b] = [1, 0];
  for (const byte of bytes) [a, b] = [(a + byte) % 65521, (b + a + byte) % 65521];
  return ((b << 16) | a) >>> 0;
};

test('the dictionary is the one of the specification', () => {
  assert.equal(spdyDictionary().length, 1423);
  assert.equal(adler32(spdyDictionary()), DICTIONARY_ID);
});

test('headers are written so that a zlib with the dictionary reads them, and squeezed ones are read', async () => {
  const write = createHeaderWriter();
  const reader = createHeaderReader();
  assert.deepEqual(
    { ...(await reader.read(write({ streamType: 'error', Port: '80' }))) },
    { streamtype: 'error', port: '80' },
  );
  assert.deepEqual({ ...(await reader.read(write({}))) }, {});
  reader.close();
  const squeezed = createHeaderReader();
  const plain = Buffer.from('\0\0\0\x01\0\0\0\x06accept\0\0\0\x03*/*', 'latin1');
  const block = deflateSync(plain, { dictionary: spdyDictionary(), finishFlush: constants.Z_SYNC_FLUSH });
  assert.deepEqual({ ...(await squeezed.read(block)) }, { accept: '*/*' });
  squeezed.close();
});

const badBlocks: Readonly<Record<string, Buffer>> = {
  'what is no zlib': Buffer.from('no zlib at all'),
  'more headers than there is room for': deflateSync(Buffer.from([0xff, 0xff, 0xff, 0xff]), {
    dictionary: spdyDictionary(),
  }),
  'a header longer than the block': deflateSync(Buffer.from('\0\0\0\x01\0\0\xff\xff1234', 'latin1'), {
    dictionary: spdyDictionary(),
  }),
  'a few bytes that unpack to a gigabyte': deflateSync(Buffer.alloc(16 << 20), {
    dictionary: spdyDictionary(),
  }).subarray(0, 16000),
};
for (const [what, block] of Object.entries(badBlocks)) {
  test(`headers: ${what} is refused`, async () => {
    const reader = createHeaderReader();
    await assert.rejects(reader.read(block));
    reader.close();
  });
}

test('frames are the same however the bytes are cut', () => {
  const bytes = Buffer.concat([
    numbersFrame(6, 1),
    dataHead(1, 5, true),
    Buffer.from('hello'),
    dataHead(3, 0, true),
    controlFrame(3, 0, Buffer.from([0, 0, 0, 1, 0, 0, 0, 5])),
  ]);
  const read = (size: number): unknown[] => {
    const reader = new FrameReader();
    const frames: Frame[] = [];
    for (let at = 0; at < bytes.length; at += size)
      frames.push(...reader.push(bytes.subarray(at, at + size)));
    const data = Buffer.concat(
      frames.flatMap((f) => (f.kind === 'data' && f.streamId === 1 ? [f.bytes] : [])),
    );
    const ends = frames.flatMap((f) => (f.kind === 'data' && f.isLast ? [f.streamId] : []));
    return [data.toString(), ends, frames.flatMap((f) => (f.kind === 'control' ? [f.type] : []))];
  };
  for (const size of [1, 2, 7, 8, 9, 1000])
    assert.deepEqual(read(size), ['hello', [1, 3], [6, 3]], `${size}`);
});

interface Pair {
  readonly client: SpdySession;
  readonly server: SpdySession;
  readonly streams: SpdyStream[];
  readonly ended: Promise<unknown>;
}

function pair(options: Partial<SpdySessionOptions> = {}): Pair {
  const [near, far] = duplexPair();
  const streams: SpdyStream[] = [];
  const client = createSpdySession({ transport: near, isServer: false });
  const server = createSpdySession({
    transport: far,
    isServer: true,
    onStream: (s) => streams.push(s),
    ...options,
  });
  return { client, server, streams, ended: Promise.all([client.run(), server.run()]) };
}

test('megabytes pass both ways at once, whole, with both directions ending on their own', async () => {
  const { client, server, ended } = pair({ onStream: (stream) => stream.pipe(stream) });
  const sent = [0, 1, 2].map(() => randomBytes(3_000_000));
  const echoed = sent.map(async (bytes, i) => {
    const stream = client.openStream({ streamtype: String(i) });
    stream.end(bytes);
    return buffer(stream);
  });
  for (const [i, bytes] of (await Promise.all(echoed)).entries()) {
    assert.equal(
      createHash('sha256').update(bytes).digest('hex'),
      createHash('sha256')
        .update(sent[i] ?? '')
        .digest('hex'),
    );
  }
  assert.equal(client.streams.size, 0);
  server.close();
  client.close();
  await ended;
});

test('the end of one direction leaves the other open', async () => {
  const { client, streams, ended } = pair();
  const stream = client.openStream({ name: 'x' });
  stream.end('question');
  const opened = await until(() => streams[0]);
  assert.equal(opened.headers['name'], 'x');
  assert.equal(await text(opened), 'question');
  opened.end('answer');
  assert.equal(await text(stream), 'answer');
  client.destroy();
  await ended;
});

test('a reset reaches the other end as an error, and a cut connection all streams', async () => {
  const { client, streams, ended } = pair();
  const first = client.openStream({});
  const second = client.openStream({});
  const [one, two] = [await until(() => streams[0]), await until(() => streams[1])];
  const failed = new Promise((resolve) => one.once('error', resolve));
  first.destroy();
  assert.match(String(await failed), /reset the stream/);
  const cut = new Promise((resolve) => two.once('error', resolve));
  client.destroy();
  assert.match(String(await cut), /connection is closed/);
  await ended;
  assert.ok(second.destroyed);
});

test('a stream that is not wanted is reset', async () => {
  const { client, ended } = pair({ accepts: ({ port }) => port === '80' });
  const stream = client.openStream({ port: '81' });
  await assert.rejects(text(stream), /reset the stream/);
  client.destroy();
  await ended;
});

test('a reader that takes nothing stops its writer, and loses nothing', async () => {
  const { client, streams, ended } = pair();
  const stream = client.openStream({});
  let written = 0;
  const piece = Buffer.alloc(65536, 'x');
  const pump = (async () => {
    for (let i = 0; i < 160; i++) {
      if (!stream.write(piece)) await new Promise((resolve) => stream.once('drain', resolve));
      written += piece.length;
    }
    stream.end();
  })();
  const opened = await until(() => streams[0]);
  await new Promise((resolve) => setTimeout(resolve, 100));
  assert.ok(written < 3_000_000, `${written} bytes written to a reader that takes none`);
  assert.ok(opened.readableLength < 2_000_000);
  assert.equal((await buffer(opened)).length, 160 * 65536);
  await pump;
  client.destroy();
  await ended;
});

test('a connection that breaks while a reader takes nothing ends all the same', async () => {
  const { client, server, streams, ended } = pair();
  const stream = client.openStream({});
  stream.write(Buffer.alloc(4_000_000));
  const opened = await until(() => streams[0]);
  await until(() => (opened.readableLength > 1_000_000 ? true : undefined));
  server.destroy();
  client.destroy();
  await ended;
  assert.ok(opened.destroyed);
});

/** A server session at the end of a real socket, and the bytes it answers. */
async function rawServer(): Promise<{
  socket: Socket;
  run: Promise<void>;
  answer: Promise<Buffer>;
  close: () => void;
}> {
  const run = Promise.withResolvers<void>();
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    const session = createSpdySession({ transport: socket, isServer: true, onStream: (s) => s.pipe(s) });
    void session.run().then(run.resolve);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const socket = connect((server.address() as AddressInfo).port, '127.0.0.1');
  socket.on('error', () => undefined);
  return { socket, run: run.promise, answer: buffer(socket), close: () => server.close() };
}

const synStream = (id: number): Buffer => {
  const fixed = Buffer.alloc(10);
  fixed.writeUInt32BE(id, 0);
  return controlFrame(1, 0, Buffer.concat([fixed, createHeaderWriter()({ a: 'b' })]));
};

/** Type and last number of each control frame. */
function summary(answer: Buffer): string[] {
  return [...new FrameReader().push(answer)].map((frame) =>
    frame.kind === 'data'
      ? `data ${frame.bytes.length}`
      : `${frame.type}:${frame.body.readUInt32BE(frame.type === 2 ? 0 : Math.max(0, frame.body.length - 4))}`,
  );
}

const hostile: Readonly<Record<string, readonly [sent: Buffer, answer: readonly string[]]>> = {
  'another protocol': [Buffer.from('GET / HTTP/1.1\r\nhost: x\r\n\r\n'), ['3:2']],
  'another version': [Buffer.from([0x80, 2, 0, 6, 0, 0, 0, 4, 0, 0, 0, 1]), ['7:1']],
  'a control frame of a megabyte': [Buffer.from([0x80, 3, 0, 1, 0, 0x10, 0, 0]), ['7:1']],
  'a control frame too short for its type': [controlFrame(9, 0, Buffer.alloc(4)), ['7:1']],
  'headers that are no zlib': [controlFrame(1, 0, Buffer.alloc(40, 1)), ['7:1']],
  'a stream number of the server': [synStream(2), ['7:1']],
  'the same stream twice': [
    Buffer.concat([synStream(1), numbersFrame(6, 1), synStream(1)]),
    ['2:1', '6:1', '7:1'],
  ],
  'settings that promise more than there is': [numbersFrame(4, 0xffffffff), ['7:1']],
  'a window of the connection opened by nothing': [numbersFrame(9, 0, 0), ['7:1']],
  'a window of the connection beyond 31 bits': [numbersFrame(9, 0, 0x7fffffff), ['7:1']],
};
for (const [what, [sent, expected]] of Object.entries(hostile)) {
  test(`${what} ends the connection`, async () => {
    const { socket, run, answer, close } = await rawServer();
    socket.write(sent);
    if (expected[0] === '3:2') socket.end();
    await run;
    assert.deepEqual(summary(await answer), expected);
    close();
  });
}

test('what concerns one stream only resets that stream', async () => {
  const { socket, run, answer, close } = await rawServer();
  socket.write(
    Buffer.concat([
      dataHead(9, 3, false),
      Buffer.from('abc'),
      synStream(1),
      numbersFrame(9, 1, 0x7fffffff),
      numbersFrame(6, 1),
    ]),
  );
  socket.write(
    Buffer.concat([controlFrame(77, 0, Buffer.from('unknown')), numbersFrame(6, 3), numbersFrame(6, 2)]),
  );
  socket.end();
  await run;
  assert.deepEqual(summary(await answer), ['3:2', '2:1', '3:7', '6:1', '6:3']);
  close();
});

test('a peer with windows is sent no more than they allow', async () => {
  const [near, far] = duplexPair();
  const session = createSpdySession({
    transport: far,
    isServer: true,
    onStream: (s) => s.end(Buffer.alloc(200_000)),
  });
  const run = session.run();
  near.write(Buffer.concat([numbersFrame(4, 1, 7, 1000), synStream(1)]));
  const frames = new FrameReader();
  let got = 0;
  near.on('data', (chunk: Buffer) => {
    for (const frame of frames.push(chunk)) if (frame.kind === 'data') got += frame.bytes.length;
  });
  await until(() => (got > 0 ? true : undefined));
  await new Promise((resolve) => setTimeout(resolve, 50));
  assert.equal(got, 1000);
  near.write(numbersFrame(9, 1, 500));
  await until(() => (got === 1500 ? true : undefined));
  near.write(numbersFrame(9, 1, 1_000_000));
  await until(() => (got === 200_000 ? true : undefined));
  near.destroy();
  session.destroy();
  await run;
});

async function until<T>(probe: () => T | undefined): Promise<T> {
  for (const end = Date.now() + 60_000; Date.now() < end;) {
    const found = probe();
    if (found !== undefined) return found;
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  throw new Error('gave up waiting');
}

test('too many streams at once are refused, the others go on', async () => {
  const { client, streams, ended } = pair();
  const opened = Array.from({ length: 2050 }, () => client.openStream({}));
  await assert.rejects(text(opened.at(-1) as Duplex), /reset the stream/);
  assert.equal(streams.length, 2048);
  client.destroy();
  await ended;
});

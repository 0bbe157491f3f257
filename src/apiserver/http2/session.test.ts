import assert from 'node:assert/strict';
import { duplexPair } from 'node:stream';
import { test } from 'node:test';
import { fakeClock } from '../../base/clock.ts';
import { answer, data, END, GET, headers, literal, POST, settings, talk } from '../fixtures/http2-talk.ts';
import { CODE, FLAG, FRAME, frameOf, FrameReader, PREFACE, resetFrame, windowUpdateFrame } from './frames.ts';
import type { Frame } from './frames.ts';
import { Http2Session } from './session.ts';

const codeOf = (frames: readonly Frame[], type: number): number | undefined =>
  frames.find((frame) => frame.type === type)?.payload.readUInt32BE(type === FRAME.goaway ? 4 : 0);
const textOf = (frames: readonly Frame[], streamId: number): string =>
  Buffer.concat(
    frames.filter((f) => f.type === FRAME.data && f.streamId === streamId).map((f) => f.payload),
  ).toString();

const faults: readonly [title: string, code: keyof typeof CODE, frames: readonly Uint8Array[]][] = [
  ['an even stream', 'protocolError', [headers(2)]],
  ['HEADERS on stream 0', 'protocolError', [headers(0)]],
  ['DATA on stream 0', 'protocolError', [data(0, 'x')]],
  ['DATA on a stream that was never opened', 'protocolError', [data(5, 'x')]],
  ['WINDOW_UPDATE on a stream that was never opened', 'protocolError', [windowUpdateFrame(5, 1)]],
  ['RST_STREAM on a stream that was never opened', 'protocolError', [resetFrame(5, 8)]],
  ['a push', 'protocolError', [frameOf(FRAME.pushPromise, Buffer.alloc(4), { streamId: 1 })]],
  ['PING on a stream', 'protocolError', [frameOf(FRAME.ping, Buffer.alloc(8), { streamId: 1 })]],
  ['a PING of seven octets', 'frameSizeError', [frameOf(FRAME.ping, Buffer.alloc(7))]],
  ['SETTINGS on a stream', 'protocolError', [frameOf(FRAME.settings, Buffer.alloc(0), { streamId: 1 })]],
  ['SETTINGS of five octets', 'frameSizeError', [frameOf(FRAME.settings, Buffer.alloc(5))]],
  [
    'an acknowledgement that is not empty',
    'frameSizeError',
    [frameOf(FRAME.settings, Buffer.alloc(6), { flags: FLAG.ack })],
  ],
  ['ENABLE_PUSH of 2', 'protocolError', [settings([2, 2])]],
  ['an initial window beyond 2^31 - 1', 'flowControlError', [settings([4, 0x8000_0000])]],
  ['MAX_FRAME_SIZE of 100', 'protocolError', [settings([5, 100])]],
  ['a window that grows by nothing', 'protocolError', [windowUpdateFrame(0, 0)]],
  ['a window that grows too large', 'flowControlError', [windowUpdateFrame(0, 0x7fff_ffff)]],
  ['GOAWAY on a stream', 'protocolError', [frameOf(FRAME.goaway, Buffer.alloc(8), { streamId: 1 })]],
  ['a frame of more than 16 384 octets', 'frameSizeError', [data(1, Buffer.alloc(16_385))]],
  ['CONTINUATION without HEADERS', 'protocolError', [frameOf(FRAME.continuation, GET, { streamId: 1 })]],
  ['another frame within a header block', 'protocolError', [headers(1, GET, 0), settings()]],
  [
    'the header block of another stream within one',
    'protocolError',
    [headers(1, GET, 0), frameOf(FRAME.continuation, GET, { streamId: 3 })],
  ],
  ['a header block that cannot be read', 'compressionError', [headers(1, Buffer.of(0x80))]],
  [
    'a padded frame that is all padding',
    'protocolError',
    [headers(1, Buffer.of(9, 0x82), END | FLAG.padded)],
  ],
  ['PRIORITY on stream 0', 'protocolError', [frameOf(FRAME.priority, Buffer.alloc(5))]],
  [
    'a flood of pings',
    'enhanceYourCalm',
    [Buffer.concat(Array.from({ length: 2100 }, () => frameOf(FRAME.ping, Buffer.alloc(8))))],
  ],
  [
    'a flood of empty DATA',
    'enhanceYourCalm',
    [headers(1, POST, FLAG.endHeaders), Buffer.concat(Array.from({ length: 2100 }, () => data(1, '')))],
  ],
  [
    'streams that are opened and reset without end',
    'enhanceYourCalm',
    Array.from({ length: 1100 }, (_, i) =>
      Buffer.concat([headers(2 * i + 1), resetFrame(2 * i + 1, CODE.cancel)]),
    ),
  ],
  [
    'a header block without end',
    'enhanceYourCalm',
    [
      headers(1, GET, 0),
      ...Array.from({ length: 40 }, () => frameOf(FRAME.continuation, Buffer.alloc(8192), { streamId: 1 })),
    ],
  ],
];
for (const [title, code, frames] of faults) {
  test(`${title} ends the connection with ${code}`, async () => {
    const { send, heard, client, clock } = talk();
    send(...frames);
    assert.equal(codeOf(await heard(), FRAME.goaway), CODE[code]);
    await clock.advance(1000);
    client.destroy();
  });
}

test('what begins with another frame than SETTINGS is cut off', async () => {
  const other = talk(answer, headers(1));
  assert.equal(codeOf(await other.heard(), FRAME.goaway), CODE.protocolError);
});

const malformed: readonly [title: string, code: keyof typeof CODE, frames: readonly Uint8Array[]][] = [
  ['no method', 'protocolError', [headers(1, GET.subarray(1))]],
  ['no scheme', 'protocolError', [headers(1, Buffer.from([0x82, 0x84]))]],
  ['two methods', 'protocolError', [headers(1, Buffer.concat([GET, Buffer.of(0x82)]))]],
  [
    'a pseudo-header behind others',
    'protocolError',
    [headers(1, Buffer.concat([Buffer.of(0x82, 0x87), literal('a', 'b'), Buffer.of(0x84)]))],
  ],
  ['a pseudo-header of responses', 'protocolError', [headers(1, Buffer.concat([GET, Buffer.of(0x88)]))]],
  ['a capital in a name', 'protocolError', [headers(1, Buffer.concat([GET, literal('Accept', 'b')]))]],
  ['a line break in a value', 'protocolError', [headers(1, Buffer.concat([GET, literal('a', 'b\r\nc: d')]))]],
  [
    'connection-specific headers',
    'protocolError',
    [headers(1, Buffer.concat([GET, literal('connection', 'close')]))],
  ],
  ['TE that is not trailers', 'protocolError', [headers(1, Buffer.concat([GET, literal('te', 'gzip')]))]],
  [
    'less body than declared',
    'protocolError',
    [
      headers(1, Buffer.concat([POST, literal('content-length', '5')]), FLAG.endHeaders),
      data(1, 'abc', FLAG.endStream),
    ],
  ],
  [
    'a dependency on itself',
    'protocolError',
    [headers(1, Buffer.concat([Buffer.of(0, 0, 0, 1, 0), GET]), END | FLAG.priority)],
  ],
  ['DATA after its end', 'streamClosed', [headers(1), data(1, 'x')]],
  [
    'more body than its window',
    'flowControlError',
    [headers(1, POST, FLAG.endHeaders), ...Array.from({ length: 17 }, () => data(1, Buffer.alloc(16_384)))],
  ],
];
for (const [title, code, frames] of malformed) {
  test(`a request with ${title} is reset with ${code}, and the next one answered`, async () => {
    const { send, heard, client } = talk((stream) => stream.head.method === 'GET' && answer(stream));
    send(...frames);
    const first = await heard();
    assert.equal(codeOf(first, FRAME.rstStream), CODE[code]);
    assert.equal(codeOf(first, FRAME.goaway), undefined);
    send(headers(3));
    assert.equal(textOf(await heard(), 3), 'fine');
    client.destroy();
  });
}

test('a response waits for the windows of the stream and of the connection, and streams take turns', async () => {
  const { send, heard, client } = talk(
    (stream) => {
      stream.respond(200, [], false);
      stream.write(Buffer.alloc(50_000, String(stream.id)));
      stream.end();
    },
    settings([4, 40_000]),
  );
  send(headers(1), headers(3));
  const first = await heard();
  const sizes = [1, 3].map((id) => textOf(first, id).length);
  assert.deepEqual(sizes, [32_768, 32_767], 'all that the connection takes, in turn');
  const order = first.filter(({ type }) => type === FRAME.data).map(({ streamId }) => streamId);
  assert.deepEqual(order.slice(0, 4), [1, 3, 1, 3]);
  send(windowUpdateFrame(0, 100_000));
  const second = await heard();
  assert.deepEqual(
    [1, 3].map((id) => textOf(second, id).length),
    [40_000 - 32_768, 40_000 - 32_767],
  );
  send(settings([4, 60_000]));
  const last = await heard();
  assert.deepEqual(
    [1, 3].map((id) => textOf(last, id).length),
    [10_000, 10_000],
  );
  assert.equal(
    last.filter(({ type, flags }) => type === FRAME.data && (flags & FLAG.endStream) !== 0).length,
    2,
  );
  client.destroy();
});

test('a stream left out of one turn comes first in the next', async () => {
  const { send, heard, client } = talk(
    (stream) => {
      stream.respond(200, [], false);
      stream.write(Buffer.alloc(60_000, 'x'));
    },
    settings([4, 1_000_000]),
  );
  send(headers(1), headers(3), headers(5));
  const sent = new Map([
    [1, 0],
    [3, 0],
    [5, 0],
  ]);
  for (let i = 0; i < 6; i++) {
    for (const frame of await heard())
      if (frame.type === FRAME.data)
        sent.set(frame.streamId, (sent.get(frame.streamId) ?? 0) + frame.payload.length);
    send(windowUpdateFrame(0, 16_384));
  }
  const sizes = [...sent.values()];
  assert.ok(Math.max(...sizes) - Math.min(...sizes) <= 2 * 16_384, `${sizes.join(' ')}`);
  client.destroy();
});

test('bodies arrive while they are read, and what is read may be sent again', async () => {
  let read = 0;
  const { send, heard, client } = talk((stream) => {
    void (async () => {
      for await (const chunk of stream.body) read += chunk.length;
      answer(stream);
    })();
  });
  send(headers(1, POST, FLAG.endHeaders));
  let granted = 0;
  for (let i = 0; i < 64; i++) {
    send(data(1, Buffer.alloc(16_384)));
    for (const { type, streamId, payload } of await heard())
      if (type === FRAME.windowUpdate && streamId === 1) granted += payload.readUInt32BE(0);
  }
  send(data(1, 'end', FLAG.endStream));
  assert.equal(textOf(await heard(), 1), 'fine');
  assert.equal(read, 64 * 16_384 + 3);
  assert.ok(granted >= read - 256 * 1024);
  client.destroy();
});

test('a short body is there as a whole when its request is looked at', async () => {
  const { send, heard, streams, client } = talk();
  send(headers(1, Buffer.concat([POST, literal('content-length', '6')]), FLAG.endHeaders), data(1, 'abc'));
  await heard();
  assert.equal(streams.length, 0);
  send(data(1, 'def', FLAG.endStream));
  await heard();
  assert.equal(streams[0]?.hasAllBody, true);
  client.destroy();
});

test('more requests at once than allowed are refused, also when the client has forgotten the others', async () => {
  const running: (() => void)[] = [];
  const [server, client] = duplexPair();
  const session = new Http2Session({
    socket: server,
    clock: fakeClock(),
    maxStreams: 2,
    serve: () => new Promise((resolve) => running.push(resolve)),
    onFault: () => undefined,
  });
  session.start();
  const refused: number[] = [];
  const reader = new FrameReader();
  reader.push(Buffer.from(PREFACE), () => undefined);
  client.on('data', (chunk: Buffer) =>
    reader.push(chunk, ({ type, streamId }) => type === FRAME.rstStream && refused.push(streamId)),
  );
  const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
  const until = async (isSo: () => boolean): Promise<void> => {
    while (!isSo()) await turn();
  };
  client.write(Buffer.concat([Buffer.from(PREFACE), settings(), headers(1), headers(3)]));
  client.write(Buffer.concat([resetFrame(1, CODE.cancel), resetFrame(3, CODE.cancel), headers(5)]));
  await until(() => refused.length > 0);
  assert.deepEqual(refused, [5]);
  for (const end of running) end();
  await turn();
  client.write(headers(7));
  await until(() => running.length > 2 || refused.length > 1);
  assert.deepEqual([refused, running.length], [[5], 3]);
  client.destroy();
});

test('a closing session finishes what runs, takes nothing new, and ends', async () => {
  const conversation = talk(() => undefined);
  const { send, heard, streams, session } = conversation;
  send(headers(1));
  await heard();
  session.close();
  send(headers(3));
  assert.equal(codeOf(await heard(), FRAME.goaway), CODE.noError);
  assert.deepEqual([streams.length, conversation.hasEnded], [1, false]);
  const [stream] = streams;
  assert.ok(stream);
  answer(stream);
  assert.equal(textOf(await heard(), 1), 'fine');
  assert.equal(conversation.hasEnded, true);
});

test('a client that never begins is cut off', async () => {
  const [server, client] = duplexPair();
  const clock = fakeClock();
  new Http2Session({
    socket: server,
    clock,
    maxStreams: 1,
    serve: async () => undefined,
    onFault: () => undefined,
  }).start();
  client.write(PREFACE.slice(0, 10));
  await clock.advance(10_000);
  assert.equal(server.destroyed, true);
});

test('a client with a small table hears first that the table is empty', async () => {
  const { send, heard, client } = talk(answer, settings([1, 0]));
  send(headers(1));
  const frames = await heard();
  assert.equal(frames.find(({ type }) => type === FRAME.headers)?.payload[0], 0x20);
  client.destroy();
});

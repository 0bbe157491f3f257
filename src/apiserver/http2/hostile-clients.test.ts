import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fakeClock } from '../../base/clock.ts';
import { BODY_MS, LateBody } from '../http/message.ts';
import { data, END, GET, headers, POST, settings, talk } from '../fixtures/http2-talk.ts';
import { ArrivingBody } from './arriving-body.ts';
import { FLAG, FRAME } from './frames.ts';
import type { Frame } from './frames.ts';
import { readSettings } from './settings.ts';

test('of the windows that one frame of SETTINGS names, the last one counts, and is acted on once', () => {
  const frame = settings(...Array.from({ length: 2000 }, (_, i) => [4, i] as const));
  const payload = frame.subarray(9);
  const set: number[] = [];
  const listener = { initialWindow: (bytes: number) => set.push(bytes), smallTable: () => undefined };
  assert.equal(readSettings({ type: FRAME.settings, flags: 0, streamId: 0, payload }, listener), true);
  assert.deepEqual(set, [1999]);
});

test('a client that asks and does not listen is asked to wait, and answered when it listens again', async () => {
  const long = 'x'.repeat(60_000);
  const { client, server, send, heard } = talk((stream) => stream.respond(200, [['x', long]], true));
  await heard();
  client.pause();
  let asked = 0;
  // What goes out of sight of the socket is bounded by a turn of the loop: one request each.
  while (!server.isPaused()) {
    assert.ok(asked < 100, `${server.writableLength} octets wait`);
    send(headers(2 * asked++ + 1, GET, END));
    await heard();
  }
  assert.ok(server.writableLength < 2 * 1024 * 1024);
  client.resume();
  send(headers(2 * asked + 1, GET, END));
  const answers: Frame[] = [];
  while (answers.length < asked + 1)
    answers.push(...(await heard()).filter(({ type }) => type === FRAME.headers));
  assert.equal(answers.length, asked + 1);
  assert.equal(server.isPaused(), false);
  client.destroy();
});

test('a body in tiny pieces is kept in few, and none of what came with them', async () => {
  const received = Buffer.alloc(64 * 1024, 'abcdefg');
  const body = new ArrivingBody(fakeClock(), () => undefined);
  const nPieces = 50_000;
  for (let i = 0; i < nPieces; i++) body.push(received.subarray(i, i + 1));
  body.end();
  const chunks: Uint8Array[] = [];
  for await (const chunk of body) chunks.push(chunk);
  assert.ok(chunks.length <= 6, `${chunks.length} pieces`);
  assert.deepEqual(Buffer.concat(chunks), received.subarray(0, nPieces));
  const held = new Set(chunks.slice(1).map(({ buffer }) => buffer));
  assert.ok([...held].every((buffer) => buffer.byteLength === 16 * 1024));
});

test('pieces of all lengths are read in their order, however reading and arriving take turns', async () => {
  const body = new ArrivingBody(fakeClock(), () => undefined);
  const lengths = [1, 3, 9000, 2, 16_384, 5, 5, 12_000, 7, 4000, 8191, 8192, 8193, 1, 1];
  const sent: Buffer[] = [];
  const read: Uint8Array[] = [];
  const reader = body[Symbol.asyncIterator]();
  for (let round = 0; round < 20; round++) {
    for (const [i, length] of lengths.entries()) {
      const piece = Buffer.alloc(length, `${round}-${i} `);
      sent.push(piece);
      body.push(piece);
      if ((round + i) % 4 !== 0) continue;
      const next = await reader.next();
      assert.ok(next.done !== true);
      read.push(next.value);
    }
  }
  body.end();
  for (;;) {
    const next = await reader.next();
    if (next.done === true) break;
    read.push(next.value);
  }
  assert.deepEqual(Buffer.concat(read), Buffer.concat(sent));
});

test('a body that does not come is not waited for without end', async () => {
  const outcomes: unknown[] = [];
  const { client, clock, send, heard } = talk((stream) => {
    stream.body.whole(1_000_000).then(
      (whole) => outcomes.push(whole),
      (error: unknown) => outcomes.push(error instanceof LateBody),
    );
  });
  send(headers(1, POST, FLAG.endHeaders), data(1, 'a beginning'));
  await heard();
  await clock.advance(BODY_MS - 1);
  assert.deepEqual(outcomes, []);
  await clock.advance(1);
  await heard();
  assert.deepEqual(outcomes, [true]);
  client.destroy();
});

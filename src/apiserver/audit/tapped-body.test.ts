import assert from 'node:assert/strict';
import { test } from 'node:test';
import { BODY_LIMIT } from '../http/body.ts';
import type { HttpRequest, RequestBody } from '../http/message.ts';
import { tapped } from './tapped-body.ts';

const requestOf = (body: HttpRequest['body'] & object): HttpRequest => ({
  method: 'POST',
  path: '/',
  headers: {},
  body,
  signal: new AbortController().signal,
});

async function* pieces(n: number, length: number): AsyncGenerator<Uint8Array> {
  for (let i = 0; i < n; i++) yield Buffer.alloc(length, 'x');
}

test('what is read of a body is kept, and passed on as it is', async () => {
  const kept: Uint8Array[] = [];
  const { body } = tapped(requestOf(pieces(3, 10)), kept);
  const read: Uint8Array[] = [];
  for await (const chunk of body as RequestBody) read.push(chunk);
  assert.deepEqual(read, kept);
  assert.equal(Buffer.concat(kept).length, 30);
});

test('a body that can be read as a whole still can, in its own time', async () => {
  const whole = async (limit: number): Promise<Uint8Array> => Buffer.from(`at most ${limit}`);
  const kept: Uint8Array[] = [];
  const { body } = tapped(requestOf({ [Symbol.asyncIterator]: () => pieces(1, 1), whole }), kept);
  const all = await (body as RequestBody).whole?.(7);
  assert.deepEqual([String(all), ...kept.map(String)], ['at most 7', 'at most 7']);
});

test('of a body without end nothing is kept', async () => {
  const kept: Uint8Array[] = [];
  const { body } = tapped(requestOf(pieces(5, BODY_LIMIT / 3)), kept);
  let most = 0;
  for await (const _ of body as RequestBody) most = Math.max(most, Buffer.concat(kept).length);
  assert.deepEqual([most, kept], [BODY_LIMIT, []]);
});

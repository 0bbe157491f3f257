import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { HttpResponse } from './http/message.ts';
import { inProcessTransport, systemAccount } from './in-process-transport.ts';

test('a stream that comes after its request was given up on is ended', async () => {
  const answer = Promise.withResolvers<HttpResponse>();
  const ended = Promise.withResolvers<void>();
  const transport = inProcessTransport({ handle: () => answer.promise }, systemAccount('robot'));
  const asking = new AbortController();
  const asked = transport.request({ method: 'GET', path: '/', signal: asking.signal });
  asking.abort(new Error('no longer wanted'));
  await assert.rejects(asked, /no longer wanted/);
  const iterator: AsyncIterator<Uint8Array> = {
    next: () => Promise.reject(new Error('nobody reads')),
    return: () => {
      ended.resolve();
      return Promise.resolve({ done: true, value: undefined });
    },
  };
  answer.resolve({ status: 200, headers: {}, body: { [Symbol.asyncIterator]: () => iterator } });
  await ended.promise;
});

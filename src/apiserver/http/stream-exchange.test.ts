import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, constants } from 'node:http2';
import type { ClientHttp2Session, OutgoingHttpHeaders } from 'node:http2';
import { after, before, test } from 'node:test';
import { realClock as clock } from '../../base/clock.ts';
import { silentLogger } from '../../base/logger.ts';
import { createTestPki, testConfig } from '../fixtures/running-server.ts';
import type { TestPki } from '../fixtures/running-server.ts';
import { readBody } from './body.ts';
import { listenAll } from './listeners.ts';
import type { Listening } from './listeners.ts';
import type { HttpRequest } from './message.ts';

let mine: TestPki;
let listening: Listening;
let session: ClientHttp2Session;
/** How the last request's body ended for who read it. */
let lastRead = Promise.withResolvers<string>();

/** `/whole` reads the body and says its length, `/first` only its first piece, all others leave it alone. */
async function answer({ path, body, ...rest }: HttpRequest) {
  if (path === '/whole') {
    const read = readBody({ path, ...rest, ...(body === undefined ? {} : { body }) });
    lastRead.resolve(read.then(({ length }) => `${length}`).catch((error: Error) => error.message));
    return { status: 200, headers: {}, body: `${(await read).length} characters` };
  }
  if (path === '/first') {
    for await (const chunk of (body ?? []) as AsyncIterable<Uint8Array>) {
      return { status: 200, headers: {}, body: `a piece: ${chunk.length > 0}` };
    }
  }
  return { status: 200, headers: {}, body: 'unread' };
}

before(async () => {
  mine = await createTestPki();
  const config = testConfig(mine.pki, [{ host: '127.0.0.1', port: 0 }]);
  listening = await listenAll({ config, clock, logger: silentLogger, handle: answer });
  session = connected();
});
after(async () => {
  session.destroy();
  await listening.stop();
  await mine.remove();
});

const connected = (): ClientHttp2Session =>
  connect(`https://127.0.0.1:${listening.addresses[0]?.port}`, { ca: mine.pki.caCert, ...mine.pki.admin });

const ask = (path: string, headers: OutgoingHttpHeaders = {}, over = session) => {
  const stream = over.request({ ':method': 'POST', ':path': path, ...headers });
  stream.on('error', () => undefined);
  return stream;
};

async function answered(stream: ReturnType<typeof ask>): Promise<readonly [status: unknown, text: string]> {
  let text = '';
  stream.on('data', (chunk: Buffer) => (text += chunk.toString()));
  const ended = once(stream, 'end');
  const [headers] = (await once(stream, 'response')) as [Record<string, unknown>];
  await ended;
  return [headers[':status'], text];
}

test('a body in many pieces is read whole, and so is none at all', async () => {
  const long = ask('/whole');
  for (let i = 0; i < 50; i++) long.write('é'.repeat(20_000));
  long.end();
  assert.deepEqual(await answered(long), [200, '1000000 characters']);
  const none = ask('/whole');
  none.end();
  assert.deepEqual(await answered(none), [200, '0 characters']);
});

for (const path of ['/first', '/nothing']) {
  test(`an answer to ${path} does not wait for what nobody reads, and the client may stop sending`, async () => {
    const stream = ask(path);
    stream.write('x'.repeat(1000));
    const closed = once(stream, 'close');
    const [status, text] = await answered(stream);
    assert.deepEqual([status, text], [200, path === '/first' ? 'a piece: true' : 'unread']);
    await closed;
    assert.equal(stream.rstCode, constants.NGHTTP2_NO_ERROR);
  });
}

test('a body whose connection breaks half-way is no body', async () => {
  lastRead = Promise.withResolvers();
  const broken = connected();
  ask('/whole', {}, broken).write('{"kind":');
  await once(broken, 'connect');
  broken.destroy();
  assert.equal(await lastRead.promise, 'the body of the request ended early');
});

test('a body beyond the limit is refused while it is still on its way', async () => {
  lastRead = Promise.withResolvers();
  const stream = ask('/whole');
  for (let i = 0; i < 40; i++) stream.write('x'.repeat(100_000));
  assert.match(await lastRead.promise, /Request entity too large/);
  stream.destroy();
});

test('a client that asks first may go on, one that expects anything else may not', async () => {
  const patient = ask('/whole', { expect: '100-continue' });
  await once(patient, 'continue');
  patient.end('abc');
  assert.deepEqual(await answered(patient), [200, '3 characters']);
  const strange = ask('/whole', { expect: 'miracles' });
  strange.end();
  assert.equal((await answered(strange))[0], 417);
});

test('the server is no tunnel', async () => {
  const stream = session.request({ ':method': 'CONNECT', ':authority': 'example.com:443' });
  assert.equal((await answered(stream))[0], 405);
});

import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import { connect } from 'node:http2';
import { Agent, request as httpsRequest } from 'node:https';
import { text } from 'node:stream/consumers';
import { after, before, test } from 'node:test';
import { connect as tlsConnect } from 'node:tls';
import { ApiError } from '../../api/errors/api-error.ts';
import { fakeClock } from '../../base/clock.ts';
import type { FakeClock } from '../../base/clock.ts';
import { silentLogger } from '../../base/logger.ts';
import { askOn, createTestPki, overHttp1, overHttp2, testConfig } from '../fixtures/running-server.ts';
import type { TestPki } from '../fixtures/running-server.ts';
import { readBody } from './body.ts';
import { listenAll } from './listeners.ts';
import type { HttpRequest, HttpResponse, ResponseBody } from './message.ts';

let mine: TestPki;
before(async () => {
  mine = await createTestPki();
});
after(() => mine.remove());

interface Served {
  readonly url: string;
  readonly clock: FakeClock;
  stop(): Promise<void>;
}

/** A server that gives every request the same answer, on a clock that stands still. */
async function serve(
  answer: (request: HttpRequest) => Promise<HttpResponse>,
  now?: () => number,
): Promise<Served> {
  const still = fakeClock();
  const clock = now === undefined ? still : { ...still, now };
  const config = testConfig(mine.pki, [{ host: '127.0.0.1', port: 0 }]);
  const listening = await listenAll({ config, clock, logger: silentLogger, handle: answer });
  return {
    clock,
    url: `https://127.0.0.1:${listening.addresses[0]?.port}`,
    stop: async () => {
      const stopped = listening.stop();
      await clock.advance(2000);
      await stopped;
    },
  };
}

const ok = (body: ResponseBody): Promise<HttpResponse> => Promise.resolve({ status: 200, headers: {}, body });

test('a watcher that takes nothing is cut off, and little is kept for it', async () => {
  let nPieces = 0;
  const ended = Promise.withResolvers<void>();
  async function* endless(): AsyncGenerator<string> {
    try {
      for (;;) {
        nPieces++;
        yield 'x'.repeat(64 * 1024);
      }
    } finally {
      ended.resolve();
    }
  }
  const served = await serve(() => ok(endless()));
  const session = connect(served.url, { ca: mine.pki.caCert, ...mine.pki.admin });
  const stream = session.request({ ':path': '/' });
  stream.on('error', () => undefined);
  await once(stream, 'response');
  // Nobody reads; the source stops when the windows are full.
  let before = -1;
  while (before !== nPieces) {
    before = nPieces;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  assert.ok(nPieces < 100, `${nPieces} pieces were taken`);
  await served.clock.advance(59_000);
  assert.equal(stream.closed, false);
  await served.clock.advance(2_000);
  await ended.promise;
  session.destroy();
  await served.stop();
});

const bodies: readonly [title: string, body: () => ResponseBody, expected: string][] = [
  ['text', () => 'é', 'é'],
  ['bytes', () => Buffer.from('abc'), 'abc'],
  ['pieces', () => ['a', 'é', 'c'], 'aéc'],
  ['nothing', () => '', ''],
];
for (const [title, body, expected] of bodies) {
  test(`a body of ${title} arrives whole, with its length`, async () => {
    const served = await serve(() => ok(body()));
    for (const ask of [overHttp1, overHttp2]) {
      const answer = await ask(served.url, { ca: mine.pki.caCert });
      assert.equal(answer.bytes.toString(), expected);
      assert.equal(answer.headers['content-length'], String(Buffer.byteLength(expected)));
    }
    await served.stop();
  });
}

test('a 304 has neither body nor length', async () => {
  const served = await serve(() => Promise.resolve({ status: 304, headers: { etag: '"x"' }, body: '' }));
  for (const ask of [overHttp1, overHttp2]) {
    const answer = await ask(served.url, { ca: mine.pki.caCert });
    assert.deepEqual(
      [answer.status, answer.headers['content-length'], answer.bytes.length],
      [304, undefined, 0],
    );
  }
  await served.stop();
});

test('a HEAD of a stream does not read the stream', async () => {
  let isRead = false;
  async function* stream(): AsyncGenerator<string> {
    isRead = true;
    yield 'x';
  }
  const served = await serve(() => ok(stream()));
  for (const ask of [overHttp1, overHttp2]) {
    assert.equal((await ask(served.url, { ca: mine.pki.caCert, method: 'HEAD' })).status, 200);
  }
  assert.equal(isRead, false);
  await served.stop();
});

test('a stream that fails half-way is a broken answer, not a whole one', async () => {
  async function* failing(): AsyncGenerator<string> {
    yield 'a';
    throw new Error('no more');
  }
  const served = await serve(() => ok(failing()));
  await assert.rejects(overHttp1(served.url, { ca: mine.pki.caCert }));
  await served.stop();
});

test('a server that cannot answer closes the connection and goes on', async () => {
  let nAsked = 0;
  const served = await serve(() => (nAsked++ === 0 ? Promise.reject(new Error('not started')) : ok('fine')));
  await assert.rejects(overHttp1(served.url, { ca: mine.pki.caCert }));
  assert.equal((await overHttp1(served.url, { ca: mine.pki.caCert })).bytes.toString(), 'fine');
  await served.stop();
});

test('one connection may have many large answers under way', async () => {
  const served = await serve(() => ok('x'.repeat(2 * 1024 * 1024)));
  const session = connect(served.url, { ca: mine.pki.caCert });
  const sizes = await Promise.all(
    Array.from({ length: 20 }, async () => (await askOn(session, '/')).bytes.length),
  );
  assert.deepEqual(new Set(sizes), new Set([2 * 1024 * 1024]));
  // The first twenty wait unread while the next one is asked for.
  const waiting = Array.from({ length: 20 }, () => session.request({ ':path': '/' }));
  await Promise.all(waiting.map((stream) => once(stream, 'response')));
  assert.equal((await askOn(session, '/', { method: 'HEAD' })).status, 200);
  session.destroy();
  await served.stop();
});

test('a body that is refused half-way ends its connection, and nothing else', async () => {
  const served = await serve(async ({ body }) => {
    for await (const chunk of (body ?? []) as AsyncIterable<Uint8Array>) {
      assert.ok(chunk.length > 0);
      break;
    }
    return { status: 413, headers: {}, body: 'too large' };
  });
  const { port } = new URL(served.url);
  const socket = tlsConnect({ port: Number(port), host: '127.0.0.1', ca: mine.pki.caCert });
  let text = '';
  socket.on('data', (chunk: Buffer) => (text += chunk.toString()));
  socket.write('POST / HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n5\r\nabcde\r\n');
  await once(socket, 'end');
  assert.match(text, /^HTTP\/1\.1 413 /);
  assert.equal((await overHttp1(served.url, { ca: mine.pki.caCert })).status, 413);
  socket.destroy();
  await served.stop();
});

/** A client of HTTP/1.1 that says what it is told to, and hears until the end. */
async function plainClient(url: string) {
  const socket = tlsConnect({ port: Number(new URL(url).port), host: '127.0.0.1', ca: mine.pki.caCert });
  const closed = Promise.withResolvers<void>();
  let heard = '';
  const isHeard = async (pattern: RegExp): Promise<void> => {
    while (!pattern.test(heard)) await once(socket, 'data');
  };
  socket.on('data', (chunk: Buffer) => (heard += chunk.toString()));
  socket.on('error', () => undefined);
  socket.on('close', () => closed.resolve());
  await once(socket, 'secureConnect');
  return { socket, isHeard, closed: closed.promise };
}

test('a client of HTTP/1.1 that does not end its headers is cut off', async () => {
  const served = await serve(() => ok('fine'));
  const { socket, closed } = await plainClient(served.url);
  socket.write('GET / HTTP/1.1\r\nhost: x\r\n');
  let isCut = false;
  void closed.then(() => (isCut = true));
  // The server may learn of the connection later than the client.
  while (!isCut) await served.clock.advance(32_000);
  await served.stop();
});

test('headers that do not end behind an answered request cut the connection off, too', async () => {
  const served = await serve(() => ok('fine'));
  const { socket, isHeard, closed } = await plainClient(served.url);
  socket.write('GET / HTTP/1.1\r\nhost: x\r\n\r\n');
  await isHeard(/fine$/);
  socket.write('GET / HTTP/1.1\r\nhost: x\r\n');
  let isCut = false;
  void closed.then(() => (isCut = true));
  await served.clock.advance(89_000);
  assert.equal(isCut, false);
  while (!isCut) await served.clock.advance(1000);
  await served.stop();
});

test('a body that does not come is answered with 504, and waited for no longer', async () => {
  const read = Promise.withResolvers<void>();
  const served = await serve(async (request) => {
    const reading = readBody(request);
    read.resolve();
    const error = await reading.then(
      () => assert.fail(),
      (caught: unknown) => caught,
    );
    assert.ok(error instanceof ApiError);
    return { status: error.status.code ?? 0, headers: {}, body: error.message };
  });
  const { socket, isHeard, closed } = await plainClient(served.url);
  socket.write('POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 10\r\n\r\n12345');
  await read.promise;
  await served.clock.advance(60_000);
  await isHeard(/^HTTP\/1\.1 504 [^]*did not arrive in time$/);
  await closed;
  await served.stop();
});

for (const protocol of ['HTTP/1.1', 'HTTP/2']) {
  test(`who came over ${protocol} with a certificate that expires meanwhile is nobody any more`, async () => {
    let now = Date.now();
    const served = await serve(
      ({ user, hasBadCertificate = false }) => ok(`${user?.name ?? 'nobody'} ${hasBadCertificate}`),
      () => now,
    );
    const { admin, caCert: ca } = mine.pki;
    const agent = new Agent({ keepAlive: true, maxSockets: 1, ca, ...admin });
    const session = connect(served.url, { ca, ...admin });
    let port = 0;
    const askPlain = async (): Promise<string> => {
      const request = httpsRequest(served.url, { agent });
      request.end();
      const [response] = (await once(request, 'response')) as [IncomingMessage];
      assert.ok(port === 0 || port === request.socket?.localPort, 'the same connection');
      port = request.socket?.localPort ?? 0;
      return text(response);
    };
    const asked = async (): Promise<string> =>
      protocol === 'HTTP/2' ? (await askOn(session, '/')).bytes.toString() : askPlain();
    assert.match(await asked(), /^kubernetes-admin false$/);
    now = Date.parse(new X509Certificate(admin.cert).validTo) + 1;
    assert.equal(await asked(), 'nobody true');
    session.destroy();
    agent.destroy();
    await served.stop();
  });
}

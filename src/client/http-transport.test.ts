import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer as createHttpServer } from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import { createSecureServer } from 'node:http2';
import type { Http2SecureServer, ServerHttp2Session, ServerHttp2Stream } from 'node:http2';
import type { AddressInfo, Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TLSSocket } from 'node:tls';
import { after, before, describe, it } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import { createPki } from '../apiserver/pki/pki.ts';
import type { Pki } from '../apiserver/pki/pki.ts';
import { fakeClock, realClock } from '../base/clock.ts';
import type { Clock } from '../base/clock.ts';
import { createHttpTransport } from './http-transport.ts';
import { readText } from './json-frames.ts';
import type { ServerAccess } from './server-access.ts';
import type { Transport } from './transport.ts';

const portOf = (server: Server): number => (server.address() as AddressInfo).port;
const listen = (server: Server): Promise<void> =>
  new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));

let dir = '';
let pki: Pki;
before(async () => {
  dir = await mkdtemp(join(tmpdir(), 'portico-transport-'));
  pki = await createPki({ dir, nodes: [], apiServerHosts: ['127.0.0.1', 'localhost'], clock: realClock });
});
after(() => rm(dir, { recursive: true, force: true }));

interface Seen {
  readonly path: string;
  readonly authorization: string | undefined;
  readonly client: string | undefined;
}

/** An HTTP/2 server that tells what it saw; `/endless` sends its first chunk and waits, `/refuse` refuses the first time. */
async function startServer() {
  const seen: Seen[] = [];
  const sessions = new Set<ServerHttp2Session>();
  let nSessions = 0;
  let nRefused = 0;
  const server: Http2SecureServer = createSecureServer({
    ...pki.serving,
    ca: pki.caCert,
    requestCert: true,
    rejectUnauthorized: false,
  });
  server.on('session', (session) => {
    nSessions++;
    sessions.add(session);
    session.on('error', () => undefined);
    session.once('close', () => sessions.delete(session));
  });
  server.on('stream', (stream: ServerHttp2Stream, headers) => {
    stream.on('error', () => undefined);
    const path = headers[':path'] ?? '';
    if (path === '/refuse' && nRefused++ === 0) return stream.close(7);
    const client = (stream.session?.socket as TLSSocket | undefined)?.getPeerCertificate().subject?.CN;
    seen.push({
      path,
      authorization: headers.authorization,
      client: typeof client === 'string' ? client : undefined,
    });
    stream.respond({ ':status': path === '/missing' ? 404 : 200, 'content-type': 'text/plain', 'x-a': '1' });
    if (path === '/endless') stream.write('first');
    else stream.pipe(stream);
  });
  await listen(server);
  return {
    server,
    seen,
    sessions,
    nSessions: () => nSessions,
    access: (more: Partial<ServerAccess> = {}): ServerAccess => ({
      server: `https://127.0.0.1:${portOf(server)}`,
      ca: pki.caCert,
      ...more,
    }),
    stop: async () => {
      for (const session of sessions) session.destroy();
      await new Promise<void>((resolve) => void server.close(() => resolve()));
    },
  };
}

const get = async (transport: Transport, path: string): Promise<string> =>
  readText((await transport.request({ method: 'GET', path })).body);
const transportTo = (access: ServerAccess, pingEveryMs = 5_000, clock: Clock = realClock): Transport =>
  createHttpTransport(access, { clock, pingEveryMs });

describe('a transport over HTTP/2', () => {
  let server: Awaited<ReturnType<typeof startServer>>;
  before(async () => {
    server = await startServer();
  });
  after(() => server.stop());

  it('sends many requests over one connection, with bodies, status and headers', async () => {
    const transport = transportTo(server.access());
    const before = server.nSessions();
    const answers = await Promise.all(
      Array.from({ length: 20 }, async (_, i) => {
        const response = await transport.request({ method: 'POST', path: `/${i}`, body: `body ${i}` });
        assert.equal(response.headers['x-a'], '1');
        return [response.status, await readText(response.body)];
      }),
    );
    assert.deepEqual(
      answers,
      Array.from({ length: 20 }, (_, i) => [200, `body ${i}`]),
    );
    assert.equal(server.nSessions(), before + 1);
    assert.equal((await transport.request({ method: 'GET', path: '/missing' })).status, 404);
    transport.close();
  });

  it('gives an answer whole to who reads it when the server is long done', async () => {
    const transport = transportTo(server.access());
    const response = await transport.request({ method: 'POST', path: '/patient', body: 'a body' });
    await setTimeout(100);
    assert.equal(await readText(response.body), 'a body');
    transport.close();
  });

  it('says who it is by certificate or by token, and adds the path prefix of the server', async () => {
    const withCertificate = transportTo(server.access(pki.admin));
    await get(withCertificate, '/cert');
    let token = 'one';
    const access = server.access({ token: () => token });
    const withToken = transportTo({ ...access, server: `${access.server}/prefix/` });
    await get(withToken, '/token');
    token = 'two';
    await get(withToken, '/token');
    assert.deepEqual(server.seen.slice(-3), [
      { path: '/cert', authorization: undefined, client: 'kubernetes-admin' },
      { path: '/prefix/token', authorization: 'Bearer one', client: undefined },
      { path: '/prefix/token', authorization: 'Bearer two', client: undefined },
    ]);
    withCertificate.close();
    withToken.close();
  });

  it('goes on with a certificate that was renewed, and ends nothing that the old one began', async () => {
    let pair = pki.admin;
    const known = new Map([pki.admin, pki.kubeletClient].map((each) => [each, { ca: pki.caCert, ...each }]));
    const transport = transportTo(server.access({ material: () => known.get(pair) ?? {} }));
    const stop = new AbortController();
    const { body } = await transport.request({ method: 'GET', path: '/endless', signal: stop.signal });
    const reading = readText(body);
    await get(transport, '/old');
    pair = pki.kubeletClient;
    await get(transport, '/new');
    // A file that is written in two steps: the key is not that of the certificate.
    pair = { cert: pki.admin.cert, key: pki.kubeletClient.key };
    known.set(pair, { ca: pki.caCert, ...pair });
    const before = server.nSessions();
    await get(transport, '/torn');
    assert.equal(server.nSessions(), before);
    const clientOf = (path: string) => server.seen.findLast((each) => each.path === path)?.client;
    const [old, renewed, torn] = ['/old', '/new', '/torn'].map(clientOf);
    assert.equal(old, 'kubernetes-admin');
    assert.notEqual(renewed, old);
    assert.equal(torn, renewed);
    stop.abort();
    assert.equal(await reading, 'first', 'the watch went on until it was stopped');
    transport.close();
  });

  it('dials again after the connection was lost, and when the server says goodbye', async () => {
    const transport = transportTo(server.access());
    await get(transport, '/a');
    for (const session of server.sessions) session.destroy();
    await get(transport, '/b');
    for (const session of server.sessions) session.goaway(0);
    await realClock.sleep(20);
    await get(transport, '/c');
    transport.close();
  });

  it('sends a request that the server refused to look at once more', async () => {
    const transport = transportTo(server.access());
    const response = await transport.request({ method: 'POST', path: '/refuse', body: 'x' });
    assert.equal(await readText(response.body), 'x');
    transport.close();
  });

  it('ends a body quietly when it is aborted, and rejects a request that is aborted before', async () => {
    const transport = transportTo(server.access());
    const stop = new AbortController();
    const { body } = await transport.request({ method: 'GET', path: '/endless', signal: stop.signal });
    const chunks: string[] = [];
    for await (const chunk of body) {
      chunks.push(String(chunk));
      stop.abort();
    }
    assert.deepEqual(chunks, ['first']);
    await assert.rejects(transport.request({ method: 'GET', path: '/late', signal: stop.signal }), /aborted/);
    assert.ok(!server.seen.some(({ path }) => path === '/late'));
    transport.close();
  });

  it('throws when the connection breaks in the middle of a body', async () => {
    const transport = transportTo(server.access());
    const { body } = await transport.request({ method: 'GET', path: '/endless' });
    const reading = assert.rejects(readText(body), /the connection broke/);
    await realClock.sleep(20);
    for (const session of server.sessions) session.destroy();
    await reading;
    transport.close();
  });

  it('closing it ends what runs', async () => {
    const transport = transportTo(server.access());
    const { body } = await transport.request({ method: 'GET', path: '/endless' });
    const reading = assert.rejects(readText(body), /the connection broke/);
    transport.close();
    await reading;
  });

  it('keeps an idle watch alive as long as the server answers PINGs', async () => {
    const clock = fakeClock();
    const transport = transportTo(server.access(), 5_000, clock);
    const stop = new AbortController();
    const { body } = await transport.request({ method: 'GET', path: '/endless', signal: stop.signal });
    const reading = readText(body);
    const before = server.nSessions();
    for (let i = 0; i < 10; i++) {
      await clock.advance(5_000);
      // Its answer follows that of the PING.
      await get(transport, '/still');
    }
    assert.equal(server.nSessions(), before);
    stop.abort();
    assert.equal(await reading, 'first');
    transport.close();
  });

  it('trusts only its authority, unless told not to look', async () => {
    const distrusting = transportTo({ ...server.access(), ca: undefined });
    await assert.rejects(
      get(distrusting, '/x'),
      /cannot connect to https:.*(self-signed|unable to (verify|get))/,
    );
    const careless = transportTo({ ...server.access(), ca: undefined, isInsecure: true });
    await get(careless, '/careless');
    const wrongName = transportTo(server.access({ tlsServerName: 'example.com' }));
    await assert.rejects(get(wrongName, '/x'), /cannot connect/);
    const rightName = transportTo(server.access({ tlsServerName: 'localhost' }));
    await get(rightName, '/named');
    for (const transport of [distrusting, careless, wrongName, rightName]) transport.close();
  });
});

it('plain HTTP/1.1 is spoken with a server without TLS', async () => {
  const server = createHttpServer((request, response) => {
    if (request.url === '/break') return void response.write('first', () => response.destroy());
    response.setHeader('x-a', ['1', '2']);
    request.pipe(response);
  });
  await listen(server);
  const transport = transportTo({ server: `http://127.0.0.1:${portOf(server)}` });
  const response = await transport.request({ method: 'PUT', path: '/a', body: 'text' });
  assert.deepEqual(
    [response.status, response.headers['x-a'], await readText(response.body)],
    [200, '1, 2', 'text'],
  );
  await assert.rejects(get(transport, '/break'), /the connection broke|no answer/);
  transport.close();
  await new Promise((resolve) => server.close(resolve));
  const gone = transportTo({ server: `http://127.0.0.1:1` });
  await assert.rejects(get(gone, '/a'), /no answer from the server/);
  gone.close();
});

it('HTTP/1.1 keeps no connection that an old certificate made', async () => {
  const sockets = new Set<unknown>();
  const server = createHttpsServer({ ...pki.serving, ALPNProtocols: ['http/1.1'] }, (request, response) => {
    sockets.add(request.socket);
    response.end(request.url);
  });
  await listen(server);
  let material = { ca: pki.caCert };
  const transport = transportTo({
    server: `https://127.0.0.1:${portOf(server)}`,
    ca: pki.caCert,
    material: () => material,
  });
  assert.equal(await get(transport, '/a'), '/a');
  material = { ...material };
  assert.equal(await get(transport, '/b'), '/b');
  assert.equal(sockets.size, 2);
  transport.close();
  await new Promise((resolve) => server.close(resolve));
});

it('a server that cannot be reached, or an address of another kind, is an error at once', async () => {
  await assert.rejects(
    get(transportTo({ server: 'https://127.0.0.1:1' }), '/'),
    /cannot connect to https:\/\/127.0.0.1:1/,
  );
  await assert.rejects(
    get(transportTo({ server: 'ftp://127.0.0.1' }), '/'),
    /expected an https or http address/,
  );
});

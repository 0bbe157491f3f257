import assert from 'node:assert/strict';
import { spawn, type ChildProcess } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { findImage, images, unknownImageMessage } from '../images.ts';
import { parseInput, renderAnswer } from './http.ts';

describe('what arrives at the echo server', () => {
  const request = (path: string, more: Partial<{ method: string; isKeepAlive: boolean }> = {}) => ({
    method: 'GET',
    path,
    isKeepAlive: true,
    ...more,
  });
  const cases: Readonly<Record<string, readonly [string, unknown]>> = {
    'half a line': ['GET / HT', { kind: 'more' }],
    'a head without end': ['GET / HTTP/1.1\r\nHost: x\r\n', { kind: 'more' }],
    'a request': [
      'GET /a HTTP/1.1\r\nHost: x\r\n\r\n',
      { kind: 'request', request: request('/a'), nBytes: 28 },
    ],
    'a request that closes': [
      'GET / HTTP/1.1\r\nConnection: close\r\n\r\n',
      { kind: 'request', request: request('/', { isKeepAlive: false }), nBytes: 37 },
    ],
    'HTTP/1.0': [
      'GET / HTTP/1.0\r\n\r\n',
      { kind: 'request', request: request('/', { isKeepAlive: false }), nBytes: 18 },
    ],
    'half a body': ['POST / HTTP/1.1\r\nContent-Length: 5\r\n\r\nabc', { kind: 'more' }],
    'a body': [
      'POST / HTTP/1.1\r\nContent-Length: 3\r\n\r\nabcGET',
      { kind: 'request', request: request('/', { method: 'POST' }), nBytes: 41 },
    ],
    'half a chunked body': [
      'POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n',
      { kind: 'more' },
    ],
    'a chunked body': [
      'POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n',
      { kind: 'request', request: request('/', { method: 'POST' }), nBytes: 60 },
    ],
    'a line': ['hello\nmore', { kind: 'line', line: 'hello', nBytes: 6 }],
  };
  for (const [name, [text, expected]] of Object.entries(cases)) {
    it(name, () => assert.deepEqual(parseInput(text), expected));
  }
  it('is answered without a body for HEAD', () => {
    assert.match(
      renderAnswer(request('/', { method: 'HEAD' }), { status: 200, body: 'abc' }),
      /Content-Length: 3\r\n.*\r\n\r\n$/s,
    );
  });
});

describe('images', () => {
  it('are found by name, whatever the tag', () => {
    assert.equal(findImage('portico/echo:1.2')?.name, 'portico/echo');
    assert.equal(findImage('docker.io/portico/echo@sha256:abc')?.name, 'portico/echo');
    assert.equal(findImage('nginx'), undefined);
    for (const { name } of images) assert.ok(unknownImageMessage('nginx').includes(`"${name}"`));
    assert.equal(findImage('host')?.argv({ name: 'c', command: [] }), undefined);
    assert.deepEqual(findImage('host')?.argv({ name: 'c', args: ['x'] }), ['x']);
    assert.deepEqual(findImage('host')?.argv({ name: 'c', command: ['a'], args: ['b'] }), ['a', 'b']);
    assert.deepEqual(findImage('portico/echo')?.argv({ name: 'c', command: ['a'], args: ['b'] }), ['a', 'b']);
  });
});

describe('the echo program', () => {
  const folder = mkdtempSync(join(tmpdir(), 'portico-echo-'));
  const flag = join(folder, 'unready');
  let port = 0;
  let child: ChildProcess;
  const wasSaid = async (text: string): Promise<void> => {
    for await (const chunk of child.stdout ?? []) if (String(chunk).includes(text)) return;
  };
  before(async () => {
    const probe = createServer().listen(0, '127.0.0.1');
    await new Promise((resolve) => probe.once('listening', resolve));
    port = (probe.address() as AddressInfo).port;
    await new Promise((resolve) => probe.close(resolve));
    const args = ['--port', String(port), '--fail-ready-file', flag, '--drain=0.5'];
    const env = { ...process.env, POD_IP: '127.0.0.1', HOSTNAME: 'echo-1', POD_NAMESPACE: 'shop' };
    child = spawn(process.execPath, [join(import.meta.dirname, 'echo.ts'), ...args], {
      env,
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    await wasSaid('listens');
  });
  after(() => {
    child.kill('SIGKILL');
    rmSync(folder, { recursive: true });
  });
  const open = (): Promise<Socket> =>
    new Promise((resolve) => {
      const socket = connect(port, '127.0.0.1', () => resolve(socket));
      socket.setEncoding('latin1');
    });
  const next = (socket: Socket): Promise<string> =>
    new Promise((resolve) => socket.once('data', (text) => resolve(String(text))));
  const get = async (path: string): Promise<string> => {
    const socket = await open();
    socket.write(`GET ${path} HTTP/1.1\r\n\r\n`);
    const text = await next(socket);
    socket.destroy();
    return text;
  };

  it('says who answers and who asked, over HTTP, TCP and UDP', async () => {
    assert.match(
      await get('/'),
      /^HTTP\/1\.1 200 OK\r\n.*\r\n\r\necho-1 in shop answers 127\.0\.0\.1:\d+\n$/s,
    );
    assert.match(await get('/hostname'), /\r\n\r\necho-1$/);
    assert.match(await get('/clientip'), /\r\n\r\n127\.0\.0\.1:\d+$/);
    assert.match(await get('/env'), /POD_NAMESPACE=shop\n/);
    assert.match(await get('/healthz?x'), /\r\n\r\nok$/);
    const socket = await open();
    socket.write('a\nb\n');
    assert.match(await next(socket), /^echo-1 in shop answers .*: a\n/);
    socket.destroy();
    const udp = createSocket('udp4');
    udp.send('hi\n', port, '127.0.0.1');
    const [message] = await new Promise<[Buffer]>((resolve) => udp.once('message', (m) => resolve([m])));
    assert.match(message.toString(), /^echo-1 in shop answers 127\.0\.0\.1:\d+: hi\n$/);
    udp.close();
  });

  it('is not ready while the file is there', async () => {
    assert.match(await get('/readyz'), /^HTTP\/1\.1 200/);
    writeFileSync(flag, '');
    assert.match(await get('/readyz'), /^HTTP\/1\.1 503 Service Unavailable/);
    rmSync(flag);
  });

  it('asked to stop, still answers, ends connections after an answer, and then goes', async () => {
    const kept = await open();
    kept.write('GET /hostname HTTP/1.1\r\n\r\n');
    assert.match(await next(kept), /Connection: keep-alive/);
    const gone = new Promise((resolve) => child.once('exit', resolve));
    child.kill('SIGTERM');
    await new Promise((resolve) => setTimeout(resolve, 100));
    kept.write('GET /hostname HTTP/1.1\r\n\r\n');
    assert.match(await next(kept), /Connection: close/);
    assert.match(await get('/hostname'), /echo-1$/);
    assert.equal(await gone, 0);
  });
});

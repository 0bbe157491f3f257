import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { connect as tcp, createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { after, before, test } from 'node:test';
import { connect as tlsConnect } from 'node:tls';
import { realClock } from '../../base/clock.ts';
import { silentLogger } from '../../base/logger.ts';
import { createMemoryStore } from '../../storage/memory/memory-store.ts';
import { createTestPki, overHttp1, overHttp2, startServer, testConfig } from '../fixtures/running-server.ts';
import type { TestPki } from '../fixtures/running-server.ts';
import { createApiServer } from '../server.ts';

let mine: TestPki;
before(async () => {
  mine = await createTestPki();
});
after(async () => {
  await mine.remove();
});

test('one server answers on several addresses', async () => {
  const running = await startServer(mine.pki, {
    listen: [
      { host: '127.0.0.1', port: 0 },
      { host: '::1', port: 0 },
    ],
  });
  try {
    assert.deepEqual(
      running.addresses.map(({ family }) => family),
      ['IPv4', 'IPv6'],
    );
    for (const { address, port, family } of running.addresses) {
      const host = family === 'IPv6' ? `[${address}]` : address;
      assert.equal((await overHttp2(`https://${host}:${port}/version`, { ca: mine.pki.caCert })).status, 200);
    }
  } finally {
    await running.stop();
  }
});

test('a server takes over a listening socket that another process opened', async () => {
  const opened = createServer();
  await new Promise<void>((resolve) => opened.listen(0, '127.0.0.1', resolve));
  const { port } = opened.address() as AddressInfo;
  const { fd } = (opened as unknown as { _handle: { fd: number } })._handle;
  const program = new URL('../fixtures/serve-inherited.ts', import.meta.url).pathname;
  const child = spawn(process.execPath, [program], {
    stdio: ['pipe', 'pipe', 'inherit', fd],
  });
  const exited = once(child, 'exit');
  opened.close();
  try {
    assert.ok(child.stdin !== null && child.stdout !== null);
    child.stdin.end(mine.dir);
    await once(child.stdout, 'data');
    assert.equal((await overHttp2(`https://127.0.0.1:${port}/version`, { ca: mine.pki.caCert })).status, 200);
  } finally {
    child.kill('SIGTERM');
  }
  assert.deepEqual(await exited, [0, null]);
});

test('an address that is taken is an error that names it, and keeps none of the others', async () => {
  const taken = createServer();
  await new Promise<void>((resolve) => taken.listen(0, '127.0.0.1', resolve));
  const { port } = taken.address() as AddressInfo;
  const server = createApiServer(
    testConfig(mine.pki, [
      { host: '127.0.0.1', port: 0 },
      { host: '127.0.0.1', port },
    ]),
    {
      store: createMemoryStore(),
      clock: realClock,
      logger: silentLogger,
    },
  );
  await assert.rejects(
    server.run(new AbortController().signal),
    new RegExp(`listening on 127.0.0.1:${port}: .*EADDRINUSE`),
  );
  await assert.rejects(server.addresses());
  taken.close();
});

test("a second connection resumes the first one's TLS session and is known by it", async () => {
  const running = await startServer(mine.pki);
  try {
    const { port } = running.addresses[0] ?? { port: 0 };
    const options = {
      port,
      host: '127.0.0.1',
      ca: mine.pki.caCert,
      ...mine.pki.admin,
      ALPNProtocols: ['http/1.1'],
    };
    const ask = (extra: object): Promise<{ ticket: Buffer | undefined; isReused: boolean; text: string }> =>
      new Promise((resolve, reject) => {
        let ticket: Buffer | undefined;
        let text = '';
        const socket = tlsConnect({ ...options, ...extra }, () => {
          socket.write('GET /api HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n');
        });
        socket.on('session', (given: Buffer) => (ticket = given));
        socket.on('data', (chunk: Buffer) => (text += chunk.toString()));
        socket.on('end', () => resolve({ ticket, isReused: socket.isSessionReused(), text }));
        socket.on('error', reject);
      });
    const first = await ask({});
    assert.match(first.text, /^HTTP\/1\.1 200/);
    // Without a certificate of its own: the session alone carries who it is.
    const second = await ask({ session: first.ticket });
    assert.equal(second.isReused, true);
    assert.match(second.text, /^HTTP\/1\.1 200/);
  } finally {
    await running.stop();
  }
});

test('what is no TLS, and no HTTP, harms nobody', async () => {
  const running = await startServer(mine.pki);
  try {
    const { port } = running.addresses[0] ?? { port: 0 };
    await new Promise((resolve) =>
      tcp(port, '127.0.0.1')
        .on('close', resolve)
        .on('error', () => undefined)
        .resume()
        .end('GET / HTTP/1.1\r\n\r\n'),
    );
    const broken = tlsConnect({
      port,
      host: '127.0.0.1',
      ca: mine.pki.caCert,
      ...mine.pki.admin,
      ALPNProtocols: ['http/1.1'],
    });
    let text = '';
    broken.on('data', (chunk: Buffer) => (text += chunk.toString()));
    await new Promise((resolve) => broken.on('close', resolve).end('NONSENSE\r\n\r\n'));
    assert.match(text, /^HTTP\/1\.1 400/);
    assert.match(text, /"kind":"Status".*"reason":"BadRequest","code":400\}$/);
    assert.equal((await overHttp1(`${running.url}/version`, { ca: mine.pki.caCert })).status, 200);
  } finally {
    await running.stop();
  }
});

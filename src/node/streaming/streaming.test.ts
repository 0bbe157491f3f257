import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import type { IncomingMessage, Server } from 'node:http';
import { createServer as createTcpServer } from 'node:net';
import type { AddressInfo, Server as TcpServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Duplex } from 'node:stream';
import { after, before, describe, it } from 'node:test';
import { WebSocket } from 'ws';
import { realClock } from '../../base/clock.ts';
import { newContainerRecord, type PodRecord } from '../pods/model.ts';
import type { ContainerProcess } from '../runtime/model.ts';
import { createProcessRuntime } from '../runtime/process/process-runtime.ts';
import { Refusal } from '../server/refusal.ts';
import { serveAttach, serveExec, servePortForward } from './streaming.ts';

const root = mkdtempSync(join(tmpdir(), 'portico-streaming-'));
const runtime = createProcessRuntime({ clock: realClock });
let server: Server;
let echo: TcpServer;
let pod: PodRecord;
let container: ContainerProcess;

const doors: Readonly<Record<string, typeof serveExec>> = {
  '/exec': serveExec,
  '/attach': serveAttach,
  '/portForward': servePortForward,
};

before(async () => {
  const directory = join(root, 'c');
  mkdirSync(directory);
  container = runtime.start({
    argv: ['/bin/sh', '-c', 'while read line; do echo "heard $line"; done'],
    env: { PATH: '/usr/bin:/bin', WHO: 'me' },
    workingDir: root,
    namespaces: {},
    mounts: [],
    directory,
    logPath: join(directory, 'log'),
    input: { stdin: 'kept', isTty: false },
  });
  const run = {
    process: container.record,
    startedAt: 0,
    containerID: 'x',
    directory,
    logPath: join(directory, 'log'),
  };
  const records = [{ ...newContainerRecord('main'), run }, newContainerRecord('waiting')];
  pod = { uid: 'u', namespace: 'd', name: 'p', ip: '127.0.0.1', startedAt: 0, containers: records };
  server = createServer();
  server.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) => {
    const { pathname, searchParams: query } = new URL(request.url ?? '/', 'http://x');
    const running = (name: string): ContainerProcess | undefined => (name === 'main' ? container : undefined);
    const asked = {
      upgrade: { request, socket, head },
      pod,
      query,
      running,
      container: query.get('in') ?? 'main',
    };
    const deps = { runtime, clock: realClock, hasPodNetwork: false, nodeIP: '127.0.0.1' };
    doors[pathname]?.(deps, asked).catch((error: unknown) => {
      if (!(error instanceof Refusal)) return void socket.destroy();
      socket.end(`HTTP/1.1 ${error.status} No\r\nconnection: close\r\n\r\n${error.message}`);
    });
  });
  echo = createTcpServer({ allowHalfOpen: true }, (socket) => socket.pipe(socket));
  const listening = [server, echo].map(
    (one) => new Promise<void>((resolve) => void one.listen(0, '127.0.0.1', resolve)),
  );
  await Promise.all(listening);
});
after(async () => {
  container.kill();
  await container.exited;
  server.closeAllConnections();
  server.close();
  echo.close();
  rmSync(root, { recursive: true });
});

const portOf = (one: Server | TcpServer): number => (one.address() as AddressInfo).port;

interface Talk {
  readonly protocol: string;
  /** What came on each channel, joined. */
  readonly channels: Map<number, Buffer>;
  readonly web: WebSocket;
  readonly closed: Promise<number>;
}

/** Opens a WebSocket; resolves when it stands, rejects with the status and text of a refusal. */
function open(path: string, protocols: readonly string[]): Promise<Talk> {
  const web = new WebSocket(`ws://127.0.0.1:${portOf(server)}${path}`, [...protocols]);
  const channels = new Map<number, Buffer>();
  web.on('message', (data: Buffer, isBinary) => {
    const message = isBinary
      ? data
      : Buffer.concat([Buffer.from([(data[0] ?? 48) - 48]), Buffer.from(data.toString().slice(1), 'base64')]);
    const [channel = 0] = message;
    channels.set(channel, Buffer.concat([channels.get(channel) ?? Buffer.alloc(0), message.subarray(1)]));
  });
  const closed = new Promise<number>((resolve) => web.once('close', (code) => resolve(code)));
  return new Promise((resolve, reject) => {
    web.once('open', () => resolve({ protocol: web.protocol, channels, web, closed }));
    web.once('error', reject);
    web.once('unexpected-response', (_request, response) => {
      let said = '';
      response.on('data', (chunk: Buffer) => (said += chunk.toString()));
      response.on('end', () => reject(new Error(`${response.statusCode} ${said}`)));
    });
  });
}

const words = (...argv: readonly string[]): string =>
  argv.map((word) => `&command=${encodeURIComponent(word)}`).join('');
const told = ({ channels }: Talk, channel: number): string => (channels.get(channel) ?? '').toString();

async function until(probe: () => boolean): Promise<void> {
  for (const end = Date.now() + 60_000; Date.now() < end; await realClock.sleep(10)) if (probe()) return;
  throw new Error('gave up waiting');
}

describe('streams of an agent', { concurrency: false }, () => {
  for (const protocol of ['v5.channel.k8s.io', 'v4.channel.k8s.io', 'v4.base64.channel.k8s.io']) {
    it(`${protocol} carries outputs and a Status with the exit code`, async () => {
      const script = 'echo "$WHO"; echo err >&2; exit 3';
      const talk = await open(`/exec?output=1&error=1${words('sh', '-c', script)}`, [
        'unknown.k8s.io',
        protocol,
      ]);
      assert.equal(await talk.closed, 1000);
      assert.deepEqual([talk.protocol, told(talk, 1), told(talk, 2)], [protocol, 'me\n', 'err\n']);
      const status = JSON.parse(told(talk, 3)) as { reason: string; details: unknown };
      assert.equal(status.reason, 'NonZeroExitCode');
      assert.deepEqual(status.details, { causes: [{ reason: 'ExitCode', message: '3' }] });
    });
  }

  it('the oldest protocol tells a failure as text, and nothing of a success', async () => {
    const failed = await open(`/exec?output=1${words('sh', '-c', 'exit 4')}`, ['channel.k8s.io']);
    await failed.closed;
    assert.match(told(failed, 3), /^error executing remote command: .*exit code 4$/);
    const went = await open(`/exec?output=1${words('true')}`, ['base64.channel.k8s.io']);
    await went.closed;
    assert.equal(told(went, 3), '');
  });

  it('the client ends an input by itself in v5', async () => {
    const talk = await open(`/exec?input=1&output=1${words('sh', '-c', 'cat; echo end')}`, [
      'v5.channel.k8s.io',
    ]);
    talk.web.send(Buffer.from('\0abc\n'));
    await until(() => told(talk, 1) === 'abc\n');
    talk.web.send(Buffer.from([255, 0]));
    assert.equal(await talk.closed, 1000);
    assert.equal(told(talk, 1), 'abc\nend\n');
    assert.equal((JSON.parse(told(talk, 3)) as { status: string }).status, 'Success');
  });

  it('a terminal has one output, a size, and Ctrl-D', async () => {
    const script = 'until stty size | grep -v ^0; do sleep 0.05; done; cat; tty >/dev/null && echo done';
    const talk = await open(`/exec?input=1&output=1&error=1&tty=1${words('sh', '-c', script)}`, [
      'v5.channel.k8s.io',
    ]);
    talk.web.send(Buffer.from('\x04{"Width":90,"He'));
    talk.web.send(Buffer.from('\x04ight":30}'));
    await until(() => told(talk, 1).includes('30 90\r\n'));
    talk.web.send(Buffer.from([255, 0]));
    await talk.closed;
    assert.match(told(talk, 1), /done\r\n$/);
  });

  it('a command that ends while children keep its output does not wait for them', async () => {
    const talk = await open(`/exec?output=1${words('sh', '-c', 'sleep 3 & echo left')}`, [
      'v4.channel.k8s.io',
    ]);
    await talk.closed;
    assert.equal(told(talk, 1), 'left\n');
  });

  it('a message that is too large ends the connection', async () => {
    const talk = await open(`/exec?input=1&output=1${words('cat')}`, ['v5.channel.k8s.io']);
    talk.web.send(Buffer.alloc(5 * 1024 * 1024));
    assert.equal(await talk.closed, 1009);
  });

  it('attach hears what a container prints and types into it, again and again', async () => {
    for (const name of ['first', 'second']) {
      const talk = await open('/attach?input=1&output=1&error=1', ['v5.channel.k8s.io']);
      talk.web.send(Buffer.from(`\0${name}\n`));
      await until(() => told(talk, 1) === `heard ${name}\n`);
      talk.web.close();
      await talk.closed;
    }
  });

  for (const protocol of ['v4.channel.k8s.io', 'v4.base64.channel.k8s.io']) {
    it(`ports are forwarded over channels: ${protocol}`, async () => {
      const [open1, refused] = [portOf(echo), 1];
      const talk = await open(`/portForward?port=${open1}&port=${refused}`, [protocol]);
      const isText = protocol.includes('base64');
      talk.web.send(isText ? `0${Buffer.from('hello').toString('base64')}` : Buffer.from('\0hello'));
      await until(() => (talk.channels.get(0)?.length ?? 0) === 7 && told(talk, 3).length > 2);
      assert.equal(talk.channels.get(0)?.readUInt16LE(0), open1);
      assert.equal(talk.channels.get(0)?.toString('latin1', 2), 'hello');
      assert.equal(talk.channels.get(3)?.readUInt16LE(0), refused);
      assert.match(told(talk, 3), /error forwarding port 1 to pod p_d, uid u: .*ECONNREFUSED/);
      talk.web.close();
      await talk.closed;
    });
  }

  const refusals: Readonly<Record<string, readonly [path: string, protocol: string, why: RegExp]>> = {
    'no protocol that is known': [
      `/exec?output=1${words('true')}`,
      'v9.channel.k8s.io',
      /^403 unable to upgrade/,
    ],
    'no streams': [
      `/exec?x=1${words('true')}`,
      'v5.channel.k8s.io',
      /^400 you must specify at least 1 of stdin/,
    ],
    'no command': ['/exec?output=1', 'v5.channel.k8s.io', /^400 you must specify at least 1 command/],
    'a container that does not run': [
      '/exec?output=1&in=waiting',
      'v5.channel.k8s.io',
      /^500 container not found \("waiting"\)/,
    ],
    'attaching to one that does not run': [
      '/attach?output=1&in=waiting',
      'v5.channel.k8s.io',
      /^500 container not found/,
    ],
    'channels without a port': [
      '/portForward?x=1',
      'v4.channel.k8s.io',
      /^400 query parameter "port" is required/,
    ],
    'a port that is none': [
      '/portForward?port=70000',
      'v4.channel.k8s.io',
      /^400 unable to parse "70000" as a port/,
    ],
  };
  for (const [what, [path, protocol, why]] of Object.entries(refusals)) {
    it(`refuses ${what}`, () =>
      assert.rejects(open(path, [protocol]), (error: Error) => why.test(error.message)));
  }
});

import assert from 'node:assert/strict';
import { fork, type ChildProcess } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect, createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { fakeClock } from '../../base/clock.ts';
import { eventually, freePort } from '../../testing/test-cluster.ts';
import type { Component } from './component.ts';
import { createHostDoor } from './host-door.ts';
import { nameserversOf } from './host-resolver.ts';
import type { FromComponent, ToComponent } from './messages.ts';

const folder = join(import.meta.dirname, '..', 'component');
const scratch = mkdtempSync(join(tmpdir(), 'portico-door-'));

// A component that carries every socket it is given to the port of its argument, and says what else it hears.
const SCRIPT = `
import { connectSupervisor } from '${folder}/supervisor-channel.ts';
import { relay } from '${folder}/relay.ts';
import { realClock } from '${join(folder, '..', '..', 'base', 'clock.ts')}';
const channel = connectSupervisor();
const sockets = new Map();
channel.onHostSocket((id, socket) => {
  sockets.set(id, socket);
  relay(socket, { host: '127.0.0.1', port: Number(process.argv[2]) }, realClock);
  channel.send({ type: 'ready', what: id });
});
channel.onDnsAnswer((id, answer) => channel.send({ type: 'ready', what: 'answer ' + id + ' ' + answer }));
channel.pkiReady.then(() => channel.send({ type: 'ready', what: 'pki' }), (error) => channel.send({ type: 'ready', what: error.message }));
channel.stopped.addEventListener('abort', () => {
  for (const socket of sockets.values()) socket.close();
  channel.send({ type: 'ready', what: 'stopped' });
  setImmediate(() => process.exit(7));
});
channel.send({ type: 'ready', what: 'started' });
`;

interface Line {
  readonly child: ChildProcess;
  readonly said: string[];
  readonly component: Component;
}

function startComponent(port: number, handle: (message: FromComponent, from: Component) => void): Line {
  const file = join(scratch, 'component.mts');
  writeFileSync(file, SCRIPT);
  const child = fork(file, [String(port)], { execArgv: [] });
  const said: string[] = [];
  const component: Component = {
    name: 'part',
    ready: () => Promise.resolve(),
    send: (message: ToComponent, socket) =>
      new Promise((resolve) => child.send(message, socket, () => resolve())),
    stop: () => Promise.resolve(),
  };
  child.on('message', (message: FromComponent) => {
    if (message.type === 'ready') said.push(message.what);
    handle(message, component);
  });
  return { child, said, component };
}

const until = (line: Line, what: string): Promise<true> =>
  eventually(what, () => Promise.resolve(line.said.includes(what) || undefined));

describe('the way between the host and a component', () => {
  const refused: string[] = [];
  const clock = fakeClock();
  const door = createHostDoor({
    resolver: (query) => Promise.resolve(query.toString() === 'known' ? Buffer.from('yes') : undefined),
    clock,
    onRefused: (port, reason) => void refused.push(`${port} ${reason}`),
  });
  const tcp = createServer({ allowHalfOpen: true }, (socket) => socket.pipe(socket));
  const udp = createSocket('udp4', (packet, from) =>
    udp.send(`<${packet.toString()}>`, from.port, from.address),
  );
  let line: Line;
  before(async () => {
    tcp.listen(0, '127.0.0.1');
    await once(tcp, 'listening');
    const { port } = tcp.address() as AddressInfo;
    udp.bind(port, '127.0.0.1');
    await once(udp, 'listening');
    line = startComponent(port, (message, from) => door.handle(message, from));
    await until(line, 'started');
  });
  after(() => {
    line.child.kill('SIGKILL');
    door.close();
    tcp.close();
    udp.close();
    rmSync(scratch, { recursive: true, force: true });
  });
  const open = (id: string, protocol: 'TCP' | 'UDP', port: number): void =>
    door.handle({ type: 'open-host-socket', id, protocol, port }, line.component);

  it('carries TCP both ways, to the end of each', async () => {
    const port = await freePort();
    open('a', 'TCP', port);
    await until(line, 'a');
    const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true });
    let echoed = 0;
    socket.on('data', (chunk: Buffer) => (echoed += chunk.length));
    socket.end(Buffer.alloc(300_000, 'x'));
    await once(socket, 'end');
    assert.equal(echoed, 300_000, 'the answer came whole after our own end');
  });

  it('carries UDP, and each client gets its own answers', async () => {
    const port = await freePort();
    open('b', 'UDP', port);
    await until(line, 'b');
    const answers = await Promise.all(
      ['one', 'two'].map(async (text) => {
        const client = createSocket('udp4');
        client.send(text, port, '127.0.0.1');
        const [answer] = (await once(client, 'message')) as [Buffer];
        client.close();
        return answer.toString();
      }),
    );
    assert.deepEqual(answers, ['<one>', '<two>']);
  });

  it('tells once of a port that another program has, and takes it when it is free', async () => {
    const other = createServer().listen(0, '127.0.0.1');
    await once(other, 'listening');
    const { port } = other.address() as AddressInfo;
    for (const id of ['c', 'd']) open(id, 'TCP', port);
    await eventually('the refusals', () => Promise.resolve(refused.length === 2 || undefined));
    door.handle({ type: 'close-host-socket', id: 'd' }, line.component);
    await clock.advance(2000);
    other.close();
    await once(other, 'close');
    await eventually('the socket', async () => {
      await clock.advance(2000);
      return line.said.includes('c') || undefined;
    });
    assert.deepEqual(refused, [`${port} another program has it`, `${port} another program has it`]);
    assert.ok(!line.said.includes('d'), 'what is not wanted any more is not tried again');
  });

  it('asks the resolvers of the host, and says when none answers', async () => {
    const ask = (id: number, query: string): void =>
      door.handle({ type: 'dns-query', id, query: Buffer.from(query).toString('base64') }, line.component);
    ask(1, 'known');
    ask(2, 'unknown');
    await until(line, 'answer 1 yes');
    await until(line, 'answer 2 null');
  });

  it('tells when the certificates are there, and when to stop', async () => {
    await line.component.send({ type: 'pki-ready' });
    await until(line, 'pki');
    const ended = once(line.child, 'exit');
    await line.component.send({ type: 'stop' });
    await until(line, 'stopped');
    assert.deepEqual(await ended, [7, null]);
  });

  it('stops a component whose supervisor is gone, also one that waits for certificates', async () => {
    const orphan = startComponent(1, () => undefined);
    await until(orphan, 'started');
    const ended = once(orphan.child, 'exit');
    orphan.child.disconnect();
    assert.deepEqual(await ended, [7, null]);
  });
});

describe('the name servers of a resolv.conf', () => {
  it('are read in order, at most three, whatever else stands there', () => {
    const text =
      '# nameserver 9.9.9.9\nsearch example.org\nnameserver 192.0.2.1\n  nameserver\t2001:db8::1 \nnameserver 192.0.2.3\nnameserver 192.0.2.4\n';
    assert.deepEqual(nameserversOf(text), ['192.0.2.1', '2001:db8::1', '192.0.2.3']);
    assert.deepEqual(nameserversOf(''), []);
  });
});

import assert from 'node:assert/strict';
import { createSocket } from 'node:dgram';
import type { Socket as UdpSocket } from 'node:dgram';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, it } from 'node:test';
import { fakeClock } from '../../../base/clock.ts';
import { cleanUp, deadPort, servicePort, setup, whenDone } from './fixtures.ts';

afterEach(cleanUp);

describe('UDP through the userspace proxy', () => {
  const UDP_ID = 'default/web:http/UDP';
  async function udp(onMessage: (socket: UdpSocket, text: string, port: number) => void): Promise<UdpSocket> {
    const socket = createSocket('udp4');
    socket.on('message', (message, from) => onMessage(socket, String(message), from.port));
    socket.bind(0, '127.0.0.1');
    await once(socket, 'listening');
    whenDone(() => socket.close());
    return socket;
  }
  const answering = async (name: string): Promise<number> =>
    (await udp((socket, text, port) => socket.send(`${name}:${text}:${port}`, port, '127.0.0.1'))).address()
      .port;

  interface Client {
    readonly ask: (ip: string, text: string, withinMs?: number) => Promise<string>;
  }
  async function newClient(): Promise<Client> {
    const socket = await udp(() => undefined);
    return {
      ask: async (ip, text, withinMs = 20_000) => {
        socket.send(text, 8080, ip);
        const signal = AbortSignal.timeout(withinMs);
        try {
          const [answer, from] = (await once(socket, 'message', { signal })) as [Buffer, AddressInfo];
          return `${String(answer).split(':').slice(0, 2).join(':')} from ${from.address}:${from.port}`;
        } catch {
          return 'nothing';
        }
      },
    };
  }

  it('each client has its endpoint and is answered from the virtual address', async () => {
    const { set, ip } = setup();
    await set([servicePort(ip, [await answering('a'), await answering('b')], { protocol: 'UDP' })]);
    const [one, two] = [await newClient(), await newClient()];
    assert.equal(await one.ask(ip, '1'), `a:1 from ${ip}:8080`);
    assert.equal(await two.ask(ip, '2'), `b:2 from ${ip}:8080`);
    assert.equal(await one.ask(ip, '3'), `a:3 from ${ip}:8080`);
  });

  it('a client moves when its endpoint is removed or closed', async () => {
    const { set, ip } = setup();
    const [a, b] = [await answering('a'), await answering('b')];
    await set([servicePort(ip, [a], { protocol: 'UDP' })]);
    const client = await newClient();
    assert.equal(await client.ask(ip, '1'), `a:1 from ${ip}:8080`);
    await set([servicePort(ip, [b], { protocol: 'UDP' })], [UDP_ID]);
    assert.equal(await client.ask(ip, '2'), `b:2 from ${ip}:8080`);
    const port = await deadPort();
    await set([servicePort(ip, [port, a], { protocol: 'UDP' })], [UDP_ID]);
    assert.equal(await client.ask(ip, '3', 300), 'nothing');
    assert.equal(await client.ask(ip, '4'), `a:4 from ${ip}:8080`);
  });

  it('a client that was silent for the idle time is a new one', async () => {
    const clock = fakeClock();
    const { set, ip } = setup({ clock, udpIdleMs: 1000 });
    await set([servicePort(ip, [await answering('a'), await answering('b')], { protocol: 'UDP' })]);
    const client = await newClient();
    assert.equal(await client.ask(ip, '1'), `a:1 from ${ip}:8080`);
    await clock.advance(900);
    assert.equal(await client.ask(ip, '2'), `a:2 from ${ip}:8080`);
    await clock.advance(200);
    assert.equal(await client.ask(ip, '3'), `a:3 from ${ip}:8080`);
    await clock.advance(3000);
    assert.equal(await client.ask(ip, '4'), `b:4 from ${ip}:8080`);
  });

  it('nothing listens without endpoints', async () => {
    const { set, ip, mode } = setup();
    await set([servicePort(ip, [], { protocol: 'UDP' })]);
    assert.equal(mode.localAddress(UDP_ID), undefined);
    assert.equal(await (await newClient()).ask(ip, '1', 300), 'nothing');
  });
});

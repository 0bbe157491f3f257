import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { afterEach, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { fakeClock, realClock } from '../../../base/clock.ts';
import { silentLogger } from '../../../base/logger.ts';
import type { FrontendDecision, ProxyState, ServicePort } from '../../state/model.ts';
import type { Capture, LocalAddress } from './capture.ts';
import {
  ID,
  ask,
  askTimes,
  backend,
  cleanUp,
  deadPort,
  named,
  servicePort,
  setup,
  whenDone,
  silentPort,
} from './fixtures.ts';
import { createUserspaceMode } from './userspace-mode.ts';

afterEach(cleanUp);

for (const relay of ['streams', 'thread'] as const) {
  describe(`TCP through the userspace proxy, carried by ${relay}`, () => {
    it('goes round the endpoints', async () => {
      const { set, ip } = setup({ relay });
      await set([servicePort(ip, [await named('a'), await named('b'), await named('c')])]);
      assert.equal(await askTimes(6, ip), 'a b c a b c');
    });

    it('tries another endpoint when one refuses, each once', async () => {
      const { set, ip } = setup({ relay });
      const [dead, b] = [await deadPort(), await named('b')];
      await set([servicePort(ip, [dead, b])]);
      assert.equal(await askTimes(4, ip), 'b b b b');
      await set([servicePort(ip, [dead])]);
      assert.equal(await ask(ip, 8080), 'ECONNRESET');
    });

    it('gives up on an endpoint that does not answer and takes the next', async () => {
      const clock = fakeClock();
      const { set, ip } = setup(relay === 'thread' ? { relay } : { clock });
      const port = await silentPort();
      const b = await named('b');
      await set([servicePort(ip, [port, b])]);
      const answer = ask(ip, 8080);
      if (relay === 'streams') {
        const soon = new Promise((resolve) => setTimeout(resolve, 100, 'waiting'));
        assert.equal(await Promise.race([answer, soon]), 'waiting');
        await clock.advance(300);
      }
      assert.equal(await answer, 'b');
    });

    it('refuses at once without endpoints, and serves again when one comes', async () => {
      const { set, ip, mode } = setup({ relay });
      await set([servicePort(ip, [])]);
      assert.equal(await ask(ip, 8080), 'ECONNREFUSED');
      assert.equal(mode.localAddress(ID), undefined);
      await set([servicePort(ip, [await named('a')])], [ID]);
      assert.equal(await ask(ip, 8080), 'a');
      await set([servicePort(ip, [])], [ID]);
      assert.equal(await ask(ip, 8080), 'ECONNREFUSED');
    });

    it('keeps a client on one endpoint until its time is over', async () => {
      const clock = fakeClock();
      const { set, ip } = setup(relay === 'thread' ? { relay } : { clock });
      const pass = (ms: number): Promise<unknown> =>
        relay === 'thread' ? new Promise((resolve) => setTimeout(resolve, ms)) : clock.advance(ms);
      const ports = [await named('a'), await named('b')];
      await set([servicePort(ip, ports, { affinitySeconds: 1000 })]);
      assert.equal(await askTimes(3, ip), 'a a a');
      await set([servicePort(ip, ports, { affinitySeconds: 1 })], [ID]);
      await pass(1_100);
      assert.equal(await ask(ip, 8080), 'b');
      await set([servicePort(ip, ports.slice(0, 1), { affinitySeconds: 1 })], [ID]);
      assert.equal(await ask(ip, 8080), 'a');
    });

    it('carries much, both ways at once, unchanged', async () => {
      const { set, ip } = setup({ relay });
      const echo = await backend((socket) => socket.pipe(socket));
      await set([servicePort(ip, [echo])]);
      const sent = Buffer.alloc(24 << 20, 'all of it, in this order; ');
      const client = connect({ host: ip, port: 8080, allowHalfOpen: true });
      client.end(sent);
      const got: Buffer[] = [];
      for await (const chunk of client) got.push(chunk as Buffer);
      assert.ok(Buffer.concat(got).equals(sent));
    });

    it('carries many connections at once, and sends each new one where the fewest are', async () => {
      const { set, ip } = setup({ relay });
      const open = { a: 0, b: 0 };
      const holding = (name: 'a' | 'b') =>
        backend((socket) => {
          open[name]++;
          socket.pipe(socket);
        });
      const service = servicePort(ip, [await holding('a'), await holding('b')]);
      await set([{ ...service, balancing: 'least-connections' }]);
      const clients = Array.from({ length: 600 }, () => connect({ host: ip, port: 8080 }));
      whenDone(() => clients.forEach((client) => client.destroy()));
      const answers = clients.map(async (client, i) => {
        client.write(`I am ${i}`);
        const [answer] = (await once(client, 'data')) as [Buffer];
        return answer.toString();
      });
      assert.deepEqual(
        await Promise.all(answers),
        clients.map((_, i) => `I am ${i}`),
      );
      assert.deepEqual(open, { a: 300, b: 300 });
    });

    it('keeps a client on one endpoint by whichever address it comes', async () => {
      const { set, ip } = setup({ relay });
      const ports = [await named('a'), await named('b'), await named('c')];
      const nodePort = await deadPort();
      await set([servicePort(ip, ports, { affinitySeconds: 60, nodePort })]);
      const answers: string[] = [];
      for (let i = 0; i < 3; i++) answers.push(await ask(ip, 8080), await ask('127.0.0.1', nodePort));
      assert.deepEqual(answers, ['a', 'a', 'a', 'a', 'a', 'a']);
    });

    it('passes the end of each direction on by itself', async () => {
      const { set, ip } = setup({ relay });
      const port = await backend((socket) => {
        let n = 0;
        socket.on('data', (data) => (n += data.length));
        socket.on('end', () => socket.end(`got ${n}`));
      });
      await set([servicePort(ip, [port])]);
      const client = connect({ host: ip, port: 8080, allowHalfOpen: true });
      client.setEncoding('utf8');
      client.write('x'.repeat(300_000));
      client.end('the end');
      let text = '';
      for await (const chunk of client) text += String(chunk);
      assert.equal(text, 'got 300007');
    });

    it('passes a reset on, from either side', async () => {
      const { set, ip } = setup({ relay });
      const closed = Promise.withResolvers<string>();
      const port = await backend((socket) => {
        socket.once('data', (data) => {
          if (String(data) === 'reset') socket.resetAndDestroy();
          else socket.on('error', (error) => closed.resolve('code' in error ? String(error.code) : ''));
        });
      });
      await set([servicePort(ip, [port])]);
      const client = connect({ host: ip, port: 8080 });
      client.write('reset');
      const [error] = (await once(client, 'error')) as [NodeJS.ErrnoException];
      assert.equal(error.code, 'ECONNRESET');
      const other = connect({ host: ip, port: 8080 });
      other.write('wait', () => setTimeout(() => other.resetAndDestroy(), 50));
      assert.equal(await closed.promise, 'ECONNRESET');
    });

    it('does not read faster than the other side takes', async () => {
      const { set, ip } = setup({ relay });
      const port = await backend((socket) => socket.pause());
      await set([servicePort(ip, [port])]);
      const client = connect({ host: ip, port: 8080 });
      whenDone(() => client.destroy());
      const nBytes = 64 * 1024 * 1024;
      client.write(Buffer.alloc(nBytes));
      await new Promise((resolve) => setTimeout(resolve, 300));
      assert.ok(
        client.bytesWritten === nBytes && client.writableLength > 0,
        'the client still holds most of it',
      );
    });

    it('keeps established connections when their endpoint, their port or their Service goes', async () => {
      const { set, ip } = setup({ relay });
      const echo = await backend((socket) => socket.pipe(socket));
      const b = await named('b');
      await set([servicePort(ip, [echo])]);
      const client = connect({ host: ip, port: 8080 });
      client.setEncoding('utf8');
      whenDone(() => client.destroy());
      const say = async (word: string): Promise<string> => {
        client.write(word);
        const [answer] = (await once(client, 'data')) as [string];
        return answer;
      };
      assert.equal(await say('one'), 'one');
      await set([servicePort(ip, [b])], [ID]);
      assert.equal(await say('two'), 'two');
      assert.equal(await ask(ip, 8080), 'b');
      await set([servicePort(ip, [b], { port: 8081 })], [ID]);
      assert.equal(await say('three'), 'three');
      assert.equal(await ask(ip, 8081), 'b');
      assert.equal(await ask(ip, 8080), 'ECONNREFUSED');
      await set([], [ID]);
      assert.equal(await say('four'), 'four');
      assert.equal(await ask(ip, 8081), 'ECONNREFUSED');
      await set([servicePort(ip, [b])], [ID]);
      assert.equal(await ask(ip, 8080), 'b');
    });

    it('hundreds of Service ports at once, each to its own endpoint, and away again', async () => {
      const { set, ip } = setup({ relay });
      const backends = [await named('a'), await named('b')];
      const ports = Array.from({ length: 400 }, (_, i) => ({
        ...servicePort(ip, backends.slice(i % 2, (i % 2) + 1), { port: 9000 + i }),
        id: `default/web-${i}:http/TCP`,
      }));
      const sample = [0, 127, 128, 255, 256, 399];
      const asked = (): Promise<string[]> => Promise.all(sample.map((i) => ask(ip, 9000 + i)));
      await set(ports);
      assert.deepEqual(
        await asked(),
        sample.map((i) => (i % 2 === 0 ? 'a' : 'b')),
      );
      await set([]);
      assert.deepEqual(
        await asked(),
        sample.map(() => 'ECONNREFUSED'),
      );
    });

    it('a full sync finds what went without being told', async () => {
      const { set, ip } = setup({ relay });
      await set([servicePort(ip, [await named('a')])]);
      await set([]);
      assert.equal(await ask(ip, 8080), 'ECONNREFUSED');
    });
  });
}

describe('a process that runs out of descriptors', () => {
  it('serves those that waited, and new ones, as soon as there are some again', async () => {
    const echo = await backend((socket) => socket.pipe(socket));
    const probe = join(import.meta.dirname, '..', '..', '..', 'testing', 'relay-process.ts');
    const script = 'ulimit -n 120; exec "$0" "$1" "$2"';
    const child = spawn('sh', ['-c', script, process.execPath, probe, String(echo)], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    whenDone(() => child.kill());
    const [line] = (await once(child.stdout, 'data')) as [Buffer];
    const clients = Array.from({ length: 200 }, () => connect({ host: '127.0.0.1', port: Number(line) }));
    whenDone(() => clients.forEach((client) => client.destroy()));
    let nServed = 0;
    const outcomes = clients.map(
      (client) =>
        new Promise<string>((resolve) => {
          client.on('error', () => resolve('reset'));
          client.once('data', () => {
            nServed++;
            resolve('served');
            // Room for those that wait.
            setTimeout(() => client.destroy(), 50);
          });
          client.write('x');
        }),
    );
    await Promise.all(outcomes);
    assert.equal(nServed, clients.length);
    const last = connect({ host: '127.0.0.1', port: Number(line) });
    whenDone(() => last.destroy());
    last.write('still there?');
    assert.equal(String((await once(last, 'data'))[0]), 'still there?');
  });
});

describe('a listener that is replaced by another one', () => {
  it('serves until the capture leads to the new one, and is closed soon after', async () => {
    const ip = '127.96.8.1';
    const asked: string[] = [];
    const before: LocalAddress[] = [];
    let fails = false;
    const capture: Capture = {
      leadsToOldListeners: true,
      places: () => [{ name: 'place', candidates: [{ host: ip, port: 0 }] }],
      apply: async () => {
        if (fails) throw new Error('refused by the kernel');
        for (const { host, port } of before) asked.push(await ask(host, port));
      },
      cleanup: () => Promise.resolve(),
    };
    const mode = createUserspaceMode({ capture, clock: realClock, logger: silentLogger });
    whenDone(() => mode.close());
    const state = (...services: readonly ServicePort[]): ProxyState => ({
      family: 'IPv4',
      node: { name: 'node-1', podCIDRs: [], nodePortAddresses: [] },
      services: new Map(services.map((service) => [service.id, service])),
    });
    const service = servicePort(ip, [await named('a')]);
    const [decision] = service.frontends;
    assert.ok(decision);
    const external: FrontendDecision = { ...decision, frontend: { kind: 'externalIP', ip, port: 80 } };
    await mode.sync(state({ ...service, frontends: [external] }));
    const old = mode.localAddress(service.id);
    assert.ok(old);
    before.push(old);
    const guarded = { ...service, frontends: [{ ...external, allowedSources: ['127.0.0.0/8'] }] };
    fails = true;
    await assert.rejects(mode.sync(state(guarded)), /refused by the kernel/);
    assert.equal(await ask(old.host, old.port), 'a');
    fails = false;
    await mode.sync(state(guarded));
    assert.deepEqual(asked, ['a']);
    // For those who were on their way it goes on a little.
    while ((await ask(old.host, old.port)) !== 'ECONNREFUSED') await sleep(20);
    const now = mode.localAddress(service.id);
    assert.ok(now);
    assert.equal(await ask(now.host, now.port), 'a');
  });
});

describe('where it listens', () => {
  it('on a free port of the address when the port is taken, and there again later', async () => {
    const { set, ip, mode } = setup();
    const blocker = createServer();
    blocker.listen(8080, ip);
    await once(blocker, 'listening');
    whenDone(() => blocker.close());
    const a = await named('a');
    await set([servicePort(ip, [a])]);
    const address = mode.localAddress(ID);
    assert.ok(address?.host === ip && address.port !== 8080);
    assert.equal(await ask(ip, address.port), 'a');
    await set([servicePort(ip, [])], [ID]);
    assert.equal(await ask(ip, address.port), 'ECONNREFUSED');
    await set([servicePort(ip, [a])], [ID]);
    assert.deepEqual(mode.localAddress(ID), address);
  });

  it('on localhost for an address the machine does not have', async () => {
    const { set, mode } = setup();
    await set([servicePort('192.0.2.77', [await named('a')])]);
    const address = mode.localAddress(ID);
    assert.equal(address?.host, '127.0.0.1');
    assert.equal(await ask('127.0.0.1', address?.port ?? 0), 'a');
  });

  it('on localhost for a node port; one that is taken is left out and said so', async () => {
    const { set, ip, lines } = setup();
    const taken = await named('taken');
    const free = await deadPort();
    const a = await named('a');
    await set([servicePort(ip, [a], { nodePort: free })]);
    assert.equal(await ask('127.0.0.1', free), 'a');
    assert.equal(lines.length, 0);
    await set([servicePort(ip, [a], { nodePort: taken })]);
    assert.equal(await ask('127.0.0.1', taken), 'taken');
    assert.equal(await ask(ip, 8080), 'a');
    assert.deepEqual(
      lines.map((line) => line.message),
      ['cannot listen for a Service port'],
    );
  });

  it('on a node port that was taken, once it is free, although the Service is the same', async () => {
    const { set, ip } = setup();
    const blocker = createServer();
    blocker.listen(0, '127.0.0.1');
    await once(blocker, 'listening');
    const { port: nodePort } = blocker.address() as AddressInfo;
    const service = servicePort(ip, [await named('a')], { nodePort });
    await set([service]);
    blocker.close();
    await once(blocker, 'close');
    await set([service]);
    assert.equal(await ask('127.0.0.1', nodePort), 'a');
  });

  it('nowhere for SCTP, with a warning', async () => {
    const { set, ip, mode } = setup();
    await set([servicePort(ip, [9], { protocol: 'SCTP' })]);
    assert.equal(mode.localAddress('default/web:http/SCTP'), undefined);
  });

  it('nowhere after cleanup', async () => {
    const { set, ip, mode } = setup();
    await set([servicePort(ip, [await named('a')])]);
    await mode.cleanup();
    assert.equal(await ask(ip, 8080), 'ECONNREFUSED');
  });
});

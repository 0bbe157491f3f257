import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readdirSync, readlinkSync } from 'node:fs';
import { connect } from 'node:net';
import { afterEach, describe, it } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import { fakeClock } from '../../../base/clock.ts';
import { openPoller } from '../../../kernel/streams/poller.ts';
import type { Poller } from '../../../kernel/streams/poller.ts';
import { backend, cleanUp, silentPort, whenDone } from './fixtures.ts';
import { createRelay } from './relay.ts';
import type { Relay } from './relay.ts';

afterEach(cleanUp);

interface Driven {
  readonly port: number;
  readonly relay: Relay;
  /** Lets the relay work until it tries an endpoint, and no further. */
  readonly untilDialing: () => void;
  /** Lets the relay do what there is until the promise is settled. */
  readonly until: <T>(promise: Promise<T>) => Promise<T>;
}

/** A relay that has its turns when the test says so, in front of these ports. */
function driven(clock: ReturnType<typeof fakeClock>, ports: readonly number[]): Driven {
  const poller = openPoller();
  // The test's own sockets are of the same thread: nobody may wait.
  let isDialing = false;
  const hasty: Poller = {
    ...poller,
    add: (fd, events, generation) => {
      // Connections have a number from 1 on, and endpoints come first.
      isDialing ||= generation > 0;
      poller.add(fd, events, generation);
    },
    wait: (_timeoutMs, onReady) => poller.wait(0, onReady),
  };
  const relay = createRelay(hasty, clock, () => undefined);
  whenDone(() => {
    relay.close();
    poller.close();
  });
  const endpoints = ports.map((port) => ({ ip: '127.0.0.1', port, isLocal: true }));
  relay.handle({ op: 'set-pool', pool: 'web', settings: { endpoints, affinitySeconds: 0, memory: 'web' } });
  const reply = relay.handle({ op: 'listen', id: 1, pool: 'web', address: { host: '127.0.0.1', port: 0 } });
  assert.ok(reply !== undefined && 'address' in reply);
  const until = async <T>(promise: Promise<T>): Promise<T> => {
    let isSettled = false;
    const settled = promise.finally(() => (isSettled = true));
    settled.catch(() => undefined);
    while (!isSettled) {
      relay.turn();
      await setImmediate();
    }
    return settled;
  };
  const untilDialing = (): void => {
    while (!isDialing) relay.turn();
  };
  return { port: reply.address.port, relay, untilDialing, until };
}

/** What a client reads up to the end, or the code of its error. */
async function answerFrom(port: number): Promise<{ readonly text: Promise<string> }> {
  const client = connect({ host: '127.0.0.1', port });
  whenDone(() => client.destroy());
  client.setEncoding('utf8');
  await once(client, 'connect');
  const read = async (): Promise<string> => {
    let text = '';
    for await (const chunk of client) text += String(chunk);
    return text;
  };
  const text = read();
  text.catch(() => undefined);
  return { text };
}

/** Ends of pipes that this process holds. */
function nPipeEnds(): number {
  const linkOf = (fd: string): string => {
    try {
      return readlinkSync(`/proc/self/fd/${fd}`);
    } catch {
      // It was the listing's own.
      return '';
    }
  };
  return readdirSync('/proc/self/fd').filter((fd) => linkOf(fd).startsWith('pipe:')).length;
}

describe('connections that carry much', () => {
  it('share a pipe when one is silent while the other speaks', async () => {
    const size = 4 << 20;
    let onReceived = (): void => undefined;
    const endpoint = await backend((socket) => {
      let n = 0;
      socket.on('data', (data) => {
        n += data.length;
        if (n === size) onReceived();
      });
    });
    const { port, until } = driven(fakeClock(), [endpoint]);
    const before = nPipeEnds();
    for (let i = 0; i < 3; i++) {
      const received = Promise.withResolvers<undefined>();
      onReceived = () => received.resolve(undefined);
      const client = connect({ host: '127.0.0.1', port });
      whenDone(() => client.destroy());
      client.write(Buffer.alloc(size));
      await until(received.promise);
    }
    assert.equal(nPipeEnds() - before, 2);
  });
});

describe('a listener that nobody is led to any more', () => {
  it('serves whoever was on the way to it, without its pool, and is closed soon', async () => {
    const clock = fakeClock();
    const a = await backend((socket) => socket.end('a'));
    const { port, relay, until } = driven(clock, [a]);
    relay.handle({ op: 'close-listener', id: 1, lingers: true });
    relay.handle({ op: 'remove-pool', pool: 'web' });
    assert.equal(await until((await answerFrom(port)).text), 'a');
    await clock.advance(2_001);
    relay.turn();
    await assert.rejects(until(answerFrom(port)), { code: 'ECONNREFUSED' });
  });

  it('gives its port to another one that wants it', () => {
    const { port, relay } = driven(fakeClock(), []);
    relay.handle({ op: 'close-listener', id: 1, lingers: true });
    const address = { host: '127.0.0.1', port };
    assert.deepEqual(relay.handle({ op: 'listen', id: 2, pool: 'web', address }), { id: 2, address });
  });

  it('is closed at once where no rules lead elsewhere', async () => {
    const { port, relay } = driven(fakeClock(), []);
    relay.handle({ op: 'close-listener', id: 1, lingers: false });
    await assert.rejects(answerFrom(port), { code: 'ECONNREFUSED' });
  });
});

describe('an endpoint that has time to accept', () => {
  it('is used when it has accepted and the relay learns of it late', async () => {
    const clock = fakeClock();
    const accepted = Promise.withResolvers<undefined>();
    const a = await backend((socket) => {
      socket.end('a');
      accepted.resolve(undefined);
    });
    const { port, untilDialing, until } = driven(clock, [a]);
    const { text } = await answerFrom(port);
    untilDialing();
    await accepted.promise;
    await clock.advance(60_000);
    assert.equal(await until(text), 'a');
  });

  it('is passed over when it is silent until its time is over', async () => {
    const clock = fakeClock();
    const b = await backend((socket) => socket.end('b'));
    const { port, untilDialing, until } = driven(clock, [await silentPort(), b]);
    const { text } = await answerFrom(port);
    untilDialing();
    await clock.advance(251);
    assert.equal(await until(text), 'b');
  });
});

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect } from 'node:net';
import { afterEach, describe, it } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import { fakeClock } from '../../../base/clock.ts';
import { openPoller } from '../../../kernel/streams/poller.ts';
import { backend, cleanUp, silentPort, whenDone } from './fixtures.ts';
import { createRelay } from './relay.ts';
import type { Relay } from './relay.ts';

afterEach(cleanUp);

interface Driven {
  readonly port: number;
  readonly relay: Relay;
  /** Lets the relay do what there is until the promise is settled. */
  readonly until: <T>(promise: Promise<T>) => Promise<T>;
}

/** A relay that has its turns when the test says so, in front of these ports. */
function driven(clock: ReturnType<typeof fakeClock>, ports: readonly number[]): Driven {
  const poller = openPoller();
  const relay = createRelay(poller, clock, () => undefined);
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
  return { port: reply.address.port, relay, until };
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

describe('an endpoint that has time to accept', () => {
  it('is used when it has accepted and the relay learns of it late', async () => {
    const clock = fakeClock();
    const accepted = Promise.withResolvers<undefined>();
    const a = await backend((socket) => {
      socket.end('a');
      accepted.resolve(undefined);
    });
    const { port, relay, until } = driven(clock, [a]);
    const { text } = await answerFrom(port);
    relay.turn();
    await accepted.promise;
    await clock.advance(60_000);
    assert.equal(await until(text), 'a');
  });

  it('is passed over when it is silent until its time is over', async () => {
    const clock = fakeClock();
    const b = await backend((socket) => socket.end('b'));
    const { port, relay, until } = driven(clock, [await silentPort(), b]);
    const { text } = await answerFrom(port);
    relay.turn();
    await clock.advance(251);
    assert.equal(await until(text), 'b');
  });
});

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect } from 'node:net';
import { afterEach, describe, it } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { calls } from './calls.ts';
import { openListener } from './listener.ts';
import type { StreamListener } from './listener.ts';

const cleanups: (() => unknown)[] = [];

afterEach(() => {
  for (const cleanup of cleanups.splice(0)) cleanup();
});

function open(host: string, port: number): StreamListener {
  const listener = openListener(host, port);
  cleanups.push(() => listener.close());
  return listener;
}

/** A client from this address that is connected, and the descriptor it was accepted as. */
async function joined(listener: StreamListener, host: string, localAddress: string) {
  const client = connect({ host, port: listener.port, localAddress });
  cleanups.push(() => client.destroy());
  await once(client, 'connect');
  let fd = listener.accept();
  for (; fd < 0; fd = listener.accept()) await turn();
  return { client, fd };
}

describe('a listener of streams', () => {
  it('gets a free port of its own, however many there are', () => {
    const ports = new Set(Array.from({ length: 500 }, () => open('127.77.0.1', 0).port));
    assert.equal(ports.size, 500);
    assert.ok(!ports.has(0));
  });

  it('tells who was accepted last, whichever of several listeners accepted', async () => {
    const [a, b] = [open('127.77.0.2', 0), open('127.77.0.3', 0)];
    const accepted = [
      [a, '127.77.0.2', '127.77.1.1'],
      [b, '127.77.0.3', '127.77.1.2'],
      [a, '127.77.0.2', '127.77.1.3'],
    ] as const;
    for (const [listener, host, from] of accepted) {
      const { fd } = await joined(listener, host, from);
      assert.equal(listener.lastClient(), from);
      calls.close(fd);
    }
  });

  it('may listen again on a port it was given, while connections of it are still remembered', async () => {
    const host = '127.77.0.4';
    const first = openListener(host, 0);
    const { client, fd } = await joined(first, host, '127.77.1.4');
    // Whoever ends first is the one to remember the connection.
    calls.close(fd);
    client.resume();
    client.end();
    await once(client, 'close');
    first.close();
    assert.equal(open(host, first.port).port, first.port);
  });
});

import assert from 'node:assert/strict';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { createServer, type Server } from 'node:net';
import { describe, it } from 'node:test';
import { descriptorOf, portOf, takePort } from './host-ports.ts';
import { UserError } from './user-error.ts';

async function occupied(): Promise<Server> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  return server;
}

describe('a port of the loopback', () => {
  it('that the user chose is refused when it is taken, naming flag and mend', async () => {
    const other = await occupied();
    const port = portOf(other);
    await assert.rejects(takePort('--api-port', { port, isFixed: true }), (error: unknown) => {
      assert.ok(error instanceof UserError);
      assert.equal(
        error.message,
        `--api-port ${port}: the port is taken on 127.0.0.1; stop the program that has it, or choose another with --api-port`,
      );
      return true;
    });
    other.close();
  });

  it('by default gives way to the next one that is free', async () => {
    const other = await occupied();
    const taken = await takePort('--api-port', { port: portOf(other), isFixed: false });
    assert.notEqual(portOf(taken), portOf(other));
    taken.close();
    other.close();
  });

  it('counts as taken when UDP is wanted and has it, and is free again after the refusal', async () => {
    const other = createSocket('udp4').bind(0, '127.0.0.1');
    await once(other, 'listening');
    const { port } = other.address();
    await assert.rejects(takePort('--dns-port', { port, isFixed: true, hasUdp: true }), /the port is taken/);
    const moved = await takePort('--dns-port', { port, isFixed: false, hasUdp: true });
    assert.notEqual(portOf(moved), port);
    moved.close();
    const tcp = await takePort('--api-port', { port, isFixed: true });
    assert.equal(portOf(tcp), port);
    tcp.close();
    other.close();
  });

  it('has a descriptor while it listens, and none after', async () => {
    const server = await occupied();
    assert.ok(descriptorOf(server) > 2);
    server.close();
    await once(server, 'close');
    assert.throws(() => descriptorOf(server), /does not tell the descriptor/);
    assert.throws(() => portOf(server), /does not listen on a port/);
  });
});

import { createSocket, type Socket as UdpSocket } from 'node:dgram';
import type { Server } from 'node:net';
import { listenTcp } from './host-ports.ts';
import { codeOf, messageOf } from './user-error.ts';
import type { Component } from './component.ts';
import type { FromComponent } from './messages.ts';

/** An answer to a DNS query, or undefined when no resolver of the host answered. */
export type HostResolver = (query: Buffer) => Promise<Buffer | undefined>;

/**
 * The sandbox's only way to the host: it opens sockets on the host's loopback and hands them in, and carries DNS
 * queries to the host's resolvers. A socket stays a socket of the host's network wherever its process lives.
 */
export interface HostDoor {
  handle(message: FromComponent, from: Component): void;
  close(): void;
}

function bindUdp(port: number): Promise<UdpSocket> {
  return new Promise((resolve, reject) => {
    const socket = createSocket('udp4');
    socket.once('error', reject);
    socket.bind({ address: '127.0.0.1', port }, () => resolve(socket));
  });
}

/** `onRefused` hears of ports that the host could not give. */
export function createHostDoor(
  resolver: HostResolver,
  onRefused: (port: number, reason: string) => void,
): HostDoor {
  const open = new Map<string, Server | UdpSocket>();
  const close = (key: string): void => {
    open.get(key)?.close();
    open.delete(key);
  };
  const openSocket = async (
    message: Extract<FromComponent, { type: 'open-host-socket' }>,
    from: Component,
  ): Promise<void> => {
    const { id, protocol, port } = message;
    const key = `${from.name} ${id}`;
    close(key);
    try {
      const socket = protocol === 'TCP' ? await listenTcp('127.0.0.1', port) : await bindUdp(port);
      open.set(key, socket);
      await from.send({ type: 'host-socket', id, protocol }, socket);
      // The component has its own copy now; one kept open here would take connections and never serve them.
      close(key);
    } catch (error) {
      const reason = codeOf(error) === 'EADDRINUSE' ? 'another program has it' : messageOf(error);
      onRefused(port, reason);
      await from.send({ type: 'host-socket-refused', id, reason });
    }
  };
  const resolveName = async (id: number, query: string, from: Component): Promise<void> => {
    const answer = await resolver(Buffer.from(query, 'base64')).catch(() => undefined);
    await from.send({ type: 'dns-answer', id, answer: answer?.toString('base64') ?? null });
  };
  return {
    handle: (message, from) => {
      if (message.type === 'open-host-socket') void openSocket(message, from);
      else if (message.type === 'close-host-socket') close(`${from.name} ${message.id}`);
      else if (message.type === 'dns-query') void resolveName(message.id, message.query, from);
    },
    close: () => {
      for (const key of open.keys()) close(key);
    },
  };
}

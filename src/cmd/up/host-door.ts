import { createSocket, type Socket as UdpSocket } from 'node:dgram';
import type { Server } from 'node:net';
import type { CancelTimer, Clock } from '../../base/clock.ts';
import { codeOf, messageOf } from '../../base/thrown.ts';
import { listenTcp } from './host-ports.ts';
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

type OpenRequest = Extract<FromComponent, { type: 'open-host-socket' }>;

/** A port that another program has is tried again this often. */
const RETRY_MS = 2000;

export interface HostDoorDeps {
  readonly resolver: HostResolver;
  readonly clock: Clock;
  /** Hears once of each port that the host cannot give now; it is tried again until it is not wanted any more. */
  readonly onRefused: (port: number, reason: string) => void;
}

export function createHostDoor({ resolver, clock, onRefused }: HostDoorDeps): HostDoor {
  const open = new Map<string, Server | UdpSocket>();
  const retries = new Map<string, CancelTimer>();
  const close = (key: string): void => {
    retries.get(key)?.();
    retries.delete(key);
    open.get(key)?.close();
    open.delete(key);
  };
  const openSocket = async (message: OpenRequest, from: Component, isRetry = false): Promise<void> => {
    const { id, protocol, port } = message;
    const key = `${from.name} ${id}`;
    close(key);
    // Stands for the wish while the socket is being opened: who closes meanwhile takes it away.
    const wish = (): void => undefined;
    retries.set(key, wish);
    try {
      const socket = protocol === 'TCP' ? await listenTcp('127.0.0.1', port) : await bindUdp(port);
      if (retries.get(key) !== wish) return void socket.close();
      open.set(key, socket);
      await from.send({ type: 'host-socket', id, protocol }, socket);
      // The component has its own copy now; one kept open here would take connections and never serve them.
      close(key);
    } catch (error) {
      if (retries.get(key) !== wish) return;
      const reason = codeOf(error) === 'EADDRINUSE' ? 'another program has it' : messageOf(error);
      if (!isRetry) onRefused(port, reason);
      retries.set(
        key,
        clock.after(RETRY_MS, () => void openSocket(message, from, true)),
      );
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
      for (const key of [...open.keys(), ...retries.keys()]) close(key);
    },
  };
}

import { createSocket } from 'node:dgram';
import type { Socket } from 'node:dgram';
import { isIP } from 'node:net';
import type { Logger } from '../../base/logger.ts';
import type { Respond } from './respond.ts';

/** An address (no name), or a bound socket that was inherited. */
export type BindTo = { readonly host: string; readonly port: number } | { readonly fd: number };

/** A socket that answers queries. */
export interface Endpoint {
  readonly port: number;
  /** Resolves when the port is free again. */
  close(): Promise<void>;
}

/** Rejects with Node's error when the address cannot be had. */
export function openUdpEndpoint(to: BindTo, respond: Respond, logger: Logger): Promise<Endpoint> {
  return new Promise((resolve, reject) => {
    const socket = newSocket('host' in to ? to.host : '');
    const onReady = (): void => {
      socket.off('error', reject);
      socket.on('error', (err) => logger.debug('a UDP answer was not sent', { err }));
      resolve({
        port: socket.address().port,
        close: () => new Promise((closed) => socket.close(() => closed())),
      });
    };
    socket.once('error', reject);
    socket.on('message', (bytes, { address, port }) => {
      const answer = respond(bytes, 'udp');
      if (!(answer instanceof Promise)) send(socket, answer, { address, port });
      else void answer.then((late) => send(socket, late, { address, port }));
    });
    if ('fd' in to) socket.bind({ fd: to.fd }, onReady);
    else socket.bind({ address: to.host, port: to.port, exclusive: true }, onReady);
  });
}

/** Without a look-up of its own every answer would pass through getaddrinfo, though its address is a number. */
function newSocket(host: string): Socket {
  const family = isIP(host) === 6 ? 6 : 4;
  return createSocket({
    type: family === 6 ? 'udp6' : 'udp4',
    lookup: (address, _options, found) => found(null, address, family),
  });
}

function send(socket: Socket, answer: Buffer | undefined, to: { address: string; port: number }): void {
  if (answer === undefined) return;
  try {
    socket.send(answer, to.port, to.address);
  } catch {
    // Closed meanwhile, or from port 0, where nobody can be answered.
  }
}

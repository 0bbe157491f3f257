import { createServer } from 'node:net';
import type { Socket } from 'node:net';
import type { Logger } from '../../base/logger.ts';
import { createTcpFrames, tcpFrame } from '../wire/tcp-frames.ts';
import type { Respond } from './respond.ts';
import type { BindTo, Endpoint } from './udp-endpoint.ts';

export interface TcpEndpointOptions {
  readonly respond: Respond;
  readonly logger: Logger;
  /** A connection without a byte for so long is closed. */
  readonly idleMs: number;
}

const MAX_CONNECTIONS = 2000;
/** Queries of one connection that wait for other servers; more are not read until some are answered. */
const MAX_WAITING = 100;

/** Rejects with Node's error when the address cannot be had. */
export function openTcpEndpoint(to: BindTo, options: TcpEndpointOptions): Promise<Endpoint> {
  return new Promise((resolve, reject) => {
    const sockets = new Set<Socket>();
    const server = createServer({ allowHalfOpen: true, noDelay: true }, (socket) => {
      sockets.add(socket);
      socket.once('close', () => void sockets.delete(socket));
      serve(socket, options);
    });
    server.maxConnections = MAX_CONNECTIONS;
    server.once('error', reject);
    server.listen('fd' in to ? { fd: to.fd } : { host: to.host, port: to.port }, () => {
      server.off('error', reject);
      server.on('error', (err) => options.logger.warn('a TCP connection was not accepted', { err }));
      const address = server.address();
      resolve({
        port: typeof address === 'object' && address !== null ? address.port : 0,
        close: () => {
          for (const socket of sockets) socket.destroy();
          return new Promise((closed) => server.close(() => closed()));
        },
      });
    });
  });
}

/** Any number of queries, answered as soon as they can be, in whatever order that is (RFC 7766). */
function serve(socket: Socket, { respond, idleMs }: TcpEndpointOptions): void {
  const frames = createTcpFrames();
  let nWaiting = 0;
  let hasEnded = false;
  const settle = (): void => {
    if (nWaiting < MAX_WAITING && !socket.writableNeedDrain) socket.resume();
    if (hasEnded && nWaiting === 0) socket.end();
  };
  const write = (answers: readonly Buffer[]): void => {
    if (answers.length === 0 || socket.destroyed) return;
    const isTaken = socket.write(Buffer.concat(answers.map(tcpFrame)));
    // A client that asks and does not read would otherwise fill our memory.
    if (!isTaken) socket.pause();
  };
  socket.setTimeout(idleMs, () => socket.destroy());
  socket.on('error', () => socket.destroy());
  socket.on('drain', settle);
  socket.on('end', () => {
    hasEnded = true;
    settle();
  });
  socket.on('data', (piece) => {
    const ready: Buffer[] = [];
    for (const bytes of frames.push(piece)) {
      const answer = respond(bytes, 'tcp');
      if (answer instanceof Promise) {
        nWaiting++;
        void answer.then((late) => {
          nWaiting--;
          if (late !== undefined) write([late]);
          settle();
        });
      } else if (answer !== undefined) ready.push(answer);
    }
    if (nWaiting >= MAX_WAITING) socket.pause();
    write(ready);
  });
}

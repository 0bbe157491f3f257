import { connect, createServer } from 'node:net';
import type { Socket } from 'node:net';
import type { CancelTimer, Clock } from '../../../base/clock.ts';
import type { Backend, Balancer } from './balancer.ts';
import type { LocalAddress } from './capture.ts';
import { DIAL_TIMEOUTS_MS } from './dialing.ts';
import type { Listener } from './tcp-relay.ts';

export interface TcpListenerOptions {
  readonly balancer: Balancer;
  readonly clock: Clock;
  /** Sockets of both sides are in here while they live, so that an end of the process can end them. */
  readonly sockets: Set<Socket>;
}

/** Keep-alive ends connections whose other side vanished without a word: its Pod's node lost power, say. */
const SOCKET_OPTIONS = {
  allowHalfOpen: true,
  noDelay: true,
  keepAlive: true,
  keepAliveInitialDelay: 60_000,
} as const;
/** The kernel caps it at net.core.somaxconn. */
const BACKLOG = 4096;

/** Listens on `address` (port 0 = any). Rejects with Node's error (`code` EADDRINUSE, EACCES, EADDRNOTAVAIL …). */
export function openTcpListener(address: LocalAddress, options: TcpListenerOptions): Promise<Listener> {
  return new Promise((resolve, reject) => {
    // Paused until an endpoint has accepted: what the client sends meanwhile waits in the kernel.
    const server = createServer({ ...SOCKET_OPTIONS, pauseOnConnect: true });
    server.on('connection', (client) => dial(client, { tried: undefined, nAttempts: 0, ...options }));
    server.once('error', reject);
    server.listen({ host: address.host, port: address.port, backlog: BACKLOG }, () => {
      server.off('error', reject);
      // Only accept() can fail now (EMFILE and the like); the connection it was for is lost, the listener is not.
      server.on('error', () => undefined);
      const bound = server.address();
      const port = typeof bound === 'object' && bound !== null ? bound.port : address.port;
      resolve({
        address: { host: address.host, port },
        refresh: () => undefined,
        close: () => void server.close(),
      });
    });
  });
}

interface Dial extends TcpListenerOptions {
  readonly tried: Set<string> | undefined;
  readonly nAttempts: number;
}

/** Connects the client to an endpoint, trying each at most once. With none left the client is reset. */
function dial(client: Socket, attempt: Dial): void {
  const { balancer, clock, sockets } = attempt;
  const backend = balancer.pick(client.remoteAddress ?? '', attempt.tried);
  if (backend === undefined) {
    client.resetAndDestroy();
    return;
  }
  const upstream = connect({ ...SOCKET_OPTIONS, host: backend.ip, port: backend.port });
  track(sockets, client);
  track(sockets, upstream);
  let cancelTimer: CancelTimer = () => undefined;
  const settle = (): void => {
    cancelTimer();
    upstream.off('error', fail).off('connect', joined);
    client.off('close', gone).off('error', ignore);
  };
  const fail = (): void => {
    settle();
    upstream.on('error', ignore).destroy();
    dial(client, { ...attempt, tried: withTried(attempt.tried, backend), nAttempts: attempt.nAttempts + 1 });
  };
  const gone = (): void => {
    settle();
    upstream.on('error', ignore).destroy();
  };
  const joined = (): void => {
    settle();
    balancer.count(backend.key, 1);
    upstream.once('close', () => balancer.count(backend.key, -1));
    join(client, upstream);
  };
  upstream.on('error', fail).on('connect', joined);
  client.on('close', gone).on('error', ignore);
  const timeoutMs = DIAL_TIMEOUTS_MS[Math.min(attempt.nAttempts, DIAL_TIMEOUTS_MS.length - 1)] ?? 0;
  cancelTimer = clock.after(timeoutMs, () => {
    // After a pause of the process timers come first; that the endpoint has accepted may be the next thing to be told.
    const late = setImmediate(fail);
    cancelTimer = () => clearImmediate(late);
  });
}

const ignore = (): void => undefined;

function withTried(tried: Set<string> | undefined, backend: Backend): Set<string> {
  return tried === undefined ? new Set([backend.key]) : tried.add(backend.key);
}

function track(sockets: Set<Socket>, socket: Socket): void {
  if (sockets.has(socket)) return;
  sockets.add(socket);
  socket.once('close', () => void sockets.delete(socket));
}

/**
 * Bytes both ways with back-pressure; the end of one direction is passed on and the other goes on (half-close). A reset
 * or any other end without a FIN reaches the other side as a reset.
 */
function join(client: Socket, upstream: Socket): void {
  client.pipe(upstream);
  upstream.pipe(client);
  client.on('error', ignore).once('close', () => endWithout(upstream));
  upstream.on('error', ignore).once('close', () => endWithout(client));
}

/** The peer is closed. One that was ended properly on both sides finishes by itself; any other is reset. */
function endWithout(socket: Socket): void {
  if (socket.destroyed || (socket.writableEnded && socket.readableEnded)) return;
  if (socket.writableEnded) socket.destroySoon();
  else socket.resetAndDestroy();
}

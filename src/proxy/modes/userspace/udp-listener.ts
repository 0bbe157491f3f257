import { createSocket } from 'node:dgram';
import type { Socket } from 'node:dgram';
import { isIP } from 'node:net';
import type { CancelTimer, Clock } from '../../../base/clock.ts';
import type { Balancer } from './balancer.ts';
import type { LocalAddress } from './capture.ts';
import type { Listener } from './tcp-relay.ts';

export interface UdpListenerOptions {
  readonly balancer: Balancer;
  readonly clock: Clock;
  /** A client that was silent for so long loses its socket, and is a new client afterwards. */
  readonly idleMs: number;
}

/** More clients than this on one listener push out the one that was silent longest; each costs a file descriptor. */
const MAX_FLOWS = 4096;

interface Flow {
  readonly key: string;
  readonly backendKey: string;
  readonly socket: Socket;
  /** What came before the socket was connected; undefined once it is. */
  waiting: Buffer[] | undefined;
  lastSeenMs: number;
}

interface Front {
  readonly socket: Socket;
  /** By client address, the one silent longest first. */
  readonly flows: Map<string, Flow>;
  readonly options: UdpListenerOptions;
  /** Set while a look for idle flows is due. */
  cancelSweep: CancelTimer | undefined;
  isClosed: boolean;
}

/** Addresses are numbers already: without this every datagram would pass through getaddrinfo. */
function newSocket(address: string): Socket {
  const family = isIP(address) === 6 ? 6 : 4;
  return createSocket({
    type: family === 6 ? 'udp6' : 'udp4',
    lookup: (host, _options, done) => done(null, host, family),
  });
}

/** Listens on `address` (port 0 = any). Rejects with Node's error (`code` EADDRINUSE, EACCES, EADDRNOTAVAIL …). */
export function openUdpListener(address: LocalAddress, options: UdpListenerOptions): Promise<Listener> {
  return new Promise((resolve, reject) => {
    const socket = newSocket(address.host);
    const front: Front = { socket, flows: new Map(), options, cancelSweep: undefined, isClosed: false };
    socket.once('error', reject);
    socket.bind({ address: address.host, port: address.port, exclusive: true }, () => {
      socket.off('error', reject);
      // An answer that could not be delivered; the client asks again.
      socket.on('error', () => undefined);
      socket.on('message', (message, client) => forward(front, message, client));
      resolve({
        address: { host: address.host, port: socket.address().port },
        refresh: () => {
          for (const flow of front.flows.values())
            if (!options.balancer.has(flow.backendKey)) end(front, flow);
        },
        close: () => {
          front.isClosed = true;
          front.cancelSweep?.();
          for (const flow of front.flows.values()) end(front, flow);
          socket.close();
        },
      });
    });
  });
}

function forward(
  front: Front,
  message: Buffer,
  client: { readonly address: string; readonly port: number },
): void {
  const key = `${client.address}|${client.port}`;
  const flow = front.flows.get(key) ?? begin(front, key, client);
  if (flow === undefined) return;
  flow.lastSeenMs = front.options.clock.now();
  front.flows.delete(key);
  front.flows.set(key, flow);
  if (flow.waiting === undefined) flow.socket.send(message);
  else flow.waiting.push(message);
}

function begin(front: Front, key: string, client: { address: string; port: number }): Flow | undefined {
  const { balancer, clock } = front.options;
  const backend = balancer.pick(client.address);
  if (backend === undefined) return undefined;
  const oldest = front.flows.size < MAX_FLOWS ? undefined : front.flows.values().next().value;
  if (oldest !== undefined) end(front, oldest);
  const socket = newSocket(backend.ip);
  const flow: Flow = { key, backendKey: backend.key, socket, waiting: [], lastSeenMs: clock.now() };
  socket.on('message', (message) => {
    flow.lastSeenMs = clock.now();
    if (!front.isClosed) front.socket.send(message, client.port, client.address);
  });
  // Nobody listens there (ICMP port unreachable): the client's next datagram chooses again.
  socket.on('error', () => end(front, flow));
  socket.connect(backend.port, backend.ip, () => {
    for (const message of flow.waiting ?? []) socket.send(message);
    flow.waiting = undefined;
  });
  front.flows.set(key, flow);
  balancer.count(backend.key, 1);
  sweepLater(front);
  return flow;
}

function end(front: Front, flow: Flow): void {
  if (front.flows.get(flow.key) !== flow) return;
  front.flows.delete(flow.key);
  front.options.balancer.count(flow.backendKey, -1);
  flow.socket.close();
}

function sweepLater(front: Front): void {
  if (front.cancelSweep !== undefined) return;
  const { clock, idleMs } = front.options;
  front.cancelSweep = clock.after(idleMs, () => {
    front.cancelSweep = undefined;
    const now = clock.now();
    for (const flow of front.flows.values()) if (now - flow.lastSeenMs >= idleMs) end(front, flow);
    if (front.flows.size > 0) sweepLater(front);
  });
}

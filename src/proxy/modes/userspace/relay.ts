import type { Clock } from '../../../base/clock.ts';
import { SystemError } from '../../../kernel/libc/system-error.ts';
import {
  EAGAIN,
  ECONNABORTED,
  EPOLL_IN,
  EPOLL_OUT,
  EPOLL_RDHUP,
  calls,
} from '../../../kernel/streams/calls.ts';
import { openListener } from '../../../kernel/streams/listener.ts';
import type { StreamListener } from '../../../kernel/streams/listener.ts';
import type { Poller } from '../../../kernel/streams/poller.ts';
import { resetOnClose } from '../../../kernel/streams/socket-options.ts';
import { createPump, isWaiting, newDirections } from './relay-connection.ts';
import type { Outcome, Pump } from './relay-connection.ts';
import { STREAM_EVENTS, createDialer } from './relay-dialer.ts';
import type { Connection, Dialer } from './relay-dialer.ts';
import type { RelayReply, RelayRequest } from './relay-messages.ts';
import { createPools } from './relay-pools.ts';
import type { Pool, Pools } from './relay-pools.ts';

/**
 * Carries TCP connections from listeners to the endpoints of their pools, all in one thread that does nothing else:
 * accept, choose, connect (to another one when it does not accept), then bytes both ways with back-pressure. The end of
 * one direction is passed on and the other goes on; a reset is passed on as a reset.
 */
export interface Relay {
  /** An answer only to `listen` and `settle`. */
  handle(request: RelayRequest): RelayReply | undefined;
  /** Waits until something happens, at most a quarter of a second, and does what it asks for. */
  turn(): void;
  /** Ends listeners and connections. */
  close(): void;
}

interface Listening {
  readonly kind: 'listener';
  readonly socket: StreamListener;
  readonly pool: string;
  /** Of those that are paused. */
  pausedUntil: number;
  /** Of those that go: whose endpoints they had, and when they are closed. */
  leaving: { readonly pool: () => Pool | undefined; readonly until: number } | undefined;
}

interface Relaying {
  readonly poller: Poller;
  readonly clock: Pick<Clock, 'now'>;
  readonly pools: Pools;
  readonly pump: Pump;
  readonly dialer: Dialer;
  readonly listeners: Map<number, Listening>;
  /** Accept nothing, while there is no descriptor or memory left for it. */
  readonly paused: Set<Listening>;
  /** Are closed soon, in this order. */
  readonly leaving: Set<Listening>;
  /** By descriptor. */
  readonly owners: (Connection | Listening | undefined)[];
  /** Have more to do than their share of one turn. */
  readonly again: Set<Connection>;
  generation: number;
}

/** Connections taken from one listener before others get their turn. */
const ACCEPTS = 64;
/** How long nothing is accepted after the process had no descriptor or the kernel no memory left. */
const PAUSE_MS = 100;
/** How long a listener that nobody is led to any more takes who was on the way: on a busy machine packets wait, and a lost one is sent again after a second. */
const LINGER_MS = 2_000;
/** Listeners closed before connections get their turn. */
const CLOSINGS = 64;
/** The thread looks up so often, so that it can be ended from outside while nothing happens. */
const IDLE_MS = 250;

/** `onOther` is told of descriptors of the poller that are not the relay's. */
export function createRelay(poller: Poller, clock: Pick<Clock, 'now'>, onOther: (fd: number) => void): Relay {
  const owners: Relaying['owners'] = [];
  const relaying: Relaying = {
    ...{ poller, clock, owners },
    pools: createPools(clock),
    pump: createPump(),
    dialer: createDialer({
      poller,
      clock,
      owners,
      onFailed: (connection) => end(relaying, connection, true),
    }),
    listeners: new Map(),
    paused: new Set(),
    leaving: new Set(),
    again: new Set(),
    generation: 0,
  };
  const onReady = (events: number, fd: number, generation: number): void => {
    const owner = owners[fd];
    if (owner === undefined) return onOther(fd);
    if ('kind' in owner) accept(relaying, owner);
    else if (owner.generation === generation) advance(relaying, owner, { fd, events });
  };
  return {
    handle: (request) => handle(relaying, request),
    turn: () => {
      const wanted = timeout(relaying);
      poller.wait(wanted, onReady);
      for (const connection of [...relaying.again]) carryBoth(relaying, connection);
    },
    close: () => {
      for (const id of [...relaying.listeners.keys()]) closeListener(relaying, id, false);
      for (const listening of relaying.leaving) closeNow(relaying, listening);
      relaying.dialer.close();
      for (const owner of owners) if (owner !== undefined && !('kind' in owner)) end(relaying, owner, true);
      relaying.pump.close();
    },
  };
}

function handle(relaying: Relaying, request: RelayRequest): RelayReply | undefined {
  switch (request.op) {
    case 'set-pool':
      relaying.pools.set(request.pool, request.settings);
      return undefined;
    case 'remove-pool':
      relaying.pools.remove(request.pool);
      return undefined;
    case 'listen':
      return listen(relaying, request);
    case 'close-listener':
      closeListener(relaying, request.id, request.lingers);
      return undefined;
    case 'settle':
      return { id: request.id };
    case 'stop':
      return undefined;
  }
}

function listen(relaying: Relaying, request: RelayRequest & { readonly op: 'listen' }): RelayReply {
  const {
    id,
    pool,
    address: { host, port },
  } = request;
  const { leaving, listeners, owners, poller } = relaying;
  try {
    for (const listening of leaving) if (listening.socket.port === port) closeNow(relaying, listening);
    const socket = openListener(host, port);
    const listening: Listening = { kind: 'listener', socket, pool, pausedUntil: 0, leaving: undefined };
    listeners.set(id, listening);
    owners[socket.fd] = listening;
    poller.add(socket.fd, EPOLL_IN, 0);
    return { id, address: { host, port: socket.port } };
  } catch (error) {
    if (!(error instanceof SystemError)) throw error;
    // They may hold what it lacks: a port, or a descriptor.
    if (leaving.size > 0) {
      for (const listening of leaving) closeNow(relaying, listening);
      return listen(relaying, request);
    }
    return { id, syscall: error.syscall, errno: error.errno };
  }
}

function closeListener(relaying: Relaying, id: number, lingers: boolean): void {
  const { clock, leaving, listeners, pools } = relaying;
  const listening = listeners.get(id);
  if (listening === undefined) return;
  listeners.delete(id);
  if (!lingers) return closeNow(relaying, listening);
  listening.leaving = { pool: pools.keep(listening.pool), until: clock.now() + LINGER_MS };
  leaving.add(listening);
}

function closeNow(relaying: Relaying, listening: Listening): void {
  const { leaving, owners, paused } = relaying;
  leaving.delete(listening);
  paused.delete(listening);
  owners[listening.socket.fd] = undefined;
  listening.socket.close();
}

/** Closes those whose time is over; when the next one is due, undefined = none is left. */
function closeLeaving(relaying: Relaying, now: number): number | undefined {
  let n = 0;
  for (const listening of relaying.leaving) {
    const due = listening.leaving?.until ?? now;
    if (due > now || n++ === CLOSINGS) return Math.max(due, now);
    closeNow(relaying, listening);
  }
  return undefined;
}

function accept(relaying: Relaying, listening: Listening): void {
  const { socket } = listening;
  const pool =
    listening.leaving === undefined ? relaying.pools.get(listening.pool) : listening.leaving.pool();
  for (let i = 0; i < ACCEPTS; i++) {
    const client = socket.accept();
    if (client === EAGAIN) return;
    // Gone before it was accepted.
    if (client === ECONNABORTED) continue;
    if (client < 0) {
      relaying.poller.remove(socket.fd);
      listening.pausedUntil = relaying.clock.now() + PAUSE_MS;
      relaying.paused.add(listening);
      return;
    }
    if (pool === undefined) {
      resetOnClose(client);
      calls.close(client);
      continue;
    }
    relaying.generation = (relaying.generation + 1) >>> 0;
    relaying.dialer.dial({
      ...newDirections(),
      client,
      upstream: -1,
      generation: relaying.generation,
      pool,
      clientIp: pool.needsClient ? socket.lastClient() : '',
      isJoined: false,
      backendKey: '',
      tried: undefined,
      nAttempts: 0,
      nParked: 0,
      deadline: 0,
    });
  }
}

function advance(
  relaying: Relaying,
  connection: Connection,
  { fd, events }: { readonly fd: number; readonly events: number },
): void {
  const { dialer, owners, poller, pump } = relaying;
  if (!connection.isJoined) {
    if (!dialer.advance(connection, events)) return;
    // Only now: what the client sent meanwhile waits in the kernel. That it is ready already is an event, too.
    owners[connection.client] = connection;
    poller.add(connection.client, STREAM_EVENTS, connection.generation);
  }
  const isUpstream = fd === connection.upstream;
  const isFreed =
    (events & EPOLL_OUT) !== 0 && isWaiting(isUpstream ? connection.toUpstream : connection.toClient);
  if (isFreed) {
    settle(relaying, connection, pump.carry(connection, isUpstream ? 'client' : 'upstream', EPOLL_RDHUP));
    if (owners[fd] !== connection) return;
  }
  if ((events & ~EPOLL_OUT) !== 0)
    settle(relaying, connection, pump.carry(connection, isUpstream ? 'upstream' : 'client', events));
}

function carryBoth(relaying: Relaying, connection: Connection): void {
  relaying.again.delete(connection);
  for (const side of ['client', 'upstream'] as const) {
    settle(relaying, connection, relaying.pump.carry(connection, side, EPOLL_RDHUP));
    if (relaying.owners[connection.client] !== connection) return;
  }
}

function settle(relaying: Relaying, connection: Connection, outcome: Outcome): void {
  if (outcome === 'again') relaying.again.add(connection);
  else if (outcome !== 'waits') end(relaying, connection, outcome === 'broken');
}

function end(relaying: Relaying, connection: Connection, isReset: boolean): void {
  const { dialer, again, owners, pump } = relaying;
  dialer.forget(connection);
  again.delete(connection);
  pump.release(connection);
  if (connection.backendKey !== '') connection.pool.balancer.count(connection.backendKey, -1);
  for (const fd of [connection.client, connection.upstream]) {
    if (fd < 0) continue;
    owners[fd] = undefined;
    if (isReset) resetOnClose(fd);
    calls.close(fd);
  }
}

/** How long to wait, after what had become due was done. */
function timeout(relaying: Relaying): number {
  const { again, clock, dialer, paused, poller } = relaying;
  const now = clock.now();
  let next = Math.min(
    dialer.checkDeadlines(now) ?? Infinity,
    closeLeaving(relaying, now) ?? Infinity,
    now + IDLE_MS,
  );
  for (const listening of paused) {
    if (listening.pausedUntil <= now) {
      paused.delete(listening);
      poller.add(listening.socket.fd, EPOLL_IN, 0);
    } else next = Math.min(next, listening.pausedUntil);
  }
  return again.size > 0 ? 0 : Math.max(0, Math.ceil(next - now));
}

import type { Clock } from '../../../base/clock.ts';
import {
  EINPROGRESS,
  EISCONN,
  EPOLL_ERR,
  EPOLL_ET,
  EPOLL_HUP,
  EPOLL_IN,
  EPOLL_OUT,
  EPOLL_RDHUP,
  calls,
} from '../../../kernel/streams/calls.ts';
import type { Poller } from '../../../kernel/streams/poller.ts';
import { setStreamOptions, setUnpaced } from '../../../kernel/streams/socket-options.ts';
import type { Backend } from './balancer.ts';
import { DIAL_TIMEOUTS_MS } from './dialing.ts';
import type { Joined } from './relay-connection.ts';
import { addressOf } from './relay-pools.ts';
import type { Pool } from './relay-pools.ts';

/** A client, and the endpoint it is joined to or that is being tried. */
export interface Connection extends Joined {
  readonly generation: number;
  readonly pool: Pool;
  readonly clientIp: string;
  isJoined: boolean;
  /** Of the endpoint it is counted at; '' = none. */
  backendKey: string;
  tried: Set<string> | undefined;
  nAttempts: number;
  /** How often there was no descriptor for an endpoint. */
  nParked: number;
  deadline: number;
}

/** Every event there is, told once each time it happens. */
export const STREAM_EVENTS = (EPOLL_IN | EPOLL_OUT | EPOLL_RDHUP | EPOLL_ET) >>> 0;

export interface DialerOptions {
  readonly poller: Poller;
  readonly clock: Pick<Clock, 'now'>;
  /** By descriptor, who is told of its events. */
  readonly owners: unknown[];
  /** No endpoint is left, or no descriptor. */
  readonly onFailed: (connection: Connection) => void;
}

/** Connects clients to endpoints, each tried at most once for so long. */
export interface Dialer {
  dial(connection: Connection): void;
  /** An event of the endpoint's descriptor; true = it has accepted. */
  advance(connection: Connection, events: number): boolean;
  /** The connection is of no interest any more. */
  forget(connection: Connection): void;
  /** Gives up on endpoints that took too long. Returns when the next one will have; undefined = none is being tried. */
  checkDeadlines(now: number): number | undefined;
  /** Fails those that wait for a descriptor; others are their owner's to end. */
  close(): void;
}

interface Queue {
  readonly limitMs: number;
  /** In the order of their deadlines. */
  readonly waiting: Set<Connection>;
}

interface Dialing extends DialerOptions {
  readonly queues: readonly Queue[];
  /** Wait for a descriptor to be free. */
  readonly parked: Queue;
}

const PARKED_MS = 100;
/** After ten seconds the client is reset. */
const MAX_PARKED = 100;

export function createDialer(options: DialerOptions): Dialer {
  const queues = DIAL_TIMEOUTS_MS.map((limitMs) => ({ limitMs, waiting: new Set<Connection>() }));
  const parked = { limitMs: PARKED_MS, waiting: new Set<Connection>() };
  const dialing: Dialing = { ...options, queues, parked };
  return {
    dial: (connection) => dial(dialing, connection),
    forget: (connection) => {
      forget(dialing, connection);
      parked.waiting.delete(connection);
    },
    advance: (connection, events) => {
      if ((events & (EPOLL_ERR | EPOLL_HUP)) !== 0) dialAnother(dialing, connection);
      else if ((events & EPOLL_OUT) !== 0) {
        forget(dialing, connection);
        connection.isJoined = true;
      }
      return connection.isJoined;
    },
    checkDeadlines: (now) => {
      const deadlines = queues.map((queue) => endOverdue(dialing, queue, now));
      deadlines.push(retryParked(dialing, now));
      const known = deadlines.filter((deadline) => deadline !== undefined);
      return known.length === 0 ? undefined : Math.min(...known);
    },
    close: () => parked.waiting.forEach(dialing.onFailed),
  };
}

const queueOf = ({ queues }: Dialing, { nAttempts }: Connection): Queue | undefined =>
  queues[Math.min(nAttempts, queues.length - 1)];

function forget(dialing: Dialing, connection: Connection): void {
  queueOf(dialing, connection)?.waiting.delete(connection);
}

function endOverdue(dialing: Dialing, { waiting, limitMs }: Queue, now: number): number | undefined {
  for (const connection of waiting) {
    if (connection.deadline > now) return connection.deadline;
    if (!hasAccepted(connection)) dialAnother(dialing, connection);
    else {
      connection.deadline = now + limitMs;
      waiting.delete(connection);
      waiting.add(connection);
    }
  }
  return undefined;
}

/**
 * The time is also over where this thread was not given the processor meanwhile. Asked to connect once more, the kernel says what became of
 * it; that the endpoint accepted is an event still to come.
 */
function hasAccepted({ pool, backendKey, upstream }: Connection): boolean {
  const target = pool.addresses.get(backendKey);
  if (target === undefined) return false;
  const result = calls.connect(upstream, target.address, target.length);
  return result === 0 || result === EISCONN;
}

function retryParked(dialing: Dialing, now: number): number | undefined {
  for (const connection of dialing.parked.waiting) {
    if (connection.deadline > now) return connection.deadline;
    dialing.parked.waiting.delete(connection);
    dial(dialing, connection);
  }
  return undefined;
}

function park(dialing: Dialing, connection: Connection): void {
  if (++connection.nParked > MAX_PARKED) return dialing.onFailed(connection);
  connection.deadline = dialing.clock.now() + dialing.parked.limitMs;
  dialing.parked.waiting.add(connection);
}

function dial(dialing: Dialing, connection: Connection): void {
  const { pool, clientIp } = connection;
  for (;;) {
    const backend = pool.balancer.pick(clientIp, connection.tried);
    const start = backend === undefined ? 'impossible' : tryOne(dialing, connection, backend);
    if (start === 'begun') return;
    if (backend === undefined) return dialing.onFailed(connection);
    if (start === 'impossible') return park(dialing, connection);
    (connection.tried ??= new Set()).add(backend.key);
  }
}

function tryOne(
  dialing: Dialing,
  connection: Connection,
  backend: Backend,
): 'begun' | 'refused' | 'impossible' {
  const target = addressOf(connection.pool, backend);
  const fd = calls.socket(target.domain);
  if (fd < 0) return 'impossible';
  setStreamOptions(fd);
  if (backend.isLocal) setUnpaced(fd);
  const result = calls.connect(fd, target.address, target.length);
  if (result < 0 && result !== EINPROGRESS) {
    calls.close(fd);
    return 'refused';
  }
  const queue = queueOf(dialing, connection);
  connection.upstream = fd;
  connection.backendKey = backend.key;
  connection.deadline = dialing.clock.now() + (queue?.limitMs ?? 0);
  connection.pool.balancer.count(backend.key, 1);
  queue?.waiting.add(connection);
  dialing.owners[fd] = connection;
  dialing.poller.add(fd, STREAM_EVENTS, connection.generation);
  return 'begun';
}

function dialAnother(dialing: Dialing, connection: Connection): void {
  forget(dialing, connection);
  dialing.owners[connection.upstream] = undefined;
  calls.close(connection.upstream);
  connection.pool.balancer.count(connection.backendKey, -1);
  (connection.tried ??= new Set()).add(connection.backendKey);
  connection.upstream = -1;
  connection.backendKey = '';
  connection.nAttempts++;
  dial(dialing, connection);
}

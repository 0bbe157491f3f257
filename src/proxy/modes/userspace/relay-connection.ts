import { EAGAIN, EPOLL_RDHUP, calls } from '../../../kernel/streams/calls.ts';
import { pin } from '../../../kernel/streams/pinned.ts';
import type { Pinned } from '../../../kernel/streams/pinned.ts';
import { PIPE_BYTES, createPipeStock } from '../../../kernel/streams/pipes.ts';
import type { Pipe, PipeStock } from '../../../kernel/streams/pipes.ts';

/** One way of a connection: what was read and could not be written yet. */
interface Direction {
  hasEnded: boolean;
  rest: Buffer | undefined;
  /** Much comes at a time: the bytes go through a pipe and are never copied. */
  isBulk: boolean;
  /** Held while there is something to carry, since idle connections may be many. */
  pipe: Pipe | undefined;
  nInPipe: number;
}

/** A client and the endpoint it is joined to; -1 = none yet. */
export interface Joined {
  readonly client: number;
  upstream: number;
  readonly toUpstream: Direction;
  readonly toClient: Direction;
}

const newDirection = (): Direction => ({
  hasEnded: false,
  rest: undefined,
  isBulk: false,
  pipe: undefined,
  nInPipe: 0,
});

export const newDirections = (): Pick<Joined, 'toUpstream' | 'toClient'> => ({
  toUpstream: newDirection(),
  toClient: newDirection(),
});

/** Whether the direction waits for its receiver to take more. */
export const isWaiting = ({ rest, nInPipe }: Direction): boolean => rest !== undefined || nInPipe > 0;

/** What a connection needs next. `again` = it has more to do than its share of one turn. */
export type Outcome = 'waits' | 'again' | 'ended' | 'broken';

const BUFFER_BYTES = 65_536;
/** Reads of one direction before others get their turn. */
const READS = 16;

/** Moves bytes between sockets for connections of one thread, which share one buffer and a stock of pipes. */
export interface Pump {
  /** Carries what `side` has to say to the other; `events` is what epoll said of it. */
  carry(joined: Joined, side: 'client' | 'upstream', events: number): Outcome;
  /** The connection is over: gives back what it held. */
  release(joined: Joined): void;
  close(): void;
}

interface Pumping {
  readonly buffer: Pinned;
  readonly pipes: PipeStock;
}

export function createPump(): Pump {
  const pumping: Pumping = { buffer: pin(BUFFER_BYTES), pipes: createPipeStock() };
  return {
    carry: (joined, side, events) => {
      const isClient = side === 'client';
      const direction = isClient ? joined.toUpstream : joined.toClient;
      if (direction.hasEnded) return 'waits';
      const [from, to] = isClient ? [joined.client, joined.upstream] : [joined.upstream, joined.client];
      const outcome = carryShare(pumping, direction, { from, to, events });
      if (outcome === 'again') return outcome;
      if (direction.nInPipe === 0) releasePipe(pumping, direction);
      if (outcome !== 'ended') return outcome;
      return (isClient ? joined.toClient : joined.toUpstream).hasEnded ? 'ended' : 'waits';
    },
    release: ({ toUpstream, toClient }) => {
      releasePipe(pumping, toUpstream);
      releasePipe(pumping, toClient);
    },
    close: () => pumping.pipes.close(),
  };
}

interface Ends {
  readonly from: number;
  readonly to: number;
  readonly events: number;
}

function carryShare(pumping: Pumping, direction: Direction, ends: Ends): Outcome {
  for (let i = 0; i < READS; i++) {
    const outcome = carryOnce(pumping, direction, ends);
    if (outcome !== 'again') return outcome;
  }
  return 'again';
}

function carryOnce(pumping: Pumping, direction: Direction, { from, to, events }: Ends): Outcome {
  const waiting = flush(pumping, to, direction);
  if (waiting !== 0) return waiting < 0 ? 'broken' : 'waits';
  const n = read(pumping, from, direction);
  if (n === EAGAIN) return 'waits';
  if (n < 0) return 'broken';
  if (n === 0) {
    direction.hasEnded = true;
    calls.shutdownWrite(to);
    return 'ended';
  }
  if (direction.pipe !== undefined) return 'again';
  const left = write(pumping, to, { direction, n });
  if (left !== 0) return left < 0 ? 'broken' : 'waits';
  if (n === BUFFER_BYTES) direction.isBulk = true;
  // Less than asked for: nothing is left, and more or the end will be a new event, unless this one told of the end.
  else if ((events & EPOLL_RDHUP) === 0) return 'waits';
  return 'again';
}

function read({ buffer, pipes }: Pumping, from: number, direction: Direction): number {
  if (direction.isBulk) direction.pipe ??= pipes.take();
  if (direction.pipe === undefined) return calls.recv(from, buffer.address, BUFFER_BYTES);
  const n = calls.splice(from, direction.pipe.into, PIPE_BYTES);
  if (n > 0) direction.nInPipe = n;
  return n;
}

/** Writes the first `n` bytes of the buffer and keeps what does not fit: its length, or -errno. */
function write(
  { buffer }: Pumping,
  to: number,
  what: { readonly direction: Direction; readonly n: number },
): number {
  const { direction, n } = what;
  const sent = calls.send(to, buffer.address, n);
  if (sent < 0 && sent !== EAGAIN) return sent;
  const at = Math.max(0, sent);
  if (at < n) direction.rest = Buffer.from(new Uint8Array(buffer.bytes.subarray(at, n)));
  return n - at;
}

/** Writes what is waiting; how much still is, or -errno. */
function flush(pumping: Pumping, to: number, direction: Direction): number {
  const { rest } = direction;
  if (rest !== undefined) {
    direction.rest = undefined;
    rest.copy(pumping.buffer.bytes);
    return write(pumping, to, { direction, n: rest.length });
  }
  while (direction.pipe !== undefined && direction.nInPipe > 0) {
    const n = calls.splice(direction.pipe.from, to, direction.nInPipe);
    if (n === EAGAIN) return direction.nInPipe;
    if (n < 0) return n;
    direction.nInPipe -= n;
  }
  return 0;
}

function releasePipe({ pipes }: Pumping, direction: Direction): void {
  if (direction.pipe === undefined) return;
  pipes.giveBack(direction.pipe, direction.nInPipe === 0);
  direction.pipe = undefined;
  direction.nInPipe = 0;
}

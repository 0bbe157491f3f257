/**
 * `connector.probe.ts IP PORT N PARALLEL [PER_SECOND]`: opens connections one after the other, so many at a time, each until it has an answer
 * and its end, and resets it, so that its port is free at once. A reset before the end would not do: when the other side's FIN passes
 * conntrack after it, the closed entry stays for ten seconds, and the next connection from that port is translated as this one was.
 * Goes on until its input is closed and there were at least N; prints what became of all of them so far, as a ConnectorReport a line,
 * five times a second and at the end.
 */
import { EPOLL_ERR, EPOLL_IN, calls } from '../../src/kernel/streams/calls.ts';
import { errnoName } from '../../src/kernel/libc/system-error.ts';
import { pin } from '../../src/kernel/streams/pinned.ts';
import { openPoller } from '../../src/kernel/streams/poller.ts';
import { SOCKADDR_BYTES, portOf, socketAddress } from '../../src/kernel/streams/socket-address.ts';
import type { SocketAddress } from '../../src/kernel/streams/socket-address.ts';
import { resetOnClose } from '../../src/kernel/streams/socket-options.ts';

export interface ConnectorReport {
  /** Connections that ended. */
  readonly n: number;
  /** That began. */
  readonly nBegun: number;
  /** How many had begun before the oldest that is still open; all of these ended. */
  readonly nBeforeOldest: number;
  /** The first failures in words: when, and what. */
  readonly notes: readonly string[];
  /** The first that were not answered in time to be sure of them, and the first that failed. */
  readonly suspects: readonly Suspect[];
  /** By errno's name, `closed` or `timeout`. */
  readonly failures: Readonly<Record<string, number>>;
  /** By the first word of the answer. */
  readonly answers: Readonly<Record<string, number>>;
}

/** A connection that failed, or is late. */
export interface Suspect {
  readonly port: number;
  /** What is known of it, and of the one before it from the same port. */
  readonly words: string;
}

/** A connection that loses one packet is late. */
const LATE_MS = 900;
const LATE = 'late';
const MAX_SUSPECTS = 10;
/** A lost packet is sent again after 1, 3 and 7 seconds; what needs longer is lost. */
const LIMIT_MS = 10_000;
const REPORT_EVERY_MS = 200;
/** How often a connection may begin that was held back. */
const PACE_MS = 10;
const MAX_NOTES = 20;
const EINPROGRESS = -115;
const EAGAIN = -11;

function count(counts: Record<string, number>, name: string): void {
  counts[name] = (counts[name] ?? 0) + 1;
}

/** A connection under way. */
interface Open {
  readonly at: number;
  readonly nBefore: number;
  readonly port: number;
  isLate: boolean;
}

interface PortMemory {
  portOf(fd: number): number;
  /** The connection from the port ended so. */
  remember(port: number, how: string): void;
  /** What became of the last one from there. */
  recall(port: number): string;
}

/** Remembers how the last connection from each local port ended. */
function rememberPorts(): PortMemory {
  const name = pin(SOCKADDR_BYTES);
  const length = pin(4);
  const endedAt = new Float64Array(65_536);
  const how: string[] = [];
  return {
    portOf: (fd) => {
      length.bytes.writeUInt32LE(SOCKADDR_BYTES);
      return calls.getsockname(fd, name.address, length.address) < 0 ? 0 : portOf(name.bytes);
    },
    remember: (port, ended) => {
      endedAt[port] = performance.now();
      how[port] = ended;
    },
    recall: (port) =>
      how[port] === undefined
        ? 'used for the first time'
        : `used before, until ${Math.round(performance.now() - (endedAt[port] ?? 0))} ms ago: ${how[port]}`,
  };
}

interface Load {
  readonly nAtLeast: number;
  readonly nParallel: number;
  readonly perSecond: number;
}

function connectAll(target: SocketAddress, { nAtLeast, nParallel, perSecond }: Load): void {
  const poller = openPoller();
  const buffer = pin(256);
  const failures: Record<string, number> = {};
  const answers: Record<string, number> = {};
  const notes: string[] = [];
  const suspects: Suspect[] = [];
  const ports = rememberPorts();
  let reportedAt = performance.now();
  const report = (): void =>
    console.log(
      JSON.stringify({
        n,
        nBegun,
        nBeforeOldest: oldest(),
        failures,
        answers,
        notes,
        suspects,
      } satisfies ConnectorReport),
    );
  /** By descriptor, in the order they began. */
  const open = new Map<number, Open>();
  /** Whose answer those of them have that wait for its end. */
  const answered = new Map<number, string>();
  let [n, nBegun, isStopping] = [0, 0, false];
  const oldest = (): number => {
    for (const { nBefore } of open.values()) return nBefore;
    return nBegun;
  };
  const sinceMs = performance.now();
  const mayBegin = (): boolean => !isOver() && nBegun <= (perSecond * (performance.now() - sinceMs)) / 1000;
  const isOver = (): boolean => isStopping && n >= nAtLeast;
  const begin = (): void => {
    const fd = calls.socket(target.domain);
    const result = calls.connect(fd, target.address, target.length);
    open.set(fd, { at: performance.now(), nBefore: nBegun++, port: ports.portOf(fd), isLate: false });
    if (result < 0 && result !== EINPROGRESS) return end(fd, errnoName(-result));
    poller.add(fd, EPOLL_IN, 0);
  };
  const suspect = ({ port, at }: Open, what: string): void => {
    const tookMs = Math.round(performance.now() - at);
    const words = `${new Date().toISOString()} ${what} after ${tookMs} ms, from port ${port}, ${ports.recall(port)}`;
    if (suspects.length < MAX_SUSPECTS) suspects.push({ port, words });
    if (what !== LATE && notes.length < MAX_NOTES) notes.push(words);
  };
  const end = (fd: number, failure: string | undefined): void => {
    n++;
    const ended = open.get(fd);
    if (failure !== undefined) count(failures, failure);
    if (failure !== undefined && ended !== undefined) suspect(ended, failure);
    ports.remember(ended?.port ?? 0, failure ?? answered.get(fd) ?? '');
    resetOnClose(fd);
    calls.close(fd);
    open.delete(fd);
    answered.delete(fd);
  };
  const read = (fd: number): void => {
    const length = calls.recv(fd, buffer.address, 256);
    if (length === EAGAIN) return;
    if (length > 0) {
      if (answered.has(fd)) return;
      const name = buffer.bytes.toString('latin1', 0, length).split(' ')[0] ?? '';
      count(answers, name);
      answered.set(fd, name);
    } else if (length < 0) end(fd, errnoName(-length));
    else end(fd, answered.has(fd) ? undefined : 'closed');
  };
  poller.add(0, EPOLL_IN, 0);
  while (open.size > 0 || !isOver()) {
    for (let i = open.size; i < nParallel && mayBegin(); i++) begin();
    poller.wait(perSecond === Infinity ? REPORT_EVERY_MS : PACE_MS, (events, fd) => {
      if (fd !== 0) return (events & (EPOLL_IN | EPOLL_ERR)) === 0 ? undefined : read(fd);
      isStopping = true;
      poller.remove(0);
    });
    const now = performance.now();
    for (const [fd, connection] of open) {
      if (connection.at > now - LATE_MS) break;
      if (!connection.isLate) suspect(connection, LATE);
      connection.isLate = true;
      if (connection.at <= now - LIMIT_MS) end(fd, 'timeout');
    }
    if (now - reportedAt < REPORT_EVERY_MS) continue;
    reportedAt = now;
    report();
  }
  report();
}

if (import.meta.main) {
  const [ip = '', ...numbers] = process.argv.slice(2);
  const [port = 0, nAtLeast = 0, nParallel = 1, perSecond = Infinity] = numbers.map(Number);
  connectAll(socketAddress(ip, port), { nAtLeast, nParallel, perSecond });
}

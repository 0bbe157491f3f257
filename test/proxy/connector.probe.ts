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
import { socketAddress } from '../../src/kernel/streams/socket-address.ts';
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
  /** By errno's name, `closed` or `timeout`. */
  readonly failures: Readonly<Record<string, number>>;
  /** By the first word of the answer. */
  readonly answers: Readonly<Record<string, number>>;
}

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
      } satisfies ConnectorReport),
    );
  /** By descriptor, in the order they began. */
  const open = new Map<number, { readonly at: number; readonly nBefore: number }>();
  /** Those of them that have their answer, and wait for its end. */
  const answered = new Set<number>();
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
    open.set(fd, { at: performance.now(), nBefore: nBegun++ });
    if (result < 0 && result !== EINPROGRESS) return end(fd, errnoName(-result));
    poller.add(fd, EPOLL_IN, 0);
  };
  const end = (fd: number, failure: string | undefined): void => {
    n++;
    if (failure !== undefined) {
      count(failures, failure);
      const tookMs = Math.round(performance.now() - (open.get(fd)?.at ?? 0));
      if (notes.length < MAX_NOTES) notes.push(`${new Date().toISOString()} ${failure} after ${tookMs} ms`);
    }
    resetOnClose(fd);
    calls.close(fd);
    open.delete(fd);
    answered.delete(fd);
  };
  const read = (fd: number): void => {
    const length = calls.recv(fd, buffer.address, 256);
    if (length === EAGAIN) return;
    if (length > 0) {
      if (!answered.has(fd)) count(answers, buffer.bytes.toString('latin1', 0, length).split(' ')[0] ?? '');
      answered.add(fd);
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
    for (const [fd, { at }] of open) {
      if (at > now - LIMIT_MS) break;
      end(fd, 'timeout');
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

/**
 * `connector.probe.ts IP PORT N PARALLEL`: opens connections one after the other, so many at a time, each until it has an answer, and resets
 * it. Goes on until its input is closed and there were at least N; prints what became of all of them, as a ConnectorReport.
 */
import { EPOLL_ERR, EPOLL_IN, calls } from '../../src/kernel/streams/calls.ts';
import { errnoName } from '../../src/kernel/libc/system-error.ts';
import { pin } from '../../src/kernel/streams/pinned.ts';
import { openPoller } from '../../src/kernel/streams/poller.ts';
import { socketAddress } from '../../src/kernel/streams/socket-address.ts';
import type { SocketAddress } from '../../src/kernel/streams/socket-address.ts';
import { resetOnClose } from '../../src/kernel/streams/socket-options.ts';

export interface ConnectorReport {
  readonly n: number;
  /** By errno's name, `closed` or `timeout`. */
  readonly failures: Readonly<Record<string, number>>;
  /** By the first word of the answer. */
  readonly answers: Readonly<Record<string, number>>;
}

/** A lost packet is sent again after 1, 3 and 7 seconds; what needs longer is lost. */
const LIMIT_MS = 10_000;
const EINPROGRESS = -115;
const EAGAIN = -11;

function count(counts: Record<string, number>, name: string): void {
  counts[name] = (counts[name] ?? 0) + 1;
}

function connectAll(target: SocketAddress, nAtLeast: number, nParallel: number): ConnectorReport {
  const poller = openPoller();
  const buffer = pin(256);
  const failures: Record<string, number> = {};
  const answers: Record<string, number> = {};
  const startedAt = new Map<number, number>();
  let [n, isStopping] = [0, false];
  const isOver = (): boolean => isStopping && n >= nAtLeast;
  const begin = (): void => {
    const fd = calls.socket(target.domain);
    const result = calls.connect(fd, target.address, target.length);
    startedAt.set(fd, performance.now());
    if (result < 0 && result !== EINPROGRESS) return end(fd, errnoName(-result));
    poller.add(fd, EPOLL_IN, 0);
  };
  const end = (fd: number, failure: string | undefined): void => {
    n++;
    if (failure !== undefined) count(failures, failure);
    resetOnClose(fd);
    calls.close(fd);
    startedAt.delete(fd);
    if (!isOver()) begin();
  };
  const read = (fd: number): void => {
    const length = calls.recv(fd, buffer.address, 256);
    if (length === EAGAIN) return;
    if (length > 0) count(answers, buffer.bytes.toString('latin1', 0, length).split(' ')[0] ?? '');
    end(fd, length > 0 ? undefined : length === 0 ? 'closed' : errnoName(-length));
  };
  poller.add(0, EPOLL_IN, 0);
  for (let i = 0; i < nParallel; i++) begin();
  while (startedAt.size > 0) {
    poller.wait(1000, (events, fd) => {
      if (fd !== 0) return (events & (EPOLL_IN | EPOLL_ERR)) === 0 ? undefined : read(fd);
      isStopping = true;
      poller.remove(0);
    });
    const limit = performance.now() - LIMIT_MS;
    for (const [fd, at] of startedAt) {
      if (at > limit) break;
      end(fd, 'timeout');
    }
  }
  return { n, failures, answers };
}

if (import.meta.main) {
  const [ip = '', ...numbers] = process.argv.slice(2);
  const [port = 0, n = 0, nParallel = 1] = numbers.map(Number);
  console.log(JSON.stringify(connectAll(socketAddress(ip, port), n, nParallel)));
}

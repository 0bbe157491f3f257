import { bindFunction, checked } from './function.ts';

const POLLIN = 1;
/** pidfd_open's number is the same on every architecture (Linux 5.3). */
const SYS_pidfd_open = 434;

const cSyscall = bindFunction('int64_t syscall(int64_t number, int64_t a, int64_t b)');
const cPoll = bindFunction('int poll(void *fds, uint64_t count, int timeout)');
const cSethostname = bindFunction('int sethostname(str name, size_t length)');

/** A descriptor that becomes readable when the process ends, or undefined when there is no such process. */
export function openPidfd(pid: number): number | undefined {
  const result = cSyscall(SYS_pidfd_open, pid, 0);
  if (result === -3) return undefined;
  return checked('pidfd_open', result, String(pid));
}

/** Which of the descriptors are readable now; never waits. */
export function readable(fds: readonly number[]): number[] {
  if (fds.length === 0) return [];
  const polled = Buffer.alloc(fds.length * 8);
  fds.forEach((fd, i) => {
    polled.writeInt32LE(fd, i * 8);
    polled.writeInt16LE(POLLIN, i * 8 + 4);
  });
  checked('poll', cPoll(polled, fds.length, 0));
  return fds.filter((_, i) => polled.readInt16LE(i * 8 + 6) !== 0);
}

/** Names the host in the calling process's UTS namespace. */
export function setHostname(name: string): void {
  checked('sethostname', cSethostname(name, Buffer.byteLength(name)), name);
}

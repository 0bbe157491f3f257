import { closeSync, constants, openSync } from 'node:fs';
import { bindFunction, checked } from './function.ts';

const O_CLOEXEC = 0o2000000;
/** asm-generic/ioctls.h; the same on x86, Arm and RISC-V. */
const TIOCSWINSZ = 0x5414;

const cOpenpt = bindFunction('int posix_openpt(int flags)');
const cGrantpt = bindFunction('int grantpt(int fd)');
const cUnlockpt = bindFunction('int unlockpt(int fd)');
const cPtsname = bindFunction('int ptsname_r(int fd, void *name, size_t length)');
const cIoctl = bindFunction('int ioctl(int fd, uint64_t request, void *argument)');
const cPipe2 = bindFunction('int pipe2(void *fds, int flags)');

/** A pseudo terminal: what is written to one end is typed at the other. Both are open, and close on exec. */
export interface Terminal {
  readonly master: number;
  readonly slave: number;
  /** Such as /dev/pts/3. */
  readonly path: string;
}

export function openTerminal(): Terminal {
  const master = checked('posix_openpt', cOpenpt(constants.O_RDWR | constants.O_NOCTTY | O_CLOEXEC));
  try {
    checked('grantpt', cGrantpt(master));
    checked('unlockpt', cUnlockpt(master));
    const name = Buffer.alloc(128);
    checked('ptsname', cPtsname(master, name, name.length));
    const path = name.toString('utf8', 0, name.indexOf(0));
    return { master, slave: openSync(path, constants.O_RDWR | constants.O_NOCTTY), path };
  } catch (error) {
    closeSync(master);
    throw error;
  }
}

export interface WindowSize {
  /** Columns. */
  readonly width: number;
  /** Rows. */
  readonly height: number;
}

/** Tells the programs at the terminal (by SIGWINCH) how large its window is. */
export function setWindowSize(master: number, { width, height }: WindowSize): void {
  const size = Buffer.alloc(8);
  size.writeUInt16LE(height, 0);
  size.writeUInt16LE(width, 2);
  checked('ioctl', cIoctl(master, TIOCSWINSZ, size), 'TIOCSWINSZ');
}

/** pidfd_getfd's number is the same on every architecture (Linux 5.6). */
const SYS_pidfd_getfd = 438;
const cSyscall = bindFunction('int64_t syscall(int64_t number, int64_t a, int64_t b, int64_t c)');

/** A copy of descriptor `fd` of another process; undefined when it has none, or is not ours to look into. */
export function takeDescriptor(pidfd: number, fd: number): number | undefined {
  const result = cSyscall(SYS_pidfd_getfd, pidfd, fd, 0);
  return result < 0 ? undefined : result;
}

/** A plain pipe (Node's own children get sockets, which cannot be opened as /dev/stdin); both ends close on exec. */
export function openPipe(): { readonly read: number; readonly write: number } {
  const fds = Buffer.alloc(8);
  checked('pipe2', cPipe2(fds, O_CLOEXEC));
  return { read: fds.readInt32LE(0), write: fds.readInt32LE(4) };
}

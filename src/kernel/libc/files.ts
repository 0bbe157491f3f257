import { bindFunction, checked } from './function.ts';

export const LOCK_EX = 2;
export const LOCK_NB = 4;
const F_DUPFD_CLOEXEC = 1030;

const cFlock = bindFunction('int flock(int fd, int operation)');
const cFcntl = bindFunction('int fcntl(int fd, int command, int64_t argument)');

/** Takes an exclusive lock on an open file without waiting; false when another process holds it. Closing the file frees it. */
export function tryLockFile(fd: number): boolean {
  const result = cFlock(fd, LOCK_EX | LOCK_NB);
  if (result === -11) return false;
  checked('flock', result, `fd ${fd}`);
  return true;
}

/** A second descriptor of the same open file, close-on-exec. */
export function duplicateFd(fd: number): number {
  return checked('fcntl', cFcntl(fd, F_DUPFD_CLOEXEC, 3), `dup ${fd}`);
}

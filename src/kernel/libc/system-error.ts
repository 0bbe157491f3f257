import { constants } from 'node:os';

const names = new Map<number, string>(Object.entries(constants.errno).map(([name, value]) => [value, name]));
/** Errors the kernel returns over netlink that node:os does not list (Linux, include/uapi/asm-generic/errno.h). */
names.set(105, 'ENOBUFS');

/** The symbolic name of an errno value, or `E<number>` when unknown. */
export function errnoName(errno: number): string {
  return names.get(errno) ?? `E${errno}`;
}

/** A failed system call: `code` is the errno's name (`EPERM`), `errno` its positive number, `syscall` what was called. */
export class SystemError extends Error {
  override readonly name = 'SystemError';
  readonly code: string;
  readonly errno: number;
  readonly syscall: string;

  constructor(syscall: string, errno: number, detail = '') {
    super(`${syscall}${detail === '' ? '' : ` ${detail}`}: ${errnoName(errno)}`);
    this.code = errnoName(errno);
    this.errno = errno;
    this.syscall = syscall;
  }
}

/** True when `error` is an error of this or of Node's own system calls with one of the `codes`. */
export function hasCode(error: unknown, ...codes: readonly string[]): boolean {
  if (!(error instanceof Error) || !('code' in error)) return false;
  return typeof error.code === 'string' && codes.includes(error.code);
}

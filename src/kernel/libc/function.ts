import { createRequire } from 'node:module';
import type * as Koffi from 'koffi';
import { SystemError } from './system-error.ts';

/** What a C function of ours takes: numbers, strings (copied) and buffers, whose address is valid during the call only. */
export type CValue = number | bigint | string | Uint8Array | null;

interface Loaded {
  readonly library: Koffi.LibraryHandle;
  readonly errno: () => number;
}

let loaded: Loaded | undefined;

/** Loads koffi on first use (about 10 ms), so that programs which never call the kernel never pay for it. */
function load(): Loaded {
  if (loaded === undefined) {
    const koffi = createRequire(import.meta.url)('koffi') as typeof Koffi;
    loaded = { library: koffi.load(null), errno: () => koffi.errno() };
  }
  return loaded;
}

type Foreign = (...args: readonly CValue[]) => number | bigint;

/**
 * Binds a function of the C library by its prototype, e.g. `int setns(int fd, int flags)`; nothing is loaded before the first call.
 * The result is the C result as a number; -1 becomes `-errno`, so that hot paths can test for EAGAIN without an exception.
 * The call is synchronous, hence a buffer passed as `void *` cannot be moved or collected while C uses it.
 */
export function bindFunction(prototype: string): (...args: readonly CValue[]) => number {
  let bound: Foreign | undefined;
  let errno: () => number = () => 0;
  return (...args) => {
    if (bound === undefined) {
      const { library, errno: lastErrno } = load();
      bound = library.func(prototype) as Foreign;
      errno = lastErrno;
    }
    const result = Number(bound(...args));
    return result === -1 ? -errno() : result;
  };
}

/** `result` unless it is negative; then a SystemError naming the call and, if given, what it was about. */
export function checked(syscall: string, result: number, detail = ''): number {
  if (result < 0) throw new SystemError(syscall, -result, detail);
  return result;
}

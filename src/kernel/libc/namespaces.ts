import { closeSync, openSync } from 'node:fs';
import { bindFunction, checked } from './function.ts';

export const CLONE_NEWNS = 0x00020000;
export const CLONE_NEWUTS = 0x04000000;
export const CLONE_NEWIPC = 0x08000000;
export const CLONE_NEWPID = 0x20000000;
export const CLONE_NEWNET = 0x40000000;

const cSetns = bindFunction('int setns(int fd, int kind)');
const cUnshare = bindFunction('int unshare(int flags)');

/** The calling thread's own network namespace. `/proc/self` would be the main thread's. */
export const ownNetns = '/proc/thread-self/ns/net';

/** Moves the calling thread into new namespaces of the given kinds. */
export function unshare(flags: number): void {
  checked('unshare', cUnshare(flags), `0x${flags.toString(16)}`);
}

/** Moves the calling thread into the namespace behind an open descriptor. */
export function setns(fd: number, kind: number): void {
  checked('setns', cSetns(fd, kind), `0x${kind.toString(16)}`);
}

/** Moves the calling thread for good into the network namespace bound at `path`. Sockets and children made later are there. */
export function enterNetns(path: string): void {
  const fd = openSync(path, 'r');
  try {
    setns(fd, CLONE_NEWNET);
  } finally {
    closeSync(fd);
  }
}

/**
 * Runs `fn` with the calling thread in the network namespace at `path` (undefined: where it is) and moves back, also after an error.
 * `fn` must be synchronous: whatever it defers (`net.connect`, a listen with a host) happens back outside.
 */
export function withNetns<T>(path: string | undefined, fn: () => T): T {
  if (path === undefined) return fn();
  const home = openSync(ownNetns, 'r');
  try {
    enterNetns(path);
    try {
      return fn();
    } finally {
      setns(home, CLONE_NEWNET);
    }
  } finally {
    closeSync(home);
  }
}

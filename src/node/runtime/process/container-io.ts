import { closeSync, constants, openSync } from 'node:fs';
import { Socket } from 'node:net';
import { join } from 'node:path';
import { Writable } from 'node:stream';
import { ReadStream } from 'node:tty';
import { openPidfd } from '../../../kernel/libc/processes.ts';
import { openTerminal, setWindowSize, takeDescriptor } from '../../../kernel/libc/terminals.ts';
import type { LogStream } from '../../logs/cri-log.ts';
import type { ContainerInput, ContainerIo } from '../model.ts';

export const stdinPath = (directory: string): string => join(directory, 'stdin');

/** The supervising shell keeps the terminal's master under this number, for the agent after this one. */
const MASTER_FD = 5;
const END_OF_FILE = Buffer.from([4]);

/** What a container is started with. */
export interface Prepared {
  /** Descriptors 0 and following of the supervising shell but for 3, its exit file. */
  readonly descriptors: readonly ('ignore' | number)[];
  /** The terminal's path: opened once more by the shell, that makes it its own. */
  readonly terminalPath?: string;
  /** The container's end of what the agent keeps. */
  readonly kept: Kept;
  /** Closes what only the container needs. */
  close(): void;
}

export interface Kept {
  /** The terminal's master. */
  readonly master?: number;
  /** Keeps the input of `stdinOnce` open until its one client has come. */
  readonly holder?: number;
}

/** Opens a container's ends of its streams; the pipes `outputs` and, for input, `stdinPath` exist. */
export function prepareIo(
  directory: string,
  input: ContainerInput,
  outputs: readonly [string, string],
): Prepared {
  const opened: number[] = [];
  const open = (path: string, flags: number): number => {
    const fd = openSync(path, flags);
    opened.push(fd);
    return fd;
  };
  const close = (): void => opened.forEach((fd) => closeSync(fd));
  if (input.isTty) {
    const { master, slave, path } = openTerminal();
    opened.push(slave);
    const descriptors = [slave, slave, slave, 'ignore', 'ignore', master] as const;
    return { descriptors, terminalPath: path, kept: { master }, close };
  }
  const [out, err] = outputs.map((path) => open(path, constants.O_RDWR)) as [number, number];
  if (input.stdin === 'none') return { descriptors: ['ignore', out, err], kept: {}, close };
  const path = stdinPath(directory);
  // Open for both, so that neither this nor the container ever waits for the other end, nor sees one.
  const both = open(path, constants.O_RDWR);
  if (input.stdin === 'kept') return { descriptors: [both, out, err], kept: {}, close };
  const read = open(path, constants.O_RDONLY);
  const holder = openSync(path, constants.O_WRONLY | constants.O_NONBLOCK);
  return { descriptors: [read, out, err], kept: { holder }, close };
}

/** What an earlier agent's container still has open; without the right to look, a terminal stays silent. */
export function adoptedIo(directory: string, input: ContainerInput, pid: number): Kept {
  if (input.isTty) {
    const pidfd = openPidfd(pid);
    if (pidfd === undefined) return {};
    const master = takeDescriptor(pidfd, MASTER_FD);
    closeSync(pidfd);
    return master === undefined ? {} : { master };
  }
  if (input.stdin !== 'once') return {};
  try {
    return { holder: openSync(stdinPath(directory), constants.O_WRONLY | constants.O_NONBLOCK) };
  } catch {
    return {};
  }
}

/** The agent's end of a container's streams. */
export interface OpenIo extends ContainerIo {
  /** Where the output comes from when there is a terminal. */
  readonly device?: ReadStream;
  /** Tells the listeners what the container has printed. */
  tell(stream: LogStream, chunk: Buffer): void;
  close(): void;
}

export function openIo(directory: string, input: ContainerInput, { master, holder }: Kept): OpenIo {
  const listeners = new Set<(stream: LogStream, chunk: Buffer) => void>();
  const device = master === undefined ? undefined : new ReadStream(master);
  device?.on('error', () => undefined);
  let held = holder;
  const letGo = (): void => {
    if (held !== undefined) closeSync(held);
    held = undefined;
  };
  const isOnce = input.stdin === 'once';
  return {
    ...(device !== undefined && { device }),
    tell: (stream, chunk) => listeners.forEach((hear) => hear(stream, chunk)),
    listen: (hear) => {
      listeners.add(hear);
      return () => void listeners.delete(hear);
    },
    openStdin: () => {
      if (input.stdin === 'none') return undefined;
      if (device !== undefined) return typing(device, isOnce);
      const fd = openSync(stdinPath(directory), constants.O_WRONLY | constants.O_NONBLOCK);
      const socket = new Socket({ fd, readable: false, writable: true });
      socket.on('error', () => undefined);
      if (isOnce) socket.on('close', letGo);
      return socket;
    },
    resize: (size) => {
      if (master !== undefined && device?.destroyed === false) setWindowSize(master, size);
    },
    close: () => {
      letGo();
      device?.destroy();
    },
  };
}

/** What a client types; with `isOnce` its end is the end of the input, as Ctrl-D says it. */
function typing(device: ReadStream, isOnce: boolean): Writable {
  const stdin = new Writable({
    write: (chunk: Buffer, _encoding, done) => void device.write(chunk, () => done()),
    destroy: (error, done) => {
      if (isOnce && !device.destroyed) device.write(END_OF_FILE);
      done(error);
    },
  });
  stdin.on('error', () => undefined);
  return stdin;
}

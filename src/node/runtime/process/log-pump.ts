import { constants, existsSync, openSync } from 'node:fs';
import { Socket } from 'node:net';
import { join } from 'node:path';
import type { Clock } from '../../../base/clock.ts';
import { createLineFormatter, openLogFile, type LogStream } from '../../logs/cri-log.ts';

export const streams: readonly LogStream[] = ['stdout', 'stderr'];

/** The named pipe a container writes one of its streams to. */
export const pipePath = (directory: string, stream: LogStream): string => join(directory, stream);

export interface LogPump {
  /** Of the container's run; the pipes are in it. */
  readonly directory: string;
  readonly logPath: string;
  readonly clock: Clock;
  /** Stops reading; what is in the pipes stays there. */
  readonly signal: AbortSignal;
  /** The container's terminal: its only output, where it has one. */
  readonly device?: Socket;
  /** Hears every piece as it comes. */
  readonly hear?: (stream: LogStream, chunk: Buffer) => void;
}

/**
 * Copies a container's named pipes into its log until every process that writes to them has ended. The container itself holds the pipes open for reading
 * too, so it never sees SIGPIPE: without an agent it goes on until 64 KiB are full, and the next agent reads what is there.
 * Call it when the writers have the pipes open. Resolves when the last line is in the log.
 */
export function pumpLogs(options: LogPump): Promise<void> {
  const { directory, logPath, clock, signal, device, hear } = options;
  const pipes = streams.filter((stream) => existsSync(pipePath(directory, stream)));
  if (device === undefined && pipes.length === 0) return Promise.resolve();
  const log = openLogFile(logPath);
  return Promise.all(
    (device === undefined ? pipes : ['stdout' as const]).map((stream) => {
      const socket = device ?? openPipeReader(pipePath(directory, stream));
      signal.addEventListener('abort', () => socket.destroy(), { once: true });
      if (hear !== undefined) socket.on('data', (chunk: Buffer) => hear(stream, chunk));
      return pump(socket, (chunk) => log.write(chunk), {
        stream,
        clock,
      });
    }),
  ).then(() => log.close());
}

const openPipeReader = (path: string): Socket =>
  new Socket({
    fd: openSync(path, constants.O_RDONLY | constants.O_NONBLOCK),
    readable: true,
    writable: false,
  });

function pump(
  socket: Socket,
  write: (entries: Buffer) => void,
  { stream, clock }: { readonly stream: LogStream; readonly clock: Clock },
): Promise<void> {
  const formatter = createLineFormatter(stream);
  return new Promise((resolve) => {
    socket.on('data', (chunk: Buffer) => write(formatter.push(chunk, clock.now())));
    socket.on('error', () => socket.destroy());
    socket.on('close', () => {
      write(formatter.end(clock.now()));
      resolve();
    });
  });
}

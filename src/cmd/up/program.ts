import { spawn } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import type { Socket } from 'node:dgram';
import type { Server } from 'node:net';
import type { Clock } from '../../base/clock.ts';
import { descriptorOf } from './host-ports.ts';
import type { FromComponent, ToComponent } from './messages.ts';
import type { Argv } from './sandbox.ts';

export interface ProgramOptions {
  readonly argv: Argv;
  /** Standard output and error are appended to it. */
  readonly logFile: string;
  /** Inherited as descriptor 4, and closed here. */
  readonly listener: Server | undefined;
  readonly clock: Clock;
  readonly onMessage: (message: FromComponent) => void;
  /** It could not be started; `onEnd` does not follow. */
  readonly onError: (error: Error) => void;
  /**
   * It ended (`was ended by SIGKILL`) after so long. Told once both the process and its line to us are gone: behind a
   * wrapper (nsenter) the program itself ends a moment later, and has its ports and files until then.
   */
  onEnd(how: string, livedMs: number): void;
}

/** One run of a component's program. */
export interface Program {
  /** Resolves when the message (and the handle) has left, or at once when the program is away. */
  send(message: ToComponent, handle?: Server | Socket): Promise<void>;
  /** Asks it to stop, ends it by force after 3 s, and resolves when it is gone. */
  stop(): Promise<void>;
}

const STOP_GRACE_MS = 3000;
/** One heap of malloc instead of one per thread: 4 MB less in each process (19 of 208 MB in a cluster of three nodes), and no slower. */
const frugal = { MALLOC_ARENA_MAX: '1' };

/** Starts the program in a session of its own: Ctrl-C is for the supervisor alone. */
export function startProgram(options: ProgramOptions): Program {
  const { argv, logFile, listener, clock } = options;
  const [command, ...args] = argv;
  const log = openSync(logFile, 'a', 0o600);
  const inherited = listener === undefined ? 'ignore' : descriptorOf(listener);
  const bornAt = clock.now();
  const child = spawn(command, args, {
    stdio: ['ignore', log, log, 'ipc', inherited],
    env: { ...process.env, ...frugal },
    detached: true,
  });
  closeSync(log);
  // The child has its own copy; a connection accepted here would never be served.
  listener?.close();

  const gone = Promise.withResolvers<void>();
  child.on('message', options.onMessage);
  child.on('error', options.onError);
  child.once('exit', (code, signal) => {
    const how = signal === null ? `ended with code ${code}` : `was ended by ${signal}`;
    const tell = (): void => options.onEnd(how, clock.now() - bornAt);
    gone.resolve();
    if (child.connected) child.once('disconnect', tell);
    else tell();
  });
  const send: Program['send'] = (message, handle) =>
    new Promise((resolve) => {
      if (!child.connected) return resolve();
      child.send(message, handle, () => resolve());
    });
  return {
    send,
    stop: async () => {
      if (child.exitCode !== null || child.signalCode !== null) return;
      void send({ type: 'stop' });
      const cancel = clock.after(STOP_GRACE_MS, () => void child.kill('SIGKILL'));
      await gone.promise;
      cancel();
    },
  };
}

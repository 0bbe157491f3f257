import { flushCompileCache } from 'node:module';
import type { Socket as UdpSocket } from 'node:dgram';
import type { Server } from 'node:net';
import type { FromComponent, ToComponent } from '../up/messages.ts';

/** By then everything that a start needs is loaded. */
const COMPILE_CACHE_MS = 3000;

/** What came with a `host-socket` message. */
export type HostSocket = Server | UdpSocket;

/** A component's end of the line to its supervisor. */
export interface SupervisorChannel {
  /** Aborted when the supervisor asks to stop, or is gone. */
  readonly stopped: AbortSignal;
  /** Resolves when the certificates are on the disk; rejects when the component is to stop before that. */
  readonly pkiReady: Promise<void>;
  send(message: FromComponent): void;
  onHostSocket(listener: (id: string, socket: HostSocket) => void): void;
  onDnsAnswer(listener: (id: number, answer: Buffer | null) => void): void;
}

/**
 * Opens the channel of a process that was started by the supervisor; without one (started by hand) nothing is ever sent,
 * the certificates count as ready, and SIGTERM or SIGINT stop it.
 */
export function connectSupervisor(): SupervisorChannel {
  const stop = new AbortController();
  const pki = Promise.withResolvers<void>();
  const socketListeners: ((id: string, socket: HostSocket) => void)[] = [];
  const answerListeners: ((id: number, answer: Buffer | null) => void)[] = [];
  const receive = (message: ToComponent, handle?: unknown): void => {
    switch (message.type) {
      case 'stop':
        return stop.abort();
      case 'pki-ready':
        return pki.resolve();
      case 'host-socket':
        for (const listener of socketListeners) listener(message.id, handle as HostSocket);
        return;
      case 'dns-answer':
        for (const listener of answerListeners) {
          listener(message.id, message.answer === null ? null : Buffer.from(message.answer, 'base64'));
        }
    }
  };
  if (process.send === undefined) pki.resolve();
  pki.promise.catch(() => undefined);
  stop.signal.addEventListener('abort', () => pki.reject(new Error('stopped before the certificates came')));
  process.on('message', receive);
  // A supervisor that is gone can restart nothing: ending is what lets the next one start from a clean place.
  process.once('disconnect', () => stop.abort());
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => stop.abort());
  return {
    stopped: stop.signal,
    pkiReady: pki.promise,
    send: (message) => {
      if (process.connected) process.send?.(message);
    },
    onHostSocket: (listener) => void socketListeners.push(listener),
    onDnsAnswer: (listener) => void answerListeners.push(listener),
  };
}

/** Runs a component's main: an error becomes the last line of its log and a non-zero exit. */
export async function runMain(main: () => Promise<void>): Promise<void> {
  // A process ended by a signal keeps nothing for the next start, which would cost that one twice the time and memory.
  setTimeout(flushCompileCache, COMPILE_CACHE_MS).unref();
  try {
    await main();
    process.exitCode = 0;
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`);
    process.exitCode = 1;
  }
  // Idle sockets and timers of libraries must not keep a component alive that has done its work.
  if (process.connected) process.disconnect();
  setImmediate(() => process.exit());
}

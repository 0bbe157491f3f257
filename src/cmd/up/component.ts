import { spawn, type ChildProcess } from 'node:child_process';
import { closeSync, openSync, readFileSync } from 'node:fs';
import type { Server } from 'node:net';
import type { Socket } from 'node:dgram';
import type { Clock } from '../../base/clock.ts';
import type { FromComponent, ToComponent } from './messages.ts';
import type { Argv } from './sandbox.ts';
import { descriptorOf } from './host-ports.ts';
import { messageOf, UserError } from './user-error.ts';

export interface ComponentOptions {
  readonly name: string;
  readonly argv: Argv;
  readonly logFile: string;
  /** A listening socket that the process inherits as descriptor 4; opened anew for each start. */
  openListener?(): Promise<Server>;
  readonly clock: Clock;
  /** Runs after each start and restart. */
  onSpawn(component: Component): void;
  onMessage(message: FromComponent, component: Component): void;
  onRestart(name: string, reason: string): void;
}

export interface Component {
  readonly name: string;
  /** Resolves when the process first said that `what` is ready; rejects when it cannot start. */
  ready(what: string): Promise<void>;
  /** Resolves when the message (and the handle) has left, or at once when the component is away. */
  send(message: ToComponent, handle?: Server | Socket): Promise<void>;
  /** Asks it to stop and resolves when it is gone; no restart follows. */
  stop(): Promise<void>;
}

/** Times a component may end during its start before the start is given up. */
const START_ATTEMPTS = 3;
const STOP_GRACE_MS = 3000;

/** The end of a log, for people. */
export function lastLines(file: string, n: number): string {
  try {
    return readFileSync(file, 'utf8').trimEnd().split('\n').slice(-n).join('\n');
  } catch {
    return '(no log)';
  }
}

/**
 * Keeps one program running: it is restarted whenever it ends, at once after a long life, with a growing pause after
 * short ones (50 ms doubling to 5 s).
 */
export function runComponent(options: ComponentOptions): Component {
  const waiting = new Map<string, PromiseWithResolvers<void>>();
  const waiter = (what: string): PromiseWithResolvers<void> => {
    const known = waiting.get(what) ?? Promise.withResolvers<void>();
    known.promise.catch(() => undefined);
    waiting.set(what, known);
    return known;
  };
  let child: ChildProcess | undefined;
  let isStopping = false;
  let wasReady = false;
  let shortLives = 0;
  let gone = Promise.withResolvers<void>();

  const giveUp = (reason: string): void => {
    isStopping = true;
    const error = new UserError(
      `${options.name} ${reason}; the end of its log (${options.logFile}):\n${lastLines(options.logFile, 12)}`,
    );
    for (const w of waiting.values()) w.reject(error);
    waiter('failed').reject(error);
  };
  const onExit = (code: number | null, signal: string | null, bornAt: number): void => {
    gone.resolve();
    if (isStopping) return;
    const how = signal === null ? `ended with code ${code}` : `was ended by ${signal}`;
    shortLives = options.clock.now() - bornAt > 10_000 ? 0 : shortLives + 1;
    if (!wasReady && shortLives >= START_ATTEMPTS) return giveUp(`${how} ${shortLives} times while starting`);
    options.onRestart(options.name, how);
    options.clock.after(shortLives === 1 ? 0 : Math.min(5000, 50 * 2 ** shortLives), launch);
  };
  const onMessage = (message: FromComponent): void => {
    if (message.type === 'fatal') {
      isStopping = true;
      const error = new UserError(message.message);
      for (const w of waiting.values()) w.reject(error);
      waiter('failed').reject(error);
    } else if (message.type === 'ready') {
      wasReady = true;
      waiter(message.what).resolve();
    }
    options.onMessage(message, component);
  };
  const start = async (): Promise<void> => {
    const listener = await options.openListener?.();
    if (isStopping) return void listener?.close();
    gone = Promise.withResolvers();
    const log = openSync(options.logFile, 'a', 0o600);
    const [command, ...args] = options.argv;
    const bornAt = options.clock.now();
    const inherited = listener === undefined ? 'ignore' : descriptorOf(listener);
    child = spawn(command, args, { stdio: ['ignore', log, log, 'ipc', inherited], detached: true });
    closeSync(log);
    // The child has its own copy; a connection accepted here would never be served.
    listener?.close();
    child.on('message', onMessage);
    child.once('error', (error) => giveUp(`cannot be started: ${error.message}`));
    child.once('exit', (code, signal) => onExit(code, signal, bornAt));
    queueMicrotask(() => options.onSpawn(component));
  };
  const component: Component = {
    name: options.name,
    ready: (what) => Promise.race([waiter(what).promise, waiter('failed').promise]),
    send: (message, handle) =>
      new Promise((resolve) => {
        if (child?.connected !== true) return resolve();
        child.send(message, handle, () => resolve());
      }),
    stop: async () => {
      isStopping = true;
      if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
      void component.send({ type: 'stop' });
      const cancel = options.clock.after(STOP_GRACE_MS, () => void child?.kill('SIGKILL'));
      await gone.promise;
      cancel();
    },
  };
  const launch = (): void => void start().catch((error: unknown) => giveUp(messageOf(error)));
  launch();
  return component;
}

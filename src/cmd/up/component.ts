import { spawn, type ChildProcess } from 'node:child_process';
import { closeSync, openSync, readFileSync } from 'node:fs';
import type { Server } from 'node:net';
import type { Socket } from 'node:dgram';
import type { Clock } from '../../base/clock.ts';
import type { FromComponent, ToComponent } from './messages.ts';
import type { Argv } from './sandbox.ts';
import { descriptorOf } from './host-ports.ts';
import { createReadiness } from './readiness.ts';
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
const LONG_LIFE_MS = 10_000;

/** The end of a log, for people. */
export function lastLines(file: string, n: number): string {
  try {
    return readFileSync(file, 'utf8').trimEnd().split('\n').slice(-n).join('\n');
  } catch {
    return '(no log)';
  }
}

function launchProcess(options: ComponentOptions, listener: Server | undefined): ChildProcess {
  const log = openSync(options.logFile, 'a', 0o600);
  const [command, ...args] = options.argv;
  const inherited = listener === undefined ? 'ignore' : descriptorOf(listener);
  const child = spawn(command, args, { stdio: ['ignore', log, log, 'ipc', inherited], detached: true });
  closeSync(log);
  // The child has its own copy; a connection accepted here would never be served.
  listener?.close();
  return child;
}

const isRunning = (child: ChildProcess | undefined): child is ChildProcess =>
  child !== undefined && child.exitCode === null && child.signalCode === null;

/**
 * Keeps one program running: it is restarted whenever it ends, at once after a long life, with a growing pause after
 * short ones (50 ms doubling to 5 s).
 */
export function runComponent(options: ComponentOptions): Component {
  const { name, clock, logFile } = options;
  const readiness = createReadiness();
  let child: ChildProcess | undefined;
  let isStopping = false;
  let wasReady = false;
  let shortLives = 0;
  let gone = Promise.withResolvers<void>();

  const giveUp = (message: string): void => {
    isStopping = true;
    readiness.fail(new UserError(message));
  };
  const withLog = (reason: string): string =>
    `${name} ${reason}; the end of its log (${logFile}):\n${lastLines(logFile, 12)}`;
  const onExit = (how: string, livedMs: number): void => {
    gone.resolve();
    if (isStopping) return;
    shortLives = livedMs > LONG_LIFE_MS ? 0 : shortLives + 1;
    if (!wasReady && shortLives >= START_ATTEMPTS)
      return giveUp(withLog(`${how} ${shortLives} times while starting`));
    options.onRestart(name, how);
    clock.after(shortLives <= 1 ? 0 : Math.min(5000, 50 * 2 ** shortLives), launch);
  };
  const onMessage = (message: FromComponent): void => {
    if (message.type === 'fatal') giveUp(message.message);
    if (message.type === 'ready') {
      wasReady = true;
      readiness.report(message.what);
    }
    options.onMessage(message, component);
  };
  const start = async (): Promise<void> => {
    const listener = await options.openListener?.();
    if (isStopping) return void listener?.close();
    gone = Promise.withResolvers();
    const bornAt = clock.now();
    child = launchProcess(options, listener);
    child.on('message', onMessage);
    child.once('error', (error) => giveUp(withLog(`cannot be started: ${error.message}`)));
    child.once('exit', (code, signal) =>
      onExit(signal === null ? `ended with code ${code}` : `was ended by ${signal}`, clock.now() - bornAt),
    );
    options.onSpawn(component);
  };
  const launch = (): void => void start().catch((error: unknown) => giveUp(withLog(messageOf(error))));
  const send: Component['send'] = (message, handle) =>
    new Promise((resolve) => {
      if (child?.connected !== true) return resolve();
      child.send(message, handle, () => resolve());
    });
  const stop = async (): Promise<void> => {
    isStopping = true;
    if (!isRunning(child)) return;
    void send({ type: 'stop' });
    const cancel = clock.after(STOP_GRACE_MS, () => void child?.kill('SIGKILL'));
    await gone.promise;
    cancel();
  };
  const component: Component = { name, ready: (what) => readiness.wait(what), send, stop };
  launch();
  return component;
}

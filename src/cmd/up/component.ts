import { readFileSync } from 'node:fs';
import type { Server } from 'node:net';
import type { Socket } from 'node:dgram';
import type { CancelTimer, Clock } from '../../base/clock.ts';
import { messageOf } from '../../base/thrown.ts';
import type { FromComponent, ToComponent } from './messages.ts';
import type { Argv } from './sandbox.ts';
import { startProgram, type Program } from './program.ts';
import { createReadiness } from './readiness.ts';
import { UserError } from './user-error.ts';

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
  /** Somebody has waited for `slowStartMs` (default 10 s) in vain; the waiting goes on. */
  onSlow?(name: string, what: string): void;
  readonly slowStartMs?: number;
  /** It ended for good, which the error explains; nothing but `stop` may follow. */
  onGiveUp(error: UserError): void;
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
const LONG_LIFE_MS = 10_000;
/** A start takes a second; who waits this long should be told what for. */
const SLOW_START_MS = 10_000;
const LOG_LINES = 12;

/** The last lines of a log, for people. */
function endOfLog(file: string): string {
  let lines = '(no log)';
  try {
    lines = readFileSync(file, 'utf8').trimEnd().split('\n').slice(-LOG_LINES).join('\n');
  } catch {
    // It was never opened.
  }
  return `the end of its log (${file}):\n${lines}`;
}

/** How long to wait before a program is started again that ended so many times in a row after a short life. */
const pauseAfter = (shortLives: number): number =>
  shortLives <= 1 ? 0 : Math.min(5000, 50 * 2 ** shortLives);

/** Waits, and tells of it when it takes long. */
async function loudly(ready: Promise<void>, what: string, options: ComponentOptions): Promise<void> {
  const { name, logFile, clock, slowStartMs = SLOW_START_MS } = options;
  const tell = (): void =>
    options.onSlow?.(name, `is not ready (${what}) after ${slowStartMs / 1000} s; ${endOfLog(logFile)}`);
  await ready.finally(clock.after(slowStartMs, tell));
}

/**
 * Keeps one program running: it is restarted whenever it ends, at once after a long life, with a growing pause after
 * short ones (200 ms doubling to 5 s). It is given up when it ends three times before it was ever ready, cannot be
 * started at all, or says itself that a restart would not help.
 */
export function runComponent(options: ComponentOptions): Component {
  const { name, clock, logFile } = options;
  const readiness = createReadiness();
  let program: Program | undefined;
  let isStopping = false;
  let shortLives = 0;
  let cancelRestart: CancelTimer = () => undefined;

  const giveUp = (message: string): void => {
    if (isStopping) return;
    isStopping = true;
    const error = new UserError(message);
    readiness.fail(error);
    options.onGiveUp(error);
  };
  const withLog = (reason: string): string => `${name} ${reason}; ${endOfLog(logFile)}`;
  const onDown = (how: string, livedMs: number): void => {
    if (isStopping) return;
    shortLives = livedMs > LONG_LIFE_MS ? 0 : shortLives + 1;
    if (!readiness.hasAny() && shortLives >= START_ATTEMPTS)
      return giveUp(withLog(`${how} ${shortLives} times while starting`));
    options.onRestart(name, how);
    cancelRestart = clock.after(pauseAfter(shortLives), launch);
  };
  const onMessage = (message: FromComponent): void => {
    if (message.type === 'fatal') giveUp(message.message);
    if (message.type === 'ready') readiness.report(message.what);
    options.onMessage(message, component);
  };
  const start = async (): Promise<void> => {
    const listener = await options.openListener?.();
    if (isStopping) return void listener?.close();
    program = startProgram({
      ...options,
      listener,
      onMessage,
      onError: (error) => giveUp(withLog(`cannot be started: ${error.message}`)),
      onEnd: onDown,
    });
    options.onSpawn(component);
  };
  const launch = (): void =>
    void start().catch((error: unknown) => {
      // What it needs may come back (its port is taken for a moment); at the first start the user is told at once.
      if (readiness.hasAny()) onDown(`cannot be started (${messageOf(error)})`, 0);
      else giveUp(withLog(`cannot be started: ${messageOf(error)}`));
    });
  const stop = async (): Promise<void> => {
    isStopping = true;
    cancelRestart();
    readiness.fail(new UserError(`${name} was stopped`));
    await program?.stop();
  };
  const component: Component = {
    name,
    ready: (what) => loudly(readiness.wait(what), what, options),
    send: async (message, handle) => program?.send(message, handle),
    stop,
  };
  launch();
  return component;
}

import { spawn } from 'node:child_process';
import { accessSync, closeSync, constants, existsSync, readFileSync, statSync } from 'node:fs';
import { Socket } from 'node:net';
import { constants as osConstants } from 'node:os';
import { isAbsolute, join } from 'node:path';
import { Readable, Writable } from 'node:stream';
import { ReadStream } from 'node:tty';
import { openPipe, openTerminal, setWindowSize } from '../../../kernel/libc/terminals.ts';
import type { ExecProcess, ExecRequest, ProcessRecord } from '../model.ts';
import { environmentOf, isAlive, processTable, trySignal } from './processes.ts';

/** The command cannot be run; the message is upstream's, as far as it has one. */
export class ExecError extends Error {
  override readonly name = 'ExecError';
}

export interface ExecStream extends ExecRequest {
  /** Whether the container has namespaces of its own to enter. */
  readonly isNamespaced: boolean;
  readonly record: ProcessRecord;
}

/** What a terminal understands where nothing else is said; containerd's too. */
const TERM = 'xterm';
/** End of file, as typed: Ctrl-D. */
const END_OF_FILE = Buffer.from([4]);

const programDirs = ['/usr/bin', '/bin', '/usr/sbin', '/sbin'];
const toolPath = (name: string): string | undefined =>
  programDirs.map((dir) => join(dir, name)).find((path) => existsSync(path));

/**
 * Runs a command beside a container's program, in its namespaces, with its environment and working directory, its streams
 * open to the caller. It ends with this process, however that ends. Throws ExecError.
 */
export function openExec(options: ExecStream): ExecProcess {
  const { record, isTty } = options;
  if (!isAlive(record)) throw new ExecError('the container does not run');
  const env: Record<string, string> = {
    ...(hasSingleUser() ? { TAR_OPTIONS: '--no-same-owner' } : {}),
    ...(record.startTime === '' ? {} : environmentOf(record.pid)),
    ...(isTty ? { TERM } : {}),
  };
  checkProgram(options, env['PATH'] ?? programDirs.join(':'));
  const command = commandLine(options);
  return isTty ? withTerminal(options, command, env) : withPipes(options, command, env);
}

/**
 * Whether no file can belong to anyone but us, as in the user namespace of an ordinary user: tar, which believes to be root
 * there, would fail at each owner that it cannot give.
 */
function hasSingleUser(): boolean {
  const [, , count] = readFileSync('/proc/self/uid_map', 'utf8').trim().split(/\s+/);
  return count === '1';
}

type Env = Readonly<Record<string, string>>;

/** Looked for as the container sees its files, since what enters the namespaces would say it in other words. */
function checkProgram({ record, argv, isNamespaced }: ExecStream, path: string): void {
  const [name = ''] = argv;
  const root = isNamespaced ? `/proc/${record.pid}/root` : '';
  const isProgram = (file: string): boolean => {
    try {
      accessSync(join(root, file), constants.X_OK);
      return statSync(join(root, file)).isFile();
    } catch {
      return false;
    }
  };
  const refuse = (why: string): never => {
    throw new ExecError(`failed to exec in container: exec: ${JSON.stringify(name)}: ${why}`);
  };
  if (name.includes('/')) {
    // Below the root directory a relative path cannot be judged from here.
    if (isAbsolute(name) && !existsSync(join(root, name))) refuse(`stat ${name}: no such file or directory`);
    if (isAbsolute(name) && !isProgram(name)) refuse('permission denied');
  } else if (!path.split(':').some((dir) => isProgram(join(dir, name)))) {
    refuse('executable file not found in $PATH');
  }
}

/** What must die when its parent does, so that a killed agent leaves nothing. */
const mortal = (argv: readonly string[]): readonly string[] => {
  const setpriv = toolPath('setpriv');
  return setpriv === undefined ? argv : [setpriv, '--pdeathsig', 'KILL', '--', ...argv];
};

function commandLine({ record, argv, isNamespaced, isTty }: ExecStream): readonly string[] {
  const setsid = toolPath('setsid');
  if (isTty && setsid === undefined) throw new ExecError('a terminal needs the program setsid');
  // The terminal becomes that of a session of its own, so that keys and hang-ups reach the programs in it.
  const own = isTty ? [setsid ?? '', '-c', ...argv] : argv;
  if (!isNamespaced) return mortal(own);
  const { pid } = record;
  const enter = ['nsenter', '-t', String(pid), '-m', '-n', '-u', '-i', '-p', '-r', `--wd=/proc/${pid}/cwd`];
  return mortal([...enter, '--', ...mortal(own)]);
}

function start(
  { record, isNamespaced, isTty }: ExecStream,
  [command = '', ...args]: readonly string[],
  { env, stdio }: { readonly env: Env; readonly stdio: readonly ('ignore' | number)[] },
): { readonly exited: Promise<number>; readonly kill: () => void } {
  const cwd = isNamespaced || record.startTime === '' ? undefined : `/proc/${record.pid}/cwd`;
  const child = spawn(command, args, {
    env,
    stdio: [...stdio],
    ...(cwd !== undefined && { cwd }),
    // setsid -c makes the session where there is a terminal.
    detached: !isTty,
  });
  const exited = new Promise<number>((resolve) => {
    child.once('error', () => resolve(126));
    child.once('exit', (code, signal) =>
      resolve(code ?? 128 + (signal === null ? 0 : osConstants.signals[signal])),
    );
  });
  const { pid } = child;
  let isOver = false;
  void exited.then(() => (isOver = true));
  return {
    exited,
    kill: () => {
      // Its number may be another's by now.
      if (pid !== undefined && !isOver) killTree(pid, !isTty);
    },
  };
}

/** Kills the process, what descends from it, and what is left of their sessions. */
function killTree(pid: number, isLeader: boolean): void {
  const table = processTable();
  const family = new Set([pid]);
  const sessions = new Set(isLeader ? [pid] : []);
  const own = table.find((entry) => entry.pid === process.pid)?.session;
  for (let size = 0; size !== family.size + sessions.size;) {
    size = family.size + sessions.size;
    for (const entry of table) {
      if (!family.has(entry.pid) && !family.has(entry.parent) && !sessions.has(entry.session)) continue;
      family.add(entry.pid);
      if (entry.session !== own) sessions.add(entry.session);
    }
  }
  if (table.length === 0 && isLeader) trySignal(-pid, 'SIGKILL');
  for (const member of family) trySignal(member, 'SIGKILL');
}

function withPipes(options: ExecStream, command: readonly string[], env: Env): ExecProcess {
  const pipes = [options.hasStdin ? openPipe() : undefined, openPipe(), openPipe()] as const;
  const [input, output, errors] = pipes;
  const inner = [input?.read ?? 'ignore', output.write, errors.write] as const;
  try {
    const child = start(options, command, { env, stdio: inner });
    return {
      ...child,
      ...(input === undefined
        ? {}
        : { stdin: quiet(new Socket({ fd: input.write, readable: false, writable: true })) }),
      stdout: quiet(new Socket({ fd: output.read, readable: true, writable: false })),
      stderr: quiet(new Socket({ fd: errors.read, readable: true, writable: false })),
      resize: () => undefined,
    };
  } finally {
    for (const fd of inner) if (typeof fd === 'number') closeSync(fd);
  }
}

function withTerminal(options: ExecStream, command: readonly string[], env: Env): ExecProcess {
  const { master, slave } = openTerminal();
  try {
    const child = start(options, command, { env, stdio: [slave, slave, slave] });
    const { stdin, stdout } = terminalStreams(master);
    return {
      ...child,
      ...(options.hasStdin ? { stdin } : {}),
      stdout,
      resize: (size) => {
        if (!stdout.destroyed) setWindowSize(master, size);
      },
      kill: () => {
        stdout.destroy();
        child.kill();
      },
    };
  } finally {
    closeSync(slave);
  }
}

/** The two directions of a terminal's master, which closes with the reading one. */
export function terminalStreams(master: number): { readonly stdin: Writable; readonly stdout: Readable } {
  const device = quiet(new ReadStream(master));
  const stdout = new Readable({
    read: () => void device.resume(),
    destroy: (error, done) => {
      device.destroy();
      done(error);
    },
  });
  device.on('data', (chunk: Buffer) => {
    if (!stdout.push(chunk)) device.pause();
  });
  // When nobody has the terminal open any more, reading fails with EIO.
  device.on('close', () => stdout.push(null));
  const stdin = new Writable({
    write: (chunk: Buffer, _encoding, done) => void device.write(chunk, () => done()),
    // The terminal stays; whoever reads from it sees what Ctrl-D means.
    final: (done) => void device.write(END_OF_FILE, () => done()),
  });
  return { stdin: quiet(stdin), stdout: quiet(stdout) };
}

/** Streams of processes break when these end; 'close' follows and says enough. */
function quiet<T extends { on(event: 'error', listener: () => void): unknown }>(stream: T): T {
  stream.on('error', () => undefined);
  return stream;
}

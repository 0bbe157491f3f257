import { execFileSync } from 'node:child_process';
import { closeSync, existsSync, openSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { LogStream } from '../../logs/cri-log.ts';
import type { Clock } from '../../../base/clock.ts';
import type {
  ContainerInput,
  ContainerIo,
  ContainerProcess,
  ContainerRuntime,
  ContainerStart,
  ExecProcess,
  Exit,
  ProcessRecord,
} from '../model.ts';
import { adoptedIo, openIo, prepareIo, stdinPath } from './container-io.ts';
import type { OpenIo } from './container-io.ts';
import { execInside } from './exec.ts';
import type { ExecStream } from './exec-stream.ts';
import { launch } from './launcher.ts';
import { pipePath, pumpLogs } from './log-pump.ts';
import type * as Namespaced from './namespaced.ts';
import { commandLineOf, firstChild, isAlive, startTimeOf, trySignal } from './processes.ts';

export interface ProcessRuntimeOptions {
  readonly clock: Clock;
  /** Absent: containers are plain child processes without namespaces, on any system with a POSIX shell. */
  readonly namespaces?: { readonly netnsDir: string; readonly kernel: typeof Namespaced };
}

/**
 * The shell that stays beside a container's program and writes its exit code to descriptor 3, so that the code is known even when no agent was there. In
 * a process namespace it is the first process: its end ends all others. Descriptor 4 keeps the container's stderr while the shell itself is silent.
 * TERM, INT and HUP only wake it: they are meant for the program. A terminal
 * becomes that of the shell's session by being opened once more; descriptor 5 is its other end, for the next agent to find. The program's descriptors
 * are closed in a shell of its own: dash would close them in this one, and keep copies that nobody knows the numbers of.
 */
const supervise = (terminal?: string): string =>
  `trap : TERM INT HUP; ${terminal === undefined ? '' : `exec <>${terminal} >&0 2>&0; `}exec 4>&2 2>/dev/null; ` +
  `[ -z "$0" ] || "$0" -t proc proc /proc; (exec "$@" 2>&4 3>&- 4>&- 5>&-); s=$?; echo $s >&3; exit $s`;

const shell = '/bin/sh';
const mountsProc = ['', '-t', 'proc', 'proc', '/proc', ''].join('\0');
const mountProgram = ['/bin/mount', '/usr/bin/mount', '/sbin/mount'];
/** How soon a container that has no program yet is looked at again. */
const startPollMs = 5;
/** How often a process that is no child of ours is looked at. */
const adoptedPollMs = 50;
/** How long the last lines of a container may take into its log before its end is told. */
const logDrainMs = 300;

const shellName = /^[A-Za-z_][A-Za-z0-9_]*$/;

/** A shell drops variables whose names it does not like; env(1) carries them past it. */
function throughShell(argv: readonly string[], env: Readonly<Record<string, string>>): readonly string[] {
  const odd = Object.entries(env).filter(([name]) => !shellName.test(name));
  return odd.length === 0
    ? argv
    : ['/usr/bin/env', ...odd.map(([name, value]) => `${name}=${value}`), ...argv];
}

/** What the supervising shell wrote. Without it the container was ended by SIGKILL together with its shell. */
function readExit(exitFile: string): Exit {
  try {
    const text = readFileSync(exitFile, 'utf8').trim();
    if (text !== '') return { exitCode: Number(text) };
  } catch {
    return { exitCode: 137, isUnknown: true };
  }
  return { exitCode: 137 };
}

/**
 * Without a process namespace what the container's program started outlives it. A process group keeps its number from being given to a new process, so
 * when no process has that number, a group that has it is the container's.
 */
function killGroup({ pid }: ProcessRecord): void {
  if (!trySignal(pid, 0)) trySignal(-pid, 'SIGKILL');
}

/** The container's own program; undefined while the shell has not come to it: its child mounts /proc or is still a copy of the shell. */
function programOf({ pid }: ProcessRecord): number | undefined {
  const child = firstChild(pid);
  if (child === undefined) return undefined;
  const line = commandLineOf(child);
  return line === '' || line === commandLineOf(pid) || line.endsWith(mountsProc) ? undefined : child;
}

function signalsOf(
  record: ProcessRecord,
  clock: Pick<Clock, 'after'>,
): Pick<ContainerProcess, 'signal' | 'kill'> {
  const signal = (name: NodeJS.Signals): void => {
    if (!isAlive(record)) return;
    // Without /proc the whole group gets it; the shell ignores it.
    if (record.startTime === '') return void trySignal(-record.pid, name);
    const program = programOf(record);
    // A signal that came before the program would be lost, and the container run on until the grace period ends.
    if (program === undefined) clock.after(startPollMs, () => signal(name));
    else trySignal(program, name);
  };
  return {
    signal,
    kill: () => {
      if (!isAlive(record)) return;
      trySignal(-record.pid, 'SIGKILL');
      trySignal(record.pid, 'SIGKILL');
    },
  };
}

/** Containers as processes of this machine, supervised by a shell each. */
export function createProcessRuntime({ clock, namespaces }: ProcessRuntimeOptions): ContainerRuntime {
  const isNamespaced = namespaces !== undefined;
  const mountPath = !isNamespaced ? '' : (mountProgram.find((path) => existsSync(path)) ?? '');
  const start = (spec: ContainerStart): ContainerProcess => {
    makePipes(spec, namespaces?.kernel);
    const exitFile = join(spec.directory, 'exit');
    const prepared = prepareIo(spec.directory, spec.input, outputPaths(spec.directory));
    const exit = openSync(exitFile, 'w', 0o600);
    const run = (): ReturnType<typeof launch> =>
      launch({
        argv: [
          shell,
          '-c',
          supervise(prepared.terminalPath),
          mountPath,
          ...throughShell(spec.argv, spec.env),
        ],
        env: spec.env,
        workingDir: spec.workingDir,
        descriptors: prepared.descriptors.toSpliced(3, 1, exit),
      });
    try {
      const child =
        namespaces === undefined
          ? run()
          : namespaces.kernel.inContainerNamespaces(
              {
                shared: spec.namespaces,
                mounts: spec.mounts,
                netnsDir: namespaces.netnsDir,
                staging: spec.directory,
              },
              run,
            );
      const ended = new Promise<void>((resolve) => {
        child.once('exit', () => resolve());
        child.once('error', () => resolve());
      });
      if (child.pid === undefined) throw new Error(`cannot start ${spec.argv[0]} in ${spec.workingDir}`);
      const record = { pid: child.pid, startTime: startTimeOf(child.pid), exitFile };
      const watching = watch(openIo(spec.directory, spec.input, prepared.kept), { ...spec, clock });
      const exited = ended.then(async () => {
        if (namespaces === undefined) killGroup(record);
        await watching.drained();
        return readExit(exitFile);
      });
      const { io, stop } = watching;
      return { record, io, exited, ...signalsOf(record, clock), release: stop };
    } finally {
      prepared.close();
      closeSync(exit);
    }
  };

  return {
    start,
    adopt: (record, run) => adopt({ clock, record, isNamespaced, ...run }),
    exec: (record, argv, timeoutMs) => execInside({ isNamespaced, record, argv, timeoutMs }),
    openExec: (record, request) => openExecLazily({ ...request, record, isNamespaced }),
  };
}

/** The named pipes of its streams; a terminal needs none. */
function makePipes({ directory, input }: ContainerStart, kernel: typeof Namespaced | undefined): void {
  if (input.isTty) return;
  const outputs = outputPaths(directory);
  const paths = input.stdin === 'none' ? outputs : [...outputs, stdinPath(directory)];
  if (kernel === undefined) execFileSync('mkfifo', ['-m', '600', ...paths]);
  else paths.forEach((path) => kernel.makePipe(path));
}

const outputPaths = (directory: string): [string, string] => [
  pipePath(directory, 'stdout'),
  pipePath(directory, 'stderr'),
];

/** Copies a container's output to its log and to who listens. */
function watch(
  io: OpenIo,
  { directory, logPath, clock }: Pick<ContainerStart, 'directory' | 'logPath'> & { readonly clock: Clock },
) {
  const watching = new AbortController();
  const { signal } = watching;
  const { device } = io;
  const source = {
    directory,
    logPath,
    clock,
    signal,
    hear: (stream: LogStream, chunk: Buffer) => io.tell(stream, chunk),
  };
  const logged = pumpLogs(device === undefined ? source : { ...source, device });
  const stop = (): void => {
    watching.abort();
    io.close();
  };
  return {
    io,
    signal,
    stop,
    /** Waits for the last lines, for a moment. */
    drained: async (): Promise<void> => {
      await Promise.race([logged, clock.sleep(logDrainMs)]);
      stop();
    },
  };
}

/** Nothing to attach to. */
const goneIo: ContainerIo = {
  listen: () => () => undefined,
  openStdin: () => undefined,
  resize: () => undefined,
};

/** Loaded with the first exec: most nodes never see one. */
async function openExecLazily(options: ExecStream): Promise<ExecProcess> {
  const { openExec } = await import('./exec-stream.ts');
  return openExec(options);
}

interface Adoption {
  readonly clock: Clock;
  readonly record: ProcessRecord;
  readonly isNamespaced: boolean;
  readonly directory: string;
  readonly logPath: string;
  readonly input: ContainerInput;
}

function adopt({ clock, record, isNamespaced, ...run }: Adoption): ContainerProcess {
  if (!isAlive(record)) {
    if (!isNamespaced) killGroup(record);
    const gone = Promise.resolve(readExit(record.exitFile));
    const nothing = { signal: () => undefined, kill: () => undefined, release: () => undefined };
    return { record, io: goneIo, exited: gone, ...nothing };
  }
  const { directory, input } = run;
  const io = openIo(directory, input, adoptedIo(directory, input, record.pid));
  const watching = watch(io, { ...run, clock });
  const { signal, stop } = watching;
  const outlive = async (): Promise<Exit> => {
    while (isAlive(record) && !signal.aborted) await clock.sleep(adoptedPollMs, signal);
    // Nobody waits for the end of what was let go.
    if (signal.aborted) return new Promise(() => undefined);
    if (!isNamespaced) killGroup(record);
    await watching.drained();
    return readExit(record.exitFile);
  };
  return { record, io, exited: outlive(), ...signalsOf(record, clock), release: stop };
}

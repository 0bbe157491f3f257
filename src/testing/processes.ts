import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';

/** A process by its number and the time it began (clock ticks since boot), which tells it from a later one of that number. */
export interface ProcessId {
  readonly pid: number;
  readonly startedAt: string;
}

function read(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    // It ended in between.
    return '';
  }
}

function entries(path: string): string[] {
  try {
    return readdirSync(path);
  } catch {
    return [];
  }
}

/** Field `n` of /proc/PID/stat, from 3 (the state) on; see proc_pid_stat(5). The name before may hold anything. */
function statField(pid: number, n: number): string {
  const stat = read(`/proc/${pid}/stat`);
  return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[n - 3] ?? '';
}

const identify = (pid: number): ProcessId => ({ pid, startedAt: statField(pid, 22) });

/** The command line, its parts joined by blanks; empty for a process that is gone. */
export const commandLine = (pid: number): string => read(`/proc/${pid}/cmdline`).replaceAll('\0', ' ').trim();

/** A zombie counts as gone: it holds nothing but its number. */
const isGone = (pid: number): boolean => ['', 'Z', 'X'].includes(statField(pid, 3));

/** Whether it is still that process, and does something. */
export function isRunning({ pid, startedAt }: ProcessId): boolean {
  return startedAt !== '' && statField(pid, 22) === startedAt && !isGone(pid);
}

/** Children of every thread. */
export function childrenOf(pid: number): ProcessId[] {
  return entries(`/proc/${pid}/task`)
    .flatMap((task) => read(`/proc/${pid}/task/${task}/children`).split(' '))
    .filter((text) => text !== '')
    .map((text) => identify(Number(text)));
}

/** All processes below one, parents first. */
export function descendantsOf(pid: number): ProcessId[] {
  return childrenOf(pid).flatMap((child) => [child, ...descendantsOf(child.pid)]);
}

/** Processes whose command line contains the text, this one apart. */
export function processesNaming(text: string): number[] {
  return entries('/proc')
    .map(Number)
    .filter((pid) => pid > 0 && pid !== process.pid && commandLine(pid).includes(text));
}

/** What a namespace is called by the kernel, e.g. `net:[4026532000]`; undefined when the process is gone. */
export function namespaceOf(pid: number, kind: 'net' | 'mnt' | 'pid' | 'user'): string | undefined {
  try {
    return readlinkSync(`/proc/${pid}/ns/${kind}`);
  } catch {
    return undefined;
  }
}

/** The time of `startedAt` by now: 100 ticks a second wherever Linux runs Node (sysconf _SC_CLK_TCK). */
export const ticksNow = (): number => Math.floor(Number(read('/proc/uptime').split(' ')[0]) * 100);

/** Processes in the namespace that began before `ticks`: the kernel gives the name of one that is gone to a new one. */
export function processesIn(namespace: string, ticks: number): number[] {
  const kind = namespace.slice(0, namespace.indexOf(':')) as 'net' | 'mnt' | 'pid' | 'user';
  return entries('/proc')
    .map(Number)
    .filter((pid) => pid > 0 && namespaceOf(pid, kind) === namespace)
    .filter((pid) => !isGone(pid) && Number(statField(pid, 22)) < ticks);
}

/** Ends a child process and waits for its end; one that has ended already is no matter. */
export async function endChild(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, 'exit');
  child.kill('SIGKILL');
  await ended;
}

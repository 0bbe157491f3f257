import { readdirSync, readFileSync } from 'node:fs';
import type { ProcessRecord } from '../model.ts';

/** Fields of /proc/PID/stat after the command's name, which may hold spaces and brackets. */
function statFields(pid: number): readonly string[] | undefined {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'latin1');
    return text.slice(text.lastIndexOf(')') + 2).split(' ');
  } catch {
    return undefined;
  }
}

/** When the process started, in clock ticks after boot; the empty string where there is no such process or no /proc. */
export function startTimeOf(pid: number): string {
  return statFields(pid)?.[19] ?? '';
}

/** Whether the very process of the record still runs: same pid, same start, no zombie. */
export function isAlive({ pid, startTime }: Pick<ProcessRecord, 'pid' | 'startTime'>): boolean {
  if (startTime !== '') {
    const fields = statFields(pid);
    return fields?.[19] === startTime && fields[0] !== 'Z' && fields[0] !== 'X';
  }
  return trySignal(pid, 0);
}

/** Sends a signal; false when there is no such process. */
export function trySignal(pid: number, signal: NodeJS.Signals | 0): boolean {
  try {
    return process.kill(pid, signal);
  } catch {
    return false;
  }
}

/** The first child of a process: the container's own program below its supervising shell. Undefined without /proc. */
export function firstChild(pid: number): number | undefined {
  try {
    const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'latin1').trim();
    if (children !== '') return Number(children.split(' ', 1)[0]);
    return undefined;
  } catch {
    return scanForChild(pid);
  }
}

/** For kernels without CONFIG_PROC_CHILDREN. */
function scanForChild(pid: number): number | undefined {
  try {
    return readdirSync('/proc')
      .map(Number)
      .find((candidate) => candidate > 0 && statFields(candidate)?.[1] === String(pid));
  } catch {
    return undefined;
  }
}

/** Every process there is; empty without /proc. */
export function processTable(): readonly {
  readonly pid: number;
  readonly parent: number;
  readonly session: number;
}[] {
  let names: readonly string[];
  try {
    names = readdirSync('/proc');
  } catch {
    return [];
  }
  return names
    .map(Number)
    .filter((pid) => pid > 0)
    .flatMap((pid) => {
      const fields = statFields(pid);
      return fields === undefined ? [] : [{ pid, parent: Number(fields[1]), session: Number(fields[3]) }];
    });
}

/** The arguments of a process, each ended by a zero byte; the empty string when it has ended. */
export function commandLineOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'latin1');
  } catch {
    return '';
  }
}

/** The environment a process was started with. */
export function environmentOf(pid: number): Record<string, string> {
  const entries = readFileSync(`/proc/${pid}/environ`, 'utf8').split('\0').filter(Boolean);
  return Object.fromEntries(entries.map((entry) => splitOnce(entry)));
}

function splitOnce(entry: string): [string, string] {
  const at = entry.indexOf('=');
  return [entry.slice(0, at), entry.slice(at + 1)];
}

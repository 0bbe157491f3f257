import { spawn } from 'node:child_process';
import type { ExecResult, ProcessRecord } from '../model.ts';
import { environmentOf, firstChild, trySignal } from './processes.ts';

/** As upstream keeps of a probe's output. */
const maxOutputBytes = 10 * 1024;

export interface Exec {
  /** Whether the container has namespaces of its own to enter. */
  readonly isNamespaced: boolean;
  readonly record: ProcessRecord;
  readonly argv: readonly string[];
  readonly timeoutMs: number;
}

/** Runs a command beside a container's program, with its environment and working directory; see ContainerRuntime.exec. */
export function execInside({ isNamespaced, record, argv, timeoutMs }: Exec): Promise<ExecResult> {
  const program = firstChild(record.pid) ?? record.pid;
  const inside = [
    'nsenter',
    '-t',
    String(record.pid),
    '-m',
    '-n',
    '-u',
    '-i',
    '-p',
    '-r',
    `--wd=/proc/${program}/cwd`,
  ];
  const [command = '', ...args] = isNamespaced ? [...inside, '--', ...argv] : argv;
  return new Promise((resolve) => {
    let output = '';
    let isLate = false;
    const env = record.startTime === '' ? {} : environmentOf(program);
    const child = spawn(command, args, { env, stdio: ['ignore', 'pipe', 'pipe'], detached: true });
    // nsenter forks; only the group reaches what it started.
    const timer = setTimeout(() => {
      isLate = true;
      if (child.pid !== undefined) trySignal(-child.pid, 'SIGKILL');
    }, timeoutMs);
    const keep = (chunk: Buffer): void => {
      if (output.length < maxOutputBytes) output = (output + chunk.toString()).slice(0, maxOutputBytes);
    };
    child.stdout.on('data', keep);
    child.stderr.on('data', keep);
    child.on('error', (error) => {
      clearTimeout(timer);
      resolve({ exitCode: 126, output: error.message });
    });
    child.on('close', (code) => {
      clearTimeout(timer);
      resolve({ exitCode: isLate ? -1 : (code ?? 137), output });
    });
  });
}

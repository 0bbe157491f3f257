import { spawn } from 'node:child_process';
import type { ExecResult, ProcessRecord } from '../model.ts';
import { environmentOf, trySignal } from './processes.ts';

/** As upstream keeps of a probe's output. */
const maxOutputBytes = 10 * 1024;

export interface Exec {
  /** Whether the container has namespaces of its own to enter. */
  readonly isNamespaced: boolean;
  readonly record: ProcessRecord;
  readonly argv: readonly string[];
  readonly timeoutMs: number;
}

/**
 * Runs a command beside a container's program, with its environment and working directory; see ContainerRuntime.exec. Both are those of the
 * supervising shell, which has them from its first moment; its first child may still be the mounting of /proc.
 */
export function execInside({ isNamespaced, record, argv, timeoutMs }: Exec): Promise<ExecResult> {
  const { pid } = record;
  const cwd = record.startTime === '' ? undefined : `/proc/${pid}/cwd`;
  const inside = ['nsenter', '-t', String(pid), '-m', '-n', '-u', '-i', '-p', '-r', `--wd=${cwd}`];
  const [command = '', ...args] = isNamespaced ? [...inside, '--', ...argv] : argv;
  let env: Record<string, string>;
  try {
    env = cwd === undefined ? {} : environmentOf(pid);
  } catch {
    return Promise.resolve({ exitCode: 126, output: 'the container does not run' });
  }
  return new Promise((resolve) => {
    let output = '';
    let isLate = false;
    const child = spawn(command, args, {
      env,
      ...(!isNamespaced && cwd !== undefined && { cwd }),
      stdio: ['ignore', 'pipe', 'pipe'],
      detached: true,
    });
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

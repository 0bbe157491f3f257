import { spawn, type ChildProcess } from 'node:child_process';
import { PORTICO, type Scratch } from './attempt.ts';
import { uncovered } from '../../src/testing/coverage.ts';
import { freePort, type Outcome } from '../../src/testing/test-cluster.ts';

/** `portico up` as a user starts it in a terminal: a process group of its own, so that Ctrl-C reaches the whole of it. */
export interface RunningPortico {
  readonly pid: number;
  /** Resolves with the kubeconfig's path once the cluster serves; rejects when it ends before. */
  readonly up: Promise<string>;
  readonly ended: Promise<Outcome>;
  readonly apiPort: number;
  readonly dnsPort: number;
  /** What it has printed for people so far. */
  progress(): string;
  /** Sends a signal as the terminal does: to the whole process group. */
  signal(name: NodeJS.Signals): void;
}

export interface RunningOptions {
  readonly argv?: readonly [string, ...string[]];
  readonly env?: Readonly<Record<string, string>>;
  readonly flags?: readonly string[];
  /** Default true: with free ports of its own. */
  readonly hasPorts?: boolean;
}

/** Starts it with free ports. The temporary data directory is in the scratch folder. */
export async function startPortico(
  scratch: Pick<Scratch, 'env'>,
  options: RunningOptions = {},
): Promise<RunningPortico> {
  const [apiPort, dnsPort] = [await freePort(), await freePort()];
  const [command, ...prefix] = options.argv ?? [PORTICO];
  const ports = options.hasPorts === false ? [] : ['--api-port', `${apiPort}`, '--dns-port', `${dnsPort}`];
  const child = spawn(command, [...prefix, 'up', ...ports, ...(options.flags ?? [])], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, ...uncovered, ...scratch.env, ...options.env },
    detached: true,
  });
  let stderr = '';
  child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
  const ended = outcomeOf(child, () => stderr);
  const printed = new Promise<string>((resolve) => {
    child.stdout.once('data', (chunk: Buffer) => resolve(chunk.toString().trim()));
  });
  const up = Promise.race([
    printed,
    ended.then((o) => Promise.reject(new Error(`portico up ended with code ${o.code}:\n${o.stderr}`))),
  ]);
  up.catch(() => undefined);
  const pid = child.pid ?? 0;
  return {
    pid,
    up,
    ended,
    apiPort,
    dnsPort,
    progress: () => stderr,
    signal: (name) => {
      if (child.exitCode !== null) throw new Error(`portico up ended with code ${child.exitCode}: ${stderr}`);
      process.kill(-pid, name);
    },
  };
}

function outcomeOf(child: ChildProcess, stderr: () => string): Promise<Outcome> {
  let stdout = '';
  child.stdout?.on('data', (chunk: Buffer) => (stdout += chunk.toString()));
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code) => resolve({ code, stdout, stderr: stderr() }));
  });
}

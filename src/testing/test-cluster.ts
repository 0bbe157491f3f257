import { spawn, type ChildProcess } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { portOf, takePort } from '../cmd/up/host-ports.ts';
import { uncovered } from './coverage.ts';

const PORTICO = join(import.meta.dirname, '..', '..', 'bin', 'portico');

/** What a program printed and how it ended. `code` is null when a signal ended it. */
export interface Outcome {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface RunOptions {
  readonly input?: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly timeoutMs?: number;
}

/** Runs a program to its end; killed after `timeoutMs` (default 120 s). It never rejects for a non-zero exit. */
export function runProgram(argv: readonly [string, ...string[]], options: RunOptions = {}): Promise<Outcome> {
  const [command, ...args] = argv;
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { env: { ...process.env, ...uncovered, ...options.env } });
    const timer = setTimeout(() => child.kill('SIGKILL'), options.timeoutMs ?? 120_000);
    let stdout = '';
    let stderr = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text));
    child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
    child.once('error', reject);
    child.once('close', (code) => {
      clearTimeout(timer);
      resolve({ code, stdout, stderr });
    });
    child.stdin.on('error', () => undefined);
    child.stdin.end(options.input ?? '');
  });
}

/** The command line, made to end (as by Ctrl-C) with the process that starts it, however that ends. */
export function endedWithUs(argv: readonly [string, ...string[]]): readonly [string, ...string[]] {
  return ['setpriv', '--pdeathsig', 'INT', '--', ...argv];
}

/** A free port of the loopback, below those the kernel gives to connections, so that none takes it before its user does. */
export async function freePort(): Promise<number> {
  const port = 20_000 + Math.floor(Math.random() * 9_000);
  const server = await takePort('a test port', { port, isFixed: false, hasUdp: true });
  const taken = portOf(server);
  await new Promise((closed) => server.close(closed));
  return taken;
}

/** A whole cluster, started by the command that users type. */
export interface TestCluster {
  readonly root: string;
  readonly kubeconfig: string;
  readonly apiPort: number;
  readonly dnsPort: number;
  /** The supervisor's process id. */
  readonly pid: number;
  /** Runs the real kubectl; `input` is its standard input. */
  kubectl(args: readonly string[], input?: string): Promise<Outcome>;
  /** Runs a command on a node (default node-1) or, with `pod`, in a Pod's namespaces. */
  shell(argv: readonly string[], where?: { readonly node?: string; readonly pod?: string }): Promise<Outcome>;
  /** Ctrl-C, and the end of the process. */
  stop(): Promise<Outcome>;
}

export interface TestClusterOptions {
  /** More flags of `portico up`. */
  readonly flags?: readonly string[];
  /** Default: a temporary folder, removed by `stop`. A given one is kept. */
  readonly dataDir?: string;
  /** Default: free ones. */
  readonly apiPort?: number;
  readonly dnsPort?: number;
}

/** A start takes about a second; on a machine that is busy with other tests, several. */
const START_TIMEOUT_MS = 90_000;

/**
 * Starts `portico up` and resolves when it printed the kubeconfig's path; rejects with what it said when it ends, or when
 * it does not serve within 90 s.
 */
export async function startTestCluster(options: TestClusterOptions = {}): Promise<TestCluster> {
  const root = options.dataDir ?? mkdtempSync(join(tmpdir(), 'portico-test-'));
  const apiPort = options.apiPort ?? (await freePort());
  const dnsPort = options.dnsPort ?? (await freePort());
  const ports = ['--api-port', String(apiPort), '--dns-port', String(dnsPort)];
  const [command, ...args] = endedWithUs([
    PORTICO,
    'up',
    '--data-dir',
    root,
    ...ports,
    ...(options.flags ?? []),
  ]);
  const child = spawn(command, args, {
    env: { ...process.env, ...uncovered },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const ended = outcomeOf(child);
  const started = new Promise<string>((resolve) => {
    child.stdout?.once('data', (chunk: Buffer) => resolve(chunk.toString().trim()));
  });
  const givenUp = setTimeout(() => child.kill('SIGINT'), START_TIMEOUT_MS);
  const kubeconfig = await Promise.race([
    started,
    ended.then((o) => Promise.reject(failure(o, root))),
  ]).finally(() => clearTimeout(givenUp));
  // kubectl keeps discovery per address; another cluster may have had this port.
  // Without its garbage collector a run of kubectl takes a third less time.
  const env = { KUBECONFIG: kubeconfig, KUBECACHEDIR: join(root, 'kubectl-cache'), GOGC: 'off' };
  return {
    root,
    kubeconfig,
    apiPort,
    dnsPort,
    pid: child.pid ?? 0,
    kubectl: (args, input) =>
      runProgram(['kubectl', ...args], { env, ...(input === undefined ? {} : { input }) }),
    shell: (argv, where = {}) => {
      const node = where.node === undefined ? [] : ['--node', where.node];
      const pod = where.pod === undefined ? [] : ['--pod', where.pod];
      return runProgram([PORTICO, 'shell', '--data-dir', root, ...node, ...pod, '--', ...argv]);
    },
    stop: async () => {
      child.kill('SIGINT');
      const outcome = await ended;
      if (options.dataDir === undefined) rmSync(root, { recursive: true, force: true });
      return outcome;
    },
  };
}

function outcomeOf(child: ChildProcess): Promise<Outcome> {
  let stdout = '';
  let stderr = '';
  child.stdout?.on('data', (chunk: Buffer) => (stdout += chunk.toString()));
  child.stderr?.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code) => resolve({ code, stdout, stderr }));
  });
}

function failure(outcome: Outcome, root: string): Error {
  const folder = join(root, 'logs');
  const logs = (existsSync(folder) ? readdirSync(folder) : []).map(
    (name) => `${name}: ${readFileSync(join(folder, name), 'utf8').slice(-1000)}`,
  );
  return new Error(`portico up ended with code ${outcome.code}:\n${outcome.stderr}\n${logs.join('\n')}`);
}

/** Asks `probe` every 20 ms until it gives something other than undefined; rejects naming `what` after `timeoutMs`. */
export async function eventually<T>(
  what: string,
  probe: () => Promise<T | undefined>,
  timeoutMs = 60_000,
): Promise<T> {
  const end = Date.now() + timeoutMs;
  for (;;) {
    const found = await probe();
    if (found !== undefined) return found;
    if (Date.now() > end) throw new Error(`gave up waiting for ${what} after ${timeoutMs} ms`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

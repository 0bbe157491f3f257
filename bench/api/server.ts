import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { startKubeApiserver } from '../../src/testing/kube-apiserver.ts';
import type { Params } from '../figure.ts';
import { processorMs, residentMegabytes } from '../resident.ts';
import type { ServerJob } from './server.probe.ts';

/** A server under load, with all that works for it. */
export interface BenchServer {
  readonly port: number;
  /** Processor time used so far. */
  usedMs(): number;
  megabytes(): number;
  stop(): Promise<void>;
}

export interface BenchServerOptions {
  /** Certificates lie in it, and our store. */
  readonly dir: string;
  readonly storage: 'sqlite' | 'memory';
  readonly params: Params;
  readonly children: ChildProcess[];
}

const serverOf = (port: number, pids: readonly number[], stop: () => Promise<void>): BenchServer => ({
  port,
  usedMs: () => pids.reduce((sum, pid) => sum + processorMs(pid), 0),
  megabytes: () => pids.reduce((sum, pid) => sum + residentMegabytes(pid).sum, 0),
  stop,
});

/** `--against kube-apiserver` with `--kubernetes-bin DIR`: what stands beside ours. */
export async function startKubernetes({ dir, params }: BenchServerOptions): Promise<BenchServer> {
  const folder = params['kubernetes-bin'];
  if (folder === undefined) throw new Error('--kubernetes-bin DIR must say where kube-apiserver is');
  // With waits for the disk, as ours.
  const server = await startKubeApiserver({
    path: join(folder, 'kube-apiserver'),
    pkiDir: dir,
    isDurable: true,
  });
  return serverOf(server.port, server.pids, () => server.stop());
}

/** How long a server may take until it is ready, with a large store to fill. */
const READY_MS = 300_000;

export async function startOwn(
  { dir, storage, params, children }: BenchServerOptions,
  fill?: ServerJob['fill'],
): Promise<BenchServer> {
  const job: ServerJob = { dir, storage, ...(fill === undefined ? {} : { fill }) };
  const profile = params['cpu-prof'];
  const flags = profile === undefined ? [] : ['--cpu-prof', `--cpu-prof-dir=${profile}`];
  const main = join(import.meta.dirname, 'server.probe.ts');
  const child = spawn(process.execPath, [...flags, main, JSON.stringify(job)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  children.push(child);
  const lines = createInterface({ input: child.stdout });
  const [line] = (await Promise.race([
    once(lines, 'line', { signal: AbortSignal.timeout(READY_MS) }),
    once(child, 'exit').then(([code]) => [`exit code ${code}`]),
  ])) as [string];
  const port = Number(/^ready (\d+)$/.exec(line)?.[1]);
  if (Number.isNaN(port)) throw new Error(`the server did not start: ${line}`);
  return serverOf(port, [child.pid ?? 0], () => stop(child));
}

/** Ends processes cleanly. */
export async function stop(...processes: readonly ChildProcess[]): Promise<void> {
  for (const child of processes) {
    if (child.exitCode !== null) continue;
    const exited = once(child, 'exit');
    if (child.connected) child.disconnect();
    else child.kill('SIGTERM');
    await exited;
  }
}

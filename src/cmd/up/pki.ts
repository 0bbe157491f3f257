import { spawn } from 'node:child_process';
import { join } from 'node:path';
import type { PkiRequest } from './pki-main.ts';
import { UserError } from './user-error.ts';

/** Two moments of one process's work. Both reject with a UserError naming the bad file, or when it was stopped. */
export interface PkiProgress {
  /** What the API server needs is on the disk. */
  readonly server: Promise<void>;
  /** So is everything else: the nodes' certificates and the kubeconfigs. Nothing is written after it settled. */
  readonly all: Promise<void>;
}

/** Makes or checks the cluster's certificates in a short-lived process; aborting `signal` ends it. */
export function preparePki(request: PkiRequest, signal: AbortSignal): PkiProgress {
  const [server, all] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  for (const { promise } of [server, all]) promise.catch(() => undefined);
  const child = spawn(process.execPath, [join(import.meta.dirname, 'pki-main.ts'), JSON.stringify(request)], {
    stdio: ['ignore', 'pipe', 'pipe'],
    signal,
    killSignal: 'SIGKILL',
  });
  let complaint = '';
  child.stdout.once('data', () => server.resolve());
  child.stderr.on('data', (chunk: Buffer) => (complaint += chunk.toString()));
  child.once('error', (error) => (complaint ||= error.message));
  child.once('close', (code) => {
    if (code === 0) return all.resolve();
    const error = new UserError(`cannot prepare the cluster's certificates: ${complaint.trim()}`);
    server.reject(error);
    all.reject(error);
  });
  return { server: server.promise, all: all.promise };
}

import { spawn } from 'node:child_process';
import { join } from 'node:path';
import type { PkiRequest } from './pki-main.ts';
import { UserError } from './user-error.ts';

/**
 * Makes or checks the cluster's certificates in a short-lived process. Rejects with a UserError naming the bad file, or
 * when `signal` aborted; either way nothing is written any more.
 */
export function preparePki(request: PkiRequest, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const child = spawn(
      process.execPath,
      [join(import.meta.dirname, 'pki-main.ts'), JSON.stringify(request)],
      {
        stdio: ['ignore', 'ignore', 'pipe'],
        signal,
        killSignal: 'SIGKILL',
      },
    );
    let complaint = '';
    child.stderr.on('data', (chunk: Buffer) => (complaint += chunk.toString()));
    child.once('error', (error) => (complaint ||= error.message));
    child.once('close', (code) => {
      if (code === 0) return resolve();
      reject(new UserError(`cannot prepare the cluster's certificates: ${complaint.trim()}`));
    });
  });
}

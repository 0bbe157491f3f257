import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { REFUSED, RefusedError, quantile, rounded } from '../figure.ts';
import type { Figure } from '../figure.ts';

/**
 * Runs a probe of this folder in user, network and mount namespaces of its own, so that no rule ever reaches this
 * machine's firewall. Resolves with what it printed as JSON; fails with `RefusedError` where the probe has said what it lacks.
 */
export function inNamespaces<T>(probe: string, question: object): Promise<T> {
  const path = join(import.meta.dirname, probe);
  const namespaces = ['--user', '--map-root-user', '--net', '--mount', '--'];
  const child = spawn('unshare', [...namespaces, process.execPath, path, JSON.stringify(question)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let output = '';
  child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()));
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code) => {
      if (code === 0) resolve(JSON.parse(output) as T);
      else reject(failure(code));
    });
  });
}

/**
 * As `inNamespaces`, for a probe at `path` that prints a line of JSON for each result; its processes end with this one. Root keeps the
 * machine's user namespace, since programs of others give up where they may not widen their sockets and limits.
 */
export async function* linesInNamespaces<T>(path: string, question: object): AsyncGenerator<T> {
  const user = process.getuid?.() === 0 ? [] : ['--user', '--map-root-user'];
  const namespaces = [...user, '--net', '--mount', '--ipc', '--uts'];
  const end = ['--pid', '--fork', '--kill-child', '--mount-proc', '--'];
  const child = spawn('unshare', [...namespaces, ...end, process.execPath, path, JSON.stringify(question)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const closed = new Promise<number | null>((resolve, reject) =>
    child.once('error', reject).once('close', resolve),
  );
  try {
    for await (const line of createInterface({ input: child.stdout })) yield JSON.parse(line) as T;
    const code = await closed;
    if (code !== 0) throw failure(code);
  } finally {
    child.kill('SIGKILL');
  }
}

function failure(code: number | null): Error {
  return code === REFUSED ? new RefusedError() : new Error(`the probe ended with code ${code}`);
}

type Sample = Readonly<Record<string, number>>;

/** The median of each number over the runs, with the least and the greatest. */
export function* medians(
  runs: readonly Sample[],
  describe: (metric: string) => { readonly unit: string; readonly params: Figure['params'] },
): Generator<Omit<Figure, 'bench'>> {
  for (const metric of Object.keys(runs[0] ?? {})) {
    const values = runs.map((run) => run[metric] ?? NaN);
    const { unit, params } = describe(metric);
    const spread = {
      runs: values.length,
      min: rounded(Math.min(...values)),
      max: rounded(Math.max(...values)),
    };
    yield { metric, value: rounded(quantile(values, 0.5)), unit, params: { ...params, ...spread } };
  }
}

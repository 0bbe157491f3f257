import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { eventually } from '../../src/testing/test-cluster.ts';
import type { Kubectl } from './kubectl-cases.ts';

/**
 * Runs `kubectl get LINE` as a watch: begins `meanwhile` when the server has accepted the watch, and ends kubectl when
 * `isEnough` of what it printed. Gives the lines, their runs of blanks as one. Rejects with them after 20 s.
 */
export async function watchWhile(
  { cluster, namespace }: Kubectl,
  line: string,
  {
    meanwhile,
    isEnough,
  }: {
    readonly meanwhile: () => Promise<unknown>;
    readonly isEnough: (lines: readonly string[]) => boolean;
  },
): Promise<readonly string[]> {
  const env = {
    ...process.env,
    KUBECONFIG: cluster.kubeconfig,
    KUBECACHEDIR: join(cluster.root, 'kubectl-cache'),
  };
  // At this level kubectl tells each answer it gets, that of the watch when it begins.
  const child = spawn('kubectl', ['-n', namespace, 'get', ...line.split(' '), '-v=6'], { env });
  const ended = new Promise((resolve) => child.once('close', resolve));
  let printed = '';
  let log = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => (printed += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (log += text));
  const lines = (): readonly string[] =>
    printed
      .split(/[\n;]/)
      .map((each) => each.trim().split(/\s+/).join(' '))
      .filter((each) => each !== '');
  try {
    await eventually(
      `the watch of ${line} to begin`,
      async () => /watch=true.* 200 OK/.test(log) || undefined,
    );
    await meanwhile();
    await eventually(`enough of the watch of ${line}`, async () => isEnough(lines()) || undefined).catch(
      (cause: unknown) => {
        throw new Error(`the watch of ${line} printed\n${printed}`, { cause });
      },
    );
    return lines();
  } finally {
    child.kill();
    await ended;
  }
}

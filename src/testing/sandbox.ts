import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { mount, unmount } from '../kernel/libc/mounts.ts';
import { openCoverageFolder } from './coverage.ts';

const marker = 'PORTICO_TEST_SANDBOX';

/** Own user, network, mount, PID, IPC and UTS namespaces; works as root and as an ordinary user. */
const unshare = [
  '--user',
  '--map-root-user',
  '--net',
  '--mount',
  '--pid',
  '--ipc',
  '--uts',
  '--fork',
  '--kill-child',
];

/**
 * Runs a test file again inside fresh namespaces, where it may change the network, mount and start PID 1s as it likes.
 * Call it first in the file with `import.meta.filename`: inside it returns, outside it never does: the tests run in the inner process, report through
 * the same pipe to the runner, and this process ends with their exit code. `args` are for the file. Without user namespaces the file fails, it is not skipped.
 */
export function inSandbox(file: string, args: readonly string[] = []): void {
  if (process.env[marker] !== undefined) return;
  const coverage = openCoverageFolder();
  const result = spawnSync(
    'unshare',
    [...unshare, '--mount-proc', '--', process.execPath, ...process.execArgv, file, ...args],
    { stdio: 'inherit', env: { ...process.env, ...coverage.env, [marker]: '1' } },
  );
  coverage.collect();
  if (result.error !== undefined) {
    console.error(
      `cannot make a sandbox for ${file}: ${result.error.message} (util-linux's unshare is needed)`,
    );
  } else if (result.status === 1) {
    console.error(
      `${file} failed inside its sandbox; if nothing else is printed, user namespaces are not allowed here`,
    );
  }
  process.exit(result.status ?? 1);
}

/** A folder in the memory of the sandbox, for what must not outlive it; the name begins with `prefix`. */
export function sandboxFolder(prefix: string): string {
  const path = mkdtempSync(join(tmpdir(), prefix));
  mount({ target: path, type: 'tmpfs' });
  process.once('exit', () => {
    unmount(path);
    rmdirSync(path);
  });
  return path;
}

import { readdirSync, readFileSync } from 'node:fs';
import type { Clock } from '../../base/clock.ts';

/** Longer than a component takes to stop. */
const LIMIT_MS = 5000;
const POLL_MS = 20;

/** Components carry their configuration as their last argument; paths in it begin with the cluster's folder. */
function isOfCluster(commandLine: string, root: string): boolean {
  const quoted = JSON.stringify(root).slice(0, -1);
  return (
    /\/cmd\/(control-plane|node)\/main\.ts\0/.test(commandLine) &&
    [`${quoted}"`, `${quoted}/`].some((path) => commandLine.includes(path))
  );
}

function hasComponents(root: string): boolean {
  const commandLine = (pid: string): string => {
    try {
      return readFileSync(`/proc/${pid}/cmdline`, 'utf8');
    } catch {
      return ''; // it has ended, or there is no /proc
    }
  };
  try {
    return readdirSync('/proc').some((name) => /^\d+$/.test(name) && isOfCluster(commandLine(name), root));
  } catch {
    return false;
  }
}

/**
 * Resolves when no component of a cluster in the folder runs any more, at the latest after 5 s. Those of a killed supervisor stop by themselves, but have
 * their ports and files until then.
 */
export async function leftoversGone(root: string, clock: Clock, signal: AbortSignal): Promise<void> {
  const end = clock.now() + LIMIT_MS;
  while (hasComponents(root) && clock.now() < end && !signal.aborted) await clock.sleep(POLL_MS, signal);
}

import { availableParallelism, totalmem } from 'node:os';

/** Upstream's default for the number of Pods of a node. */
export const maxPods = 110;

/** The machine's resources as quantities. Nodes of a sandbox share one machine and each says all of it. */
export function capacity(): Readonly<Record<string, string>> {
  return {
    cpu: String(availableParallelism()),
    memory: `${Math.floor(totalmem() / 1024)}Ki`,
    'ephemeral-storage': '0',
    pods: String(maxPods),
  };
}

import { realClock } from '../../base/clock.ts';
import { startCluster, type Cluster } from './cluster.ts';
import { parseUpOptions, type UpFlags } from './options.ts';
import { createProgress } from './progress.ts';

/** Resolves with the first SIGINT, SIGTERM or SIGHUP. A second one ends the program at once. */
export function interrupted(): Promise<void> {
  return new Promise((resolve) => {
    let isFirst = true;
    const onSignal = (): void => {
      if (!isFirst) process.exit(130);
      isFirst = false;
      resolve();
    };
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, onSignal);
  });
}

/** Starts a cluster; a signal during the start stops it, too. undefined = it was interrupted. */
export async function startOrStop(flags: UpFlags, signal: Promise<void>): Promise<Cluster | undefined> {
  const options = parseUpOptions(flags);
  const starting = startCluster(options, {
    clock: realClock,
    progress: createProgress(process.stderr, realClock),
  });
  const first = await Promise.race([starting, signal.then(() => undefined)]);
  if (first !== undefined) return first;
  const cluster = await starting.catch(() => undefined);
  await cluster?.stop();
  return undefined;
}

/** `portico up`: prints the kubeconfig's path on standard output when the cluster serves, and stays until a signal. */
export async function up(flags: UpFlags): Promise<void> {
  const signal = interrupted();
  const cluster = await startOrStop(flags, signal);
  if (cluster === undefined) return;
  process.stdout.write(`${cluster.kubeconfig}\n`);
  process.stderr.write(
    `\nexport KUBECONFIG=${cluster.kubeconfig}\nkubectl get services -A\n` +
      `dig @127.0.0.1 -p ${cluster.dnsPort} kubernetes.default.svc.cluster.local\nCtrl-C stops the cluster.\n`,
  );
  await signal;
  process.stderr.write('stopping\n');
  await cluster.stop();
}

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

/** Starts a cluster; when `signal` comes during the start, it rejects with a UserError (exit code 130) once all is stopped. */
export function startOrStop(flags: UpFlags, signal: Promise<void>): Promise<Cluster> {
  const interrupt = new AbortController();
  void signal.then(() => interrupt.abort());
  return startCluster(parseUpOptions(flags), {
    clock: realClock,
    progress: createProgress(process.stderr, realClock),
    signal: interrupt.signal,
  });
}

/** Resolves with the signal; rejects with the reason when the cluster cannot go on. */
export function untilStopped(cluster: Cluster, signal: Promise<void>): Promise<void> {
  const { failed } = cluster;
  const failure = new Promise<never>((_, reject) => {
    const fail = (): void => reject(failed.reason as Error);
    if (failed.aborted) fail();
    failed.addEventListener('abort', fail, { once: true });
  });
  return Promise.race([signal, failure]);
}

/** `portico up`: prints the kubeconfig's path on standard output when the cluster serves, and stays until a signal. */
export async function up(flags: UpFlags): Promise<void> {
  const signal = interrupted();
  const cluster = await startOrStop(flags, signal);
  process.stdout.write(`${cluster.kubeconfig}\n`);
  process.stderr.write(
    `\nexport KUBECONFIG=${cluster.kubeconfig}\nkubectl get services -A\n` +
      `dig @127.0.0.1 -p ${cluster.dnsPort} kubernetes.default.svc.cluster.local\nCtrl-C stops the cluster.\n`,
  );
  try {
    await untilStopped(cluster, signal);
    process.stderr.write('stopping\n');
  } finally {
    await cluster.stop();
  }
}

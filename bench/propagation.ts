import { join } from 'node:path';
import { startTestCluster } from '../src/testing/test-cluster.ts';
import { quantile, rounded, wholeOption, type Benchmark } from './figure.ts';

interface Samples {
  readonly ready: readonly number[];
  readonly removed: readonly number[];
}

/**
 * A Pod's status is written over the API, and a client on a node's network connects to the virtual IP as fast as it can:
 * `ready` is the time from sending Ready=True to the first connection, `removed` that from Ready=False to the first refusal.
 */
export const run: Benchmark['run'] = async function* (params) {
  const rounds = wholeOption(params, 'rounds', 200);
  const cluster = await startTestCluster({ flags: ['--nodes', '1', '--log-level', 'error'] });
  try {
    const probe = join(import.meta.dirname, 'propagation.probe.ts');
    const outcome = await cluster.shell([process.execPath, probe, String(rounds)]);
    if (outcome.code !== 0) throw new Error(`the probe ended with code ${outcome.code}: ${outcome.stderr}`);
    const samples = JSON.parse(outcome.stdout) as Samples;
    for (const name of ['ready', 'removed'] as const) {
      for (const [suffix, share] of [
        ['p50', 0.5],
        ['p99', 0.99],
      ] as const) {
        const value = rounded(quantile(samples[name], share));
        yield { metric: `${name}_${suffix}`, value, unit: 'ms', params: { rounds } };
      }
    }
  } finally {
    await cluster.stop();
  }
};

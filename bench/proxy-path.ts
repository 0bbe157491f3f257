import { wholeOption, type Benchmark } from './figure.ts';
import { inNamespaces, medians } from './proxy/sandboxed.ts';

/**
 * What a virtual IP costs a connection, by `--mode` (default nftables) with `--services` Services loaded (default: 10 to 100 000): connect()
 * by one thread of a Pod, or with `--from node` of the node itself, to a server in another network namespace, directly and through the last
 * Service, by turns in one process. Ratios above 1 are slower, `connects_per_s_ratio` below 1. Medians of `--runs` (default 5), with min and max.
 */
export const run: Benchmark['run'] = async function* (params) {
  const mode = params['mode'] ?? 'nftables';
  const runs = wholeOption(params, 'runs', 5);
  const connects = wholeOption(params, 'connects', 1000);
  const rounds = wholeOption(params, 'rounds', 5);
  const from = params['from'] ?? 'pod';
  if (from !== 'pod' && from !== 'node') throw new Error(`--from ${from}: there are pod and node`);
  const sizes =
    params['services'] === undefined
      ? [10, 10_000, 30_000, 100_000]
      : [wholeOption(params, 'services', 10_000)];
  for (const services of sizes) {
    const samples: Readonly<Record<string, number>>[] = [];
    for (let i = 0; i < runs; i++) {
      samples.push(await inNamespaces('path.probe.ts', { mode, services, connects, rounds, from }));
    }
    yield* medians(samples, (metric) => ({
      unit: metric.endsWith('ratio') ? '' : 'µs',
      params: { mode, services, from },
    }));
  }
};

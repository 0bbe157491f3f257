import { wholeOption, type Benchmark } from './figure.ts';
import { inNamespaces, medians } from './proxy/sandboxed.ts';

/**
 * What a virtual IP costs a connection, by `--mode` (default nftables) with `--services` Services loaded (default: 10 to 100 000): connect()
 * from one network namespace to another by one thread, directly and through the last Service, by turns in one process. Ratios above 1 are
 * slower, `connects_per_s_ratio` below 1. Medians of `--runs` (default 5), with min and max.
 */
export const run: Benchmark['run'] = async function* (params) {
  const mode = params['mode'] ?? 'nftables';
  const runs = wholeOption(params, 'runs', 5);
  const connects = wholeOption(params, 'connects', 1000);
  const rounds = wholeOption(params, 'rounds', 5);
  const sizes =
    params['services'] === undefined
      ? [10, 10_000, 30_000, 100_000]
      : [wholeOption(params, 'services', 10_000)];
  for (const services of sizes) {
    const samples: Readonly<Record<string, number>>[] = [];
    for (let i = 0; i < runs; i++) {
      samples.push(await inNamespaces('path.probe.ts', { mode, services, connects, rounds }));
    }
    yield* medians(samples, (metric) => ({
      unit: metric.endsWith('ratio') ? '' : 'µs',
      params: { mode, services },
    }));
  }
};

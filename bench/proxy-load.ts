import { wholeOption, type Benchmark } from './figure.ts';
import { inNamespaces, medians } from './proxy/sandboxed.ts';

/** Services and endpoints of each. */
const USUAL: readonly (readonly [services: number, endpoints: number])[] = [
  [1000, 2],
  [10_000, 2],
  [30_000, 2],
  [100_000, 2],
  [5000, 50],
];

/**
 * Finished decisions → kernel, by `--mode` (default nftables), for `--services` of `--endpoints` each (without them: the usual sizes):
 * everything at once; a look at everything that finds nothing; one Service more and one endpoint another one (each the median of 20); all
 * away. Each run is a process and a network namespace of its own; printed are medians of `--runs` (default 5), with min and max.
 */
export const run: Benchmark['run'] = async function* (params) {
  const mode = params['mode'] ?? 'nftables';
  const runs = wholeOption(params, 'runs', 5);
  const sizes =
    params['services'] === undefined
      ? USUAL
      : [[wholeOption(params, 'services', 1000), wholeOption(params, 'endpoints', 2)] as const];
  for (const [services, endpoints] of sizes) {
    const samples: Readonly<Record<string, number>>[] = [];
    for (let i = 0; i < runs; i++) {
      samples.push(await inNamespaces('load.probe.ts', { mode, services, endpoints }));
    }
    yield* medians(samples, (metric) => ({
      unit: metric === 'rss' ? 'MB' : 'ms',
      params: { mode, services, endpoints },
    }));
  }
};

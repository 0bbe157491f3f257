import { wholeOption, type Benchmark } from './figure.ts';
import { inNamespaces, medians } from './proxy/sandboxed.ts';

/**
 * `--rate` endpoint changes a second (default 200) among `--services` Services (default 10 000) for `--seconds` (default 10), by `--mode`
 * (default nftables): from the event at the API server to the kernel, and the processor time the process takes for it, in percent of one
 * core. Medians of `--runs` (default 3), with min and max.
 */
export const run: Benchmark['run'] = async function* (params) {
  const mode = params['mode'] ?? 'nftables';
  const runs = wholeOption(params, 'runs', 3);
  const services = wholeOption(params, 'services', 10_000);
  const perSecond = wholeOption(params, 'rate', 200);
  const seconds = wholeOption(params, 'seconds', 10);
  const samples: Readonly<Record<string, number>>[] = [];
  for (let i = 0; i < runs; i++) {
    samples.push(await inNamespaces('churn.probe.ts', { mode, services, perSecond, seconds }));
  }
  yield* medians(samples, (metric) => ({
    unit: metric === 'cpu_percent' ? '%' : 'ms',
    params: { mode, services, rate: perSecond },
  }));
};

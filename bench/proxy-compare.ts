import { join } from 'node:path';
import { rounded, wholeOption, type Benchmark, type Figure, type Params } from './figure.ts';
import type { Measured, Question } from './proxy-compare/compare.probe.ts';
import type { Contender } from './proxy-compare/contender.ts';
import { tableOf } from './proxy-compare/table.ts';
import { linesInNamespaces } from './proxy/sandboxed.ts';

/** Who takes part: kube-proxy's modes that this kernel can run, each beside ours of the same name and backend, and ours that it lacks. */
function contenders(params: Params): Contender[] {
  const periods = (params['min-sync-period'] ?? '1s').split(',');
  const all = periods.flatMap((minSyncPeriod): Contender[] => {
    const modes: Omit<Contender, 'proxy' | 'minSyncPeriod'>[] = [
      { mode: 'iptables', backend: 'legacy' },
      { mode: 'iptables', backend: 'nft' },
      { mode: 'userspace' },
    ];
    const ours = [{ mode: 'nftables' } as const, ...modes].map((each): Contender => ({
      proxy: 'portico',
      ...each,
      minSyncPeriod,
    }));
    if (params['kubernetes-bin'] === undefined) return ours;
    const theirs = modes.map((each): Contender => ({ proxy: 'kube-proxy', ...each, minSyncPeriod }));
    return [...ours, ...theirs];
  });
  const only = params['only']?.split(',');
  return only === undefined ? all : all.filter((each) => only.includes(labelOf(each)));
}

const labelOf = ({ proxy, mode, backend }: Contender): string =>
  [proxy, mode, backend].filter(Boolean).join('/');

/**
 * Proxies beside each other, on one API server of Portico with the same objects, each in a network namespace of its own: from the start of
 * the process to the last Service that answers a packet (`full_load`), from a change at the API server to the packet that shows it
 * (`add_service`, `change_endpoint`, `remove_service`: medians of `--repeats`, default 20), processor time of each with the programs it
 * starts, and memory. `--kubernetes-bin DIR` says where kube-proxy is (`test/components/build.sh` makes it); without it ours run alone.
 * `--services 1000,5000,10000`, `--endpoints 2`, `--min-sync-period 1s,0s`, `--limit 120` seconds for each measurement,
 * `--only portico/iptables/nft,kube-proxy/userspace,…`.
 */
export const run: Benchmark['run'] = async function* (params) {
  const kubernetesBin = params['kubernetes-bin'];
  const question: Question = {
    contenders: contenders(params),
    sizes: (params['services'] ?? '1000,5000,10000').split(',').map(Number),
    endpoints: wholeOption(params, 'endpoints', 2),
    repeats: wholeOption(params, 'repeats', 20),
    limitSeconds: wholeOption(params, 'limit', 120),
    ...(kubernetesBin === undefined ? {} : { kubernetesBin }),
  };
  const probe = join(import.meta.dirname, 'proxy-compare', 'compare.probe.ts');
  const results: Measured[] = [];
  for await (const measured of linesInNamespaces<Measured>(probe, question)) {
    results.push(measured);
    yield* figuresOf(measured, question);
  }
  process.stderr.write(`${tableOf(results, question.limitSeconds)}\n`);
};

function* figuresOf(
  { contender, services, numbers, changes, note, hasEnded }: Measured,
  { endpoints, limitSeconds }: Question,
): Generator<Omit<Figure, 'bench'>> {
  const { proxy, mode, backend, minSyncPeriod } = contender;
  const params: Figure['params'] = {
    proxy,
    mode,
    ...(backend === undefined ? {} : { backend }),
    minSyncPeriod,
    services,
    endpoints,
  };
  for (const [metric, value] of Object.entries(numbers)) {
    const runs = changes[metric.replace(/_cpu$/, '')];
    const of: Figure['params'] = runs === undefined ? {} : { runs };
    yield {
      metric,
      value: rounded(value),
      unit: metric === 'rss' ? 'MB' : 'ms',
      params: { ...params, ...of },
    };
  }
  for (const metric of ['full_load', 'add_service', 'change_endpoint', 'remove_service']) {
    if (numbers[metric] !== undefined || (metric !== 'full_load' && changes[metric] === undefined)) continue;
    const given = {
      ...params,
      ...(hasEnded ? { hasEnded: 'yes' } : { isBeyondLimit: 'yes' }),
      ...(note === undefined ? {} : { note }),
    };
    yield { metric, value: limitSeconds * 1000, unit: 'ms', params: given };
  }
}

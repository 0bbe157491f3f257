import type { Measured } from './compare.probe.ts';

const columns = [
  'full_load',
  'full_load_cpu',
  'add_service',
  'add_service_cpu',
  'change_endpoint',
  'change_endpoint_cpu',
  'remove_service',
  'remove_service_cpu',
  'rss',
] as const;

const digits = (value: number): string => (value >= 100 ? value.toFixed(0) : value.toFixed(1));

/** What stands beside which: the same mode and backend, period and size. */
const keyOf = ({ contender: { mode, backend, minSyncPeriod }, services }: Measured): string =>
  [mode, backend, minSyncPeriod, services].join(' ');

/** A table for people, in Markdown: a row for each, and one with how many times kube-proxy's figure is ours. */
export function tableOf(results: readonly Measured[], limitSeconds: number): string {
  const rows = [['proxy', 'Services', 'least period', ...columns]];
  const beyond = `> ${limitSeconds * 1000}`;
  for (const one of results) {
    const { contender, services, numbers, changes, hasEnded } = one;
    const label = [contender.proxy, contender.mode, contender.backend].filter(Boolean).join(' ');
    const isTried = (column: string): boolean => column === 'full_load' || changes[column] !== undefined;
    const cells = columns.map((column) => {
      const value = numbers[column];
      if (value !== undefined) return digits(value);
      if (column === 'full_load' && hasEnded) return 'ended';
      return isTried(column) ? beyond : '–';
    });
    rows.push([label, String(services), contender.minSyncPeriod, ...cells]);
    const other = results.find((each) => keyOf(each) === keyOf(one) && each.contender.proxy === 'portico');
    if (contender.proxy === 'portico' || other === undefined || hasEnded) continue;
    const ratios = columns.map((column) => {
      const [theirs, ours] = [numbers[column], other.numbers[column]];
      if (ours === undefined) return '–';
      if (theirs !== undefined) return `× ${digits(theirs / ours)}`;
      return isTried(column) ? `× > ${digits((limitSeconds * 1000) / ours)}` : '–';
    });
    rows.push(['its figure / ours', '', '', ...ratios]);
  }
  const [head = [], ...body] = rows;
  return [head, head.map(() => '---'), ...body].map((row) => `| ${row.join(' | ')} |`).join('\n');
}

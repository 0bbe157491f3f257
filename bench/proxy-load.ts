import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { rounded, wholeOption, type Benchmark } from './figure.ts';

/** What one run in a private network namespace measured, ms and MB. */
type Loaded = Readonly<Record<'full_load' | 'add_service' | 'remove_service' | 'rss', number>>;

/** Runs the probe in its own user and network namespace, so that no rule ever reaches this machine's firewall. */
function measure(nServices: number): Promise<Loaded> {
  const probe = join(import.meta.dirname, 'proxy-load.probe.ts');
  const child = spawn(
    'unshare',
    ['--user', '--map-root-user', '--net', '--', process.execPath, probe, String(nServices)],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  );
  let output = '';
  child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()));
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code) => {
      if (code === 0) resolve(JSON.parse(output) as Loaded);
      else reject(new Error(`the probe ended with code ${code}`));
    });
  });
}

/**
 * ProxyState of `--services` Services × 2 endpoints → kernel programmed by the nftables mode, then one Service more (the
 * median of 20), then one less. Without the option: 1 000, 10 000 and 30 000.
 */
export const run: Benchmark['run'] = async function* (params) {
  const asked =
    params['services'] === undefined ? [1000, 10_000, 30_000] : [wholeOption(params, 'services', 1000)];
  for (const services of asked) {
    for (const [metric, value] of Object.entries(await measure(services))) {
      yield {
        metric,
        value: rounded(value),
        unit: metric === 'rss' ? 'MB' : 'ms',
        params: { services, endpoints: 2 },
      };
    }
  }
};

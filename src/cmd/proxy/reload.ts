import { isDeepStrictEqual } from 'node:util';
import type { KubeProxyConfiguration } from '../../proxy/configuration/configuration.ts';
import { messageOf } from '../up/user-error.ts';
import { chooseMode } from './mode-choice.ts';
import { parseProxyOptions } from './options.ts';
import { modeOptions } from './proxy-context.ts';
import type { ProxyContext } from './proxy-context.ts';
import type { ModeSwitches } from './mode-switches.ts';

/** What counts at once when the file changes; the rest with the next start. */
const LIVE: ReadonlySet<keyof KubeProxyConfiguration> = new Set([
  'mode',
  'clusterCIDR',
  'detectLocal',
  'detectLocalMode',
  'nodePortAddresses',
  'iptables',
  'ipvs',
  'nftables',
]);

/** Reads the configuration again and goes over to it. A file that is wrong changes nothing. */
export async function reload(
  context: ProxyContext,
  { switches, onChanged }: { readonly switches: ModeSwitches; readonly onChanged: () => void },
): Promise<void> {
  const { args, logger } = context;
  let next: KubeProxyConfiguration;
  try {
    const options = await parseProxyOptions(args);
    if (options === undefined) return;
    next = options.configuration;
  } catch (error) {
    return logger.error('the configuration stays as it was', { reason: messageOf(error) });
  }
  const before = context.configuration;
  const keys = Object.keys(next) as (keyof KubeProxyConfiguration)[];
  const changed = keys.filter((key) => !isDeepStrictEqual(next[key], before[key]));
  const later = changed.filter((key) => !LIVE.has(key));
  if (later.length > 0) logger.warn('counts with the next start only', { fields: later });
  if (changed.length === later.length) return logger.info('the configuration is as it was');
  context.configuration = { ...next, ...Object.fromEntries(later.map((key) => [key, before[key]])) };
  try {
    const { name, families } = await chooseMode(next.mode, (family) => modeOptions(context, family), logger);
    for (const family of families) switches[family]?.use(name);
  } catch (error) {
    logger.error('the proxy mode stays as it was', { reason: messageOf(error) });
  }
  logger.info('the configuration is another one', { fields: changed });
  onChanged();
}

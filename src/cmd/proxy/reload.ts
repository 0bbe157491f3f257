import { messageOf } from '../../base/thrown.ts';
import type { KubeProxyConfiguration } from '../../proxy/configuration/configuration.ts';
import { liveChange } from './live-change.ts';
import { chooseMode } from './mode-choice.ts';
import { parseProxyOptions } from './options.ts';
import { modeOptions } from './proxy-context.ts';
import type { ProxyContext } from './proxy-context.ts';
import type { ModeSwitches } from './mode-switches.ts';

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
  const modesInUse = new Set<string>(Object.values(switches).map(({ name }) => name));
  const { configuration, fields, later } = liveChange(context.configuration, next, modesInUse);
  if (later.length > 0) logger.warn('counts with the next start only', { fields: later });
  if (fields.length === 0) return logger.info('the configuration is as it was');
  context.configuration = configuration;
  try {
    const { name, families } = await chooseMode(next.mode, (family) => modeOptions(context, family), logger);
    for (const family of families) switches[family]?.use(name);
  } catch (error) {
    logger.error('the proxy mode stays as it was', { reason: messageOf(error) });
  }
  logger.info('the configuration is another one', { fields });
  onChanged();
}

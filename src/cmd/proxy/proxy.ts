import { writeFileSync } from 'node:fs';
import { cpus, hostname } from 'node:os';
import { realClock } from '../../base/clock.ts';
import { createLogger } from '../../base/logger.ts';
import type { Logger } from '../../base/logger.ts';
import { messageOf } from '../../base/thrown.ts';
import type { IpFamily } from '../../net/ip.ts';
import { configurationDocument } from '../../proxy/configuration/configuration.ts';
import { loadMode, modeNames } from '../../proxy/modes/registry.ts';
import {
  applySettings,
  checkSettings,
  conntrackSettings,
  modeSettings,
} from '../../proxy/node/kernel-settings.ts';
import { helpText } from '../component/flags.ts';
import { untilTerminated } from '../component/termination.ts';
import { UserError } from '../up/user-error.ts';
import { printVersion } from '../version.ts';
import { proxyFlags } from './flags.ts';
import { parseProxyOptions } from './options.ts';
import type { ProxyOptions } from './options.ts';

const USAGE = 'portico proxy [flags]';
const ABOUT =
  'The service proxy of one node, against any Kubernetes API server: in place of kube-proxy, with its flags and files.';

/** `portico proxy`: until SIGTERM; its rules stay, so that traffic goes on. Throws a UserError for what the user can mend. */
export async function proxy(args: readonly string[]): Promise<void> {
  // Before anything is looked at that could be wrong; `raw` is one of upstream's values.
  if (args.some((arg) => /^--version(=(true|raw))?$/.test(arg))) return printVersion();
  const options = await parseProxyOptions(args);
  if (options === undefined) return void process.stdout.write(helpText(USAGE, ABOUT, proxyFlags));
  const logger = createLogger({ level: options.logLevel });
  for (const warning of options.warnings) logger.warn(warning);
  if (options.writeConfigTo !== undefined) return writeConfig(options, options.writeConfigTo);
  if (options.isCleanup) return cleanup(logger);
  setKernel(options, logger);
  if (options.isInitOnly) return;
  const { runProxy } = await import('./run-proxy.ts');
  await runProxy(
    { options, args, logger, clock: realClock, nodeName: nodeNameOf(options) },
    untilTerminated(),
  );
  // Listeners of the userspace mode would keep the process.
  process.exit();
}

/** As kube-proxy: the name of the machine, in lower case, unless it is overridden. */
function nodeNameOf({ configuration }: ProxyOptions): string {
  const name = (configuration.hostnameOverride || hostname()).trim().toLowerCase();
  if (name === '') throw new UserError('empty hostname is invalid');
  return name;
}

async function writeConfig({ configuration }: ProxyOptions, path: string): Promise<void> {
  const { stringify } = await import('yaml');
  try {
    writeFileSync(path, stringify(configurationDocument(configuration)));
  } catch (error) {
    throw new UserError(`--write-config-to=${path}: ${messageOf(error)}`, { cause: error });
  }
}

function setKernel({ configuration }: ProxyOptions, logger: Logger): void {
  applySettings(
    [
      ...conntrackSettings(configuration.conntrack, cpus().length),
      ...modeSettings(configuration.mode, configuration),
    ],
    logger,
  );
  checkSettings(logger);
  const path = '/proc/self/oom_score_adj';
  try {
    writeFileSync(path, String(configuration.oomScoreAdj));
  } catch (err) {
    logger.debug('the OOM score stays as it is', { err });
  }
}

/** A stand-in for the node's own address, where rules are only taken away. */
const anyAddress: Readonly<Record<IpFamily, string>> = { IPv4: '127.0.0.1', IPv6: '::1' };

/** Everything of every mode, in both families. Throws a UserError that says what could not be taken away. */
async function cleanup(logger: Logger): Promise<void> {
  const failures: string[] = [];
  const reasons: string[] = [];
  let nLooked = 0;
  for (const name of modeNames) {
    const mode = await loadMode(name);
    for (const family of ['IPv4', 'IPv6'] as const) {
      const options = { family, clock: realClock, logger, serviceCIDRs: [], nodeIP: anyAddress[family] };
      const probed = await mode.probe(options);
      if (!probed.isUsable) {
        reasons.push(probed.reason);
        continue;
      }
      nLooked++;
      try {
        const opened = await mode.open(options);
        await opened.cleanup();
        opened.release?.();
        logger.info('nothing is left of a proxy mode', { mode: name, family });
      } catch (error) {
        failures.push(`${name}, ${family}: ${messageOf(error)}`);
      }
    }
  }
  try {
    const { removeServiceCounters } = await import('./service-counting.ts');
    await removeServiceCounters(['IPv4', 'IPv6']);
  } catch (error) {
    // Whoever may not look into nf_tables has counted nothing either.
    logger.debug('no counters of Services to take away', { err: error });
  }
  // Who may do nothing is not told that nothing is left.
  if (nLooked === 0) throw new UserError(`--cleanup: nothing could be looked at. ${reasons[0] ?? ''}`);
  if (failures.length > 0) throw new UserError(`--cleanup: ${failures.join('; ')}`);
}

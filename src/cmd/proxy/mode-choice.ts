import type { Logger } from '../../base/logger.ts';
import type { IpFamily } from '../../net/ip.ts';
import type { ModeOptions } from '../../proxy/modes/mode.ts';
import { candidatesFor, loadMode, modeNames } from '../../proxy/modes/registry.ts';
import type { ModeName } from '../../proxy/modes/registry.ts';
import { UserError } from '../up/user-error.ts';

export interface ModeChoice {
  readonly name: ModeName;
  /** Those the machine can serve, IPv4 first. */
  readonly families: readonly IpFamily[];
}

type OptionsOf = (family: IpFamily) => ModeOptions;

async function usableFamilies(
  name: ModeName,
  optionsOf: OptionsOf,
): Promise<{ readonly families: readonly IpFamily[]; readonly reason: string }> {
  const mode = await loadMode(name);
  const families: IpFamily[] = [];
  let why = '';
  for (const family of ['IPv4', 'IPv6'] as const) {
    const result = await mode.probe(optionsOf(family));
    if (result.isUsable) families.push(family);
    else if (why === '') why = result.reason;
  }
  return { families, reason: why };
}

/**
 * The mode that is asked for, or with a warning one that may stand in for it (iptables for ipvs) where the machine lacks what it needs;
 * the best one there is for ''.
 * Throws a UserError with what is missing.
 */
export async function chooseMode(asked: string, optionsOf: OptionsOf, logger: Logger): Promise<ModeChoice> {
  const reasons: string[] = [];
  for (const name of candidatesFor(asked)) {
    const { families, reason } = await usableFamilies(name, optionsOf);
    if (families.length > 0) {
      for (const text of reasons) logger.warn('another proxy mode is used', { using: name, reason: text });
      if (families.length === 1) logger.info('single-stack', { families, reason });
      return { name, families };
    }
    reasons.push(reason);
  }
  throw new UserError(reasons.join(' ') || `no proxy mode can be used; there are ${modeNames.join(', ')}`);
}

import type { Logger } from '../../base/logger.ts';
import type { IpFamily } from '../../net/ip.ts';
import type { ModeOptions } from '../../proxy/modes/mode.ts';
import { isModeName, loadMode, modeNames } from '../../proxy/modes/registry.ts';
import type { ModeName } from '../../proxy/modes/registry.ts';
import { UserError } from '../up/user-error.ts';

/** What is tried when nothing is asked for, and in place of a mode that is asked for and may be replaced. */
const BEST: readonly string[] = ['nftables', 'iptables', 'userspace'];
const INSTEAD: Readonly<Record<string, readonly string[]>> = { ipvs: ['iptables', 'nftables'] };

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
    const options = optionsOf(family);
    // Its listeners are bound to the node's own address.
    const hasAddress = name !== 'userspace' || options.nodeIP !== undefined;
    const result = hasAddress
      ? await mode.probe(options)
      : ({
          isUsable: false,
          reason: 'The userspace mode needs to know the node’s own address: give --bind-address.',
        } as const);
    if (result.isUsable) families.push(family);
    else if (why === '') why = result.reason;
  }
  return { families, reason: why };
}

/**
 * The mode that is asked for; the best one there is for ''. ipvs falls back to iptables, with a warning, where the kernel lacks it.
 * Throws a UserError with what is missing.
 */
export async function chooseMode(asked: string, optionsOf: OptionsOf, logger: Logger): Promise<ModeChoice> {
  const candidates = (asked === '' ? BEST : [asked, ...(INSTEAD[asked] ?? [])]).filter(isModeName);
  const reasons: string[] = [];
  for (const name of candidates) {
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

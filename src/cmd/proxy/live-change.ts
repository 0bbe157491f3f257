import { isDeepStrictEqual } from 'node:util';
import { modeSections } from '../../proxy/configuration/layout.ts';
import type { KubeProxyConfiguration, ModeSection } from '../../proxy/configuration/layout.ts';

export interface LiveChange {
  /** What holds from now on. */
  readonly configuration: KubeProxyConfiguration;
  /** Fields that count at once, such as `mode` and `ipvs.scheduler`. */
  readonly fields: readonly string[];
  /** Fields that are different and stay as they were until the next start. */
  readonly later: readonly string[];
}

const isModeSection = (key: string): key is ModeSection => (modeSections as readonly string[]).includes(key);

/** What the node is asked about again with each look at everything; for ranges and links of Pods too. */
const LIVE: ReadonlySet<string> = new Set([
  'mode',
  'clusterCIDR',
  'detectLocal',
  'detectLocalMode',
  'nodePortAddresses',
  'iptables.masqueradeAll',
  'iptables.localhostNodePorts',
  'nftables.masqueradeAll',
]);
/** Read once, when the process starts. */
const AT_START: ReadonlySet<string> = new Set(['syncPeriod', 'minSyncPeriod']);

type Fields = Readonly<Record<string, unknown>>;

function differing(before: Fields, next: Fields): string[] {
  return Object.keys(next).filter((key) => !isDeepStrictEqual(next[key], before[key]));
}

/**
 * What of a new configuration counts at once in a running proxy. What a mode is told when it is opened counts for those that are not
 * in use: they are opened when the proxy goes over to them.
 */
export function liveChange(
  before: KubeProxyConfiguration,
  next: KubeProxyConfiguration,
  modesInUse: ReadonlySet<string>,
): LiveChange {
  const fields: string[] = [];
  const later: string[] = [];
  const holding: Record<string, unknown> = { ...next };
  for (const key of differing(before, next)) {
    if (!isModeSection(key)) {
      (LIVE.has(key) ? fields : later).push(key);
      if (!LIVE.has(key)) holding[key] = before[key as keyof KubeProxyConfiguration];
      continue;
    }
    const section: Record<string, unknown> = { ...next[key] };
    const old: Fields = { ...before[key] };
    for (const name of differing(old, section)) {
      const field = `${key}.${name}`;
      const isLive = LIVE.has(field) || !(modesInUse.has(key) || AT_START.has(name));
      (isLive ? fields : later).push(field);
      if (!isLive) section[name] = old[name];
    }
    holding[key] = section;
  }
  return { configuration: holding as unknown as KubeProxyConfiguration, fields, later };
}

import { readFileSync } from 'node:fs';
import type { Iptables } from '../../../kernel/iptables/iptables.ts';
import { withNetns } from '../../../kernel/netns/named-netns.ts';
import type { ProxyMode } from '../../state/model.ts';
import { withLocalhostRelay } from '../localhost-relay.ts';
import type { ModeModule, ModeOptions } from '../mode.ts';
import { withHandles } from '../with-handles.ts';
import { createIptablesMode } from './iptables-mode.ts';
import type { IptablesModeOptions } from './iptables-mode.ts';
import { probeIptables } from './probe.ts';

export { createIptablesMode } from './iptables-mode.ts';
export type { IptablesModeOptions } from './iptables-mode.ts';
export { probeIptables } from './probe.ts';

type Backends = Required<Pick<IptablesModeOptions, 'iptables' | 'other'>>;

/** The tables in the backend that this machine uses, and those in the other one; undefined = iptables is not installed. */
async function open({ family, netnsPath }: ModeOptions): Promise<Backends | undefined> {
  const { knownBackend, otherBackend } = await import('../../../kernel/iptables/detect-backend.ts');
  const { openIptables } = await import('../../../kernel/iptables/open-iptables.ts');
  const place = { family, netnsPath };
  const backend = await knownBackend(place);
  if (backend === undefined) return undefined;
  const other = (): Iptables | undefined => {
    const found = otherBackend(place, backend);
    return found && openIptables({ ...place, backend: found });
  };
  return { iptables: openIptables({ ...place, backend }), other };
}

const liberalPath = '/proc/sys/net/netfilter/nf_conntrack_tcp_be_liberal';

/** Whether the kernel was told to take packets out of their connection's window; without conntrack there is no such file. */
function isConntrackLiberal(netnsPath: string | undefined): boolean {
  try {
    return withNetns(netnsPath, () => readFileSync(liberalPath, 'utf8')).trim() !== '0';
  } catch {
    return false;
  }
}

const notInstalled = 'The iptables mode needs the programs of the package iptables, which are not installed.';

/** Without the programs there is nothing to take away either. */
const nothing: ProxyMode = {
  sync: () => Promise.reject(new Error(notInstalled)),
  cleanup: () => Promise.resolve(),
};

export const mode: ModeModule = {
  probe: async (options) => {
    const backends = await open(options);
    return backends === undefined
      ? { isUsable: false, reason: notInstalled }
      : probeIptables(backends.iptables);
  },
  open: async (options) => {
    const { family, clock, logger, netnsPath, settings, observer } = options;
    const backends = await open(options);
    if (backends === undefined) return nothing;
    const { openConntrack } = await import('../../../kernel/conntrack/open-conntrack.ts');
    const { withStaleFlowsEnded } = await import('../../conntrack/reconciled-mode.ts');
    const masqueradeBit = settings?.iptables?.masqueradeBit;
    const made = createIptablesMode({
      ...backends,
      clock,
      logger,
      isConntrackLiberal: isConntrackLiberal(netnsPath),
      ...(masqueradeBit === undefined ? {} : { masqueradeBit }),
      ...(observer && {
        onRejected: observer.onRefused,
        ...(observer.onRules && { onRules: observer.onRules }),
        ...(observer.onPartialFailure && { onPartialFailure: observer.onPartialFailure }),
      }),
    });
    const conntrack = openConntrack({ netnsPath });
    const whole = withStaleFlowsEnded(made, {
      family,
      conntrack,
      logger,
      ...(observer && { watched: { clock, onReconciled: observer.onReconciled } }),
    });
    // Listeners are the thread's, wherever its rules are.
    const relayed = netnsPath === undefined ? withLocalhostRelay(whole, { family, clock, logger }) : whole;
    return withHandles(relayed, conntrack);
  },
};

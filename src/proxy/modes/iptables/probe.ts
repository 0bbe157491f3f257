import type { Iptables } from '../../../kernel/iptables/iptables.ts';
import { IptablesError } from '../../../kernel/iptables/iptables.ts';
import { chainLine, renderRestore, renderRule } from '../../../kernel/iptables/render.ts';
import type { Rule } from '../../../kernel/iptables/model.ts';
import type { ProbeResult } from '../mode.ts';

const chain = 'KUBE-PROXY-PROBE';

/** One rule for each module that the mode needs. */
const rules: readonly Rule[] = [
  { matches: [{ kind: 'comment', text: 'probe' }] },
  { matches: [{ kind: 'addrtype', side: 'dst', type: 'LOCAL' }] },
  { matches: [{ kind: 'ctstate', states: ['NEW'] }] },
  { matches: [{ kind: 'statistic', probability: 0.5 }] },
  { matches: [{ kind: 'mark', value: 1, mask: 1 }], target: { kind: 'mark', value: 1, mask: 1 } },
  { matches: [{ kind: 'recent', action: 'rcheck', name: chain, seconds: 10, isReaping: true }] },
  { target: { kind: 'masquerade', isRandomFully: true } },
];

/**
 * Whether this machine and network namespace can hold the rules. A chain that nothing leads to is written and removed in the
 * table nat: the programs check modules only when they write.
 */
export async function probeIptables(iptables: Iptables): Promise<ProbeResult> {
  const lines = rules.map((rule) => `-A ${chain} ${renderRule(rule, iptables.family)}`);
  try {
    await iptables.restore(
      renderRestore([
        { table: 'nat', lines: [chainLine(chain), ...lines] },
        { table: 'nat', lines: [chainLine(chain), `-X ${chain}`] },
      ]),
    );
    return { isUsable: true };
  } catch (error) {
    if (!(error instanceof IptablesError)) throw error;
    const mend =
      error.failure === 'unusable'
        ? 'needs the package iptables and CAP_NET_ADMIN in this network namespace'
        : 'needs the kernel modules for comment, addrtype, conntrack, statistic, mark and recent';
    return { isUsable: false, reason: `The iptables mode ${mend} (${error.message}).` };
  }
}

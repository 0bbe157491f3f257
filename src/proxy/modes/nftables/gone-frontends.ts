import type { Scalar } from '../../../kernel/nft/model.ts';
import type { FlowTargets } from '../../conntrack/stale-flows.ts';

/**
 * Notes that a frontend is gone which an earlier process left in the table, given its key there: `ip, protocol, port`, or `protocol, port` of a
 * node port; `first-last` for a range. Nothing for TCP.
 */
export function addGone(targets: FlowTargets, key: readonly Scalar[]): void {
  const [port, protocolName, ip] = key.toReversed();
  const protocol = String(protocolName).toUpperCase();
  if (protocol === 'TCP') return;
  const [first = 0, last = first] = String(port).split('-').map(Number);
  for (let each = first; each <= last; each++) {
    targets.set(ip === undefined ? `${protocol} ${each}` : `${protocol} ${ip} ${each}`, new Set());
  }
}

import type { Scalar } from '../../../kernel/nft/model.ts';
import { endStaleFlows } from '../../conntrack/reconciled-mode.ts';
import type { FlowTargets } from '../../conntrack/stale-flows.ts';

// The rules are those of all modes; SCTP counts beside UDP.
export {
  addTargets as addUdpTargets,
  changedTargets as changedUdpTargets,
} from '../../conntrack/stale-flows.ts';
export type { FlowTargets as UdpTargets } from '../../conntrack/stale-flows.ts';

/**
 * Notes that a frontend is gone which an earlier process left in the table, given its key there: `ip, protocol, port`, or `protocol, port` of a
 * node port; the port may be `first-last`. Nothing for TCP.
 */
export function addGoneUdp(targets: FlowTargets, key: readonly Scalar[]): void {
  const [port, protocolName, ip] = key.toReversed();
  const protocol = String(protocolName).toUpperCase();
  if (protocol === 'TCP') return;
  const [first = 0, last = first] = String(port).split('-').map(Number);
  for (let each = first; each <= last; each++) {
    targets.set(ip === undefined ? `${protocol} ${each}` : `${protocol} ${ip} ${each}`, new Set());
  }
}

/** Ends flows that conntrack would keep sending to endpoints that are gone, or past the Service. Returns how many. */
export const endStaleUdp = endStaleFlows;

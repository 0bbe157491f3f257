import type { Conntrack, Flow } from '../../../kernel/conntrack/model.ts';
import type { Scalar } from '../../../kernel/nft/model.ts';
import type { IpFamily } from '../../../net/ip.ts';
import type { Frontend, FrontendDecision, ServicePort } from '../../state/model.ts';

/** Where flows to a frontend may go: by `ip port`, or `port` for node ports; an empty set = nowhere. */
export type UdpTargets = Map<string, Set<string>>;

const frontendKey = (frontend: Frontend, port: number): string =>
  frontend.kind === 'nodePort' ? `${port}` : `${frontend.ip} ${port}`;

/** Everybody's endpoints, with the port that those of a range are met at. */
const targetsOf = ({ frontend, endpoints, fromCluster }: FrontendDecision, met: number): Set<string> =>
  new Set(
    [...endpoints, ...(fromCluster?.endpoints ?? [])].map(
      ({ ip, port }) => `${ip} ${frontend.endPort === undefined ? port : met}`,
    ),
  );

/** Notes every UDP frontend of a Service port. */
export function addUdpTargets(targets: UdpTargets, port: ServicePort): void {
  if (port.protocol !== 'UDP') return;
  for (const decision of port.frontends) {
    const { frontend } = decision;
    for (let met = frontend.port; met <= (frontend.endPort ?? frontend.port); met++)
      targets.set(frontendKey(frontend, met), targetsOf(decision, met));
  }
}

/** Notes that a frontend is gone, given its key in the table: `ip, protocol, port`, or `protocol, port` of a node port. */
export function addGoneUdp(targets: UdpTargets, key: readonly Scalar[]): void {
  const [port, protocol, ip] = key.toReversed();
  if (protocol !== 'udp') return;
  const [first = 0, last = first] = String(port).split('-').map(Number);
  for (let each = first; each <= last; each++)
    targets.set(ip === undefined ? `${each}` : `${ip} ${each}`, new Set());
}

/**
 * The UDP frontends whose flows may be stale after a change: one that lost an endpoint or is gone, and one that got its first endpoints
 * (clients that spoke into the void kept a flow without translation). Growth alone leaves every flow as it is.
 */
export function changedUdpTargets(
  before: ServicePort | undefined,
  after: ServicePort | undefined,
): UdpTargets {
  const old: UdpTargets = new Map();
  const now: UdpTargets = new Map();
  if (before !== undefined) addUdpTargets(old, before);
  if (after !== undefined) addUdpTargets(now, after);
  const changed: UdpTargets = new Map();
  for (const [key, was] of old) {
    const is = now.get(key) ?? new Set();
    if ([...was].some((endpoint) => !is.has(endpoint)) || (was.size === 0 && is.size > 0))
      changed.set(key, is);
  }
  for (const [key, is] of now) if (!old.has(key) && is.size > 0) changed.set(key, is);
  return changed;
}

function isStale({ original, reply }: Flow, targets: UdpTargets): boolean {
  const served = `${reply.source} ${reply.sourcePort}`;
  const allowed = targets.get(`${original.destination} ${original.destinationPort}`);
  if (allowed !== undefined) return !allowed.has(served);
  const atNodePort = targets.get(`${original.destinationPort}`);
  if (atNodePort === undefined) return false;
  const isTranslated = served !== `${original.destination} ${original.destinationPort}`;
  /** An untranslated flow with a rewritten source is traffic to somebody else's port of this number. */
  const isPlain = reply.destination === original.source && reply.destinationPort === original.sourcePort;
  return isTranslated ? !atNodePort.has(served) : atNodePort.size > 0 && isPlain;
}

/**
 * Ends UDP flows that conntrack would keep sending to endpoints that are gone, or past the Service. Returns how many.
 * TCP and SCTP end by themselves. An entry that vanished meanwhile counts as nothing.
 */
export async function endStaleUdp(
  conntrack: Conntrack,
  family: IpFamily,
  targets: UdpTargets,
): Promise<number> {
  if (targets.size === 0) return 0;
  const flows = await conntrack.list({ family, protocol: 'UDP' });
  let nEnded = 0;
  for (const flow of flows) {
    if (isStale(flow, targets) && (await conntrack.delete(flow))) nEnded++;
  }
  return nEnded;
}

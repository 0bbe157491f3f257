import type { Flow } from '../../kernel/conntrack/model.ts';
import type { Frontend, FrontendDecision, ServicePort } from '../state/model.ts';

/**
 * Connection tracking keeps a client that keeps its port at the translation it had. TCP ends by itself; UDP never does
 * while the client speaks, and an SCTP client that begins again from its fixed port meets the endpoint that is gone.
 */
export type TrackedProtocol = 'UDP' | 'SCTP';

/** Where flows to a frontend may go (`ip port`), by `PROTOCOL ip port`, or `PROTOCOL port` for a node port. Empty = nowhere. */
export type FlowTargets = Map<string, ReadonlySet<string>>;

export const trackedProtocol = ({ protocol }: ServicePort): TrackedProtocol | undefined =>
  protocol === 'TCP' ? undefined : protocol;

const keyOf = (protocol: string, frontend: Frontend, port: number): string =>
  frontend.kind === 'nodePort' ? `${protocol} ${port}` : `${protocol} ${frontend.ip} ${port}`;

/** Everybody's endpoints; those of a range are met at the port the packet came for. */
function endpointsOf({ frontend, endpoints, fromCluster }: FrontendDecision, met: number): Set<string> {
  const portOf = (port: number): number => (frontend.endPort === undefined ? port : met);
  const all = [...endpoints, ...(fromCluster?.endpoints ?? [])];
  return new Set(all.map(({ ip, port }) => `${ip} ${portOf(port)}`));
}

/** Notes every frontend of a Service port; nothing for TCP. */
export function addTargets(targets: FlowTargets, port: ServicePort): void {
  const protocol = trackedProtocol(port);
  if (protocol === undefined) return;
  for (const decision of port.frontends) {
    const { frontend } = decision;
    for (let met = frontend.port; met <= (frontend.endPort ?? frontend.port); met++) {
      targets.set(keyOf(protocol, frontend, met), endpointsOf(decision, met));
    }
  }
}

/**
 * The frontends whose flows may be stale after a change: those that lost an endpoint or are gone, and those that got their
 * first endpoints (who spoke into the void kept a flow without translation). Growth leaves every flow as it is.
 */
export function changedTargets(before: ServicePort | undefined, after: ServicePort | undefined): FlowTargets {
  const old: FlowTargets = new Map();
  const now: FlowTargets = new Map();
  if (before !== undefined) addTargets(old, before);
  if (after !== undefined) addTargets(now, after);
  const changed: FlowTargets = new Map();
  for (const [key, was] of old) {
    const is = now.get(key) ?? new Set<string>();
    const hasLost = [...was].some((endpoint) => !is.has(endpoint));
    if (hasLost || (was.size === 0 && is.size > 0)) changed.set(key, is);
  }
  for (const [key, is] of now) if (!old.has(key) && is.size > 0) changed.set(key, is);
  return changed;
}

/** Whether a flow was made to the address and port of a frontend; node ports have no address. */
export function isToAddressOf(frontend: Frontend, { original }: Flow): boolean {
  if (frontend.kind === 'nodePort' || frontend.ip !== original.destination) return false;
  const { port, endPort = port } = frontend;
  return port <= original.destinationPort && original.destinationPort <= endPort;
}

function isToAnyOf(ports: Iterable<ServicePort>, flow: Flow): boolean {
  for (const { protocol, frontends } of ports)
    if (protocol === flow.protocol && frontends.some(({ frontend }) => isToAddressOf(frontend, flow)))
      return true;
  return false;
}

/**
 * Whether a flow goes where its frontend does not lead. A flow to somebody else's port of a node port's number is not ours: that of no
 * Service, or of one whose address it was made to, which `services` are asked for.
 */
export function isStale(
  flow: Flow,
  targets: FlowTargets,
  services: () => Iterable<ServicePort> = () => [],
): boolean {
  const { protocol, original, reply } = flow;
  const served = `${reply.source} ${reply.sourcePort}`;
  const met = `${original.destination} ${original.destinationPort}`;
  const allowed = targets.get(`${protocol} ${met}`);
  if (allowed !== undefined) return !allowed.has(served);
  const atNodePort = targets.get(`${protocol} ${original.destinationPort}`);
  if (atNodePort === undefined) return false;
  if (served !== met) return !atNodePort.has(served) && !isToAnyOf(services(), flow);
  const hasOwnSource = reply.destination === original.source && reply.destinationPort === original.sourcePort;
  return atNodePort.size > 0 && hasOwnSource;
}

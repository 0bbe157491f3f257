import type { Endpoint, EndpointSlice } from '../../api/discovery/v1/endpoint-slice.ts';
import { isLinkLocal, isLoopback, isMulticast, isUnspecified, parseIp } from '../../net/ip.ts';
import type { Ip, IpFamily } from '../../net/ip.ts';
import { isPort } from '../../net/port.ts';
import { sliceWeight } from './annotations.ts';
import type { Protocol, ProxyEndpoint } from './model.ts';

/** An endpoint of one Service port as the slices describe it, before any decision. */
export interface EndpointCandidate extends ProxyEndpoint {
  readonly isReady: boolean;
  readonly isTerminating: boolean;
  /** Shutting down but still answering: used only when nothing ready is left (KEP-1669). */
  readonly isServingWhileTerminating: boolean;
  /** Whom the control plane means it for; absent = nothing is said. */
  readonly forZones?: readonly string[];
  readonly forNodes?: readonly string[];
  readonly nodeName?: string;
  /** Name of the Pod behind it. */
  readonly podName?: string;
  /** Why it may never be used; absent = it may. */
  readonly unusable?: string;
}

export interface CandidateQuery {
  readonly family: IpFamily;
  readonly portName: string;
  readonly protocol: Protocol;
  readonly nodeName: string;
  /** Shares by address or Pod name, before those of the slices. */
  readonly weights: ReadonlyMap<string, number>;
  /** Addresses that may never be an endpoint: the virtual IPs themselves. */
  readonly isVirtual: (address: string) => boolean;
  /** ProxyNode.hasLoopbackEndpoints. */
  readonly isLoopbackUsable?: boolean | undefined;
}

/**
 * What the slices of a Service offer for one port, sorted by address and port; the same address and port is one
 * candidate however many slices hold it, with the better of their conditions and the greater of their weights.
 */
export function endpointCandidates(
  slices: Iterable<EndpointSlice>,
  query: CandidateQuery,
): EndpointCandidate[] {
  const found: EndpointCandidate[] = [];
  for (const slice of slices) {
    for (const port of slice.ports ?? []) {
      if ((port.name ?? '') !== query.portName || (port.protocol ?? 'TCP') !== query.protocol) continue;
      if (port.port !== undefined && port.port !== 0) collect(found, { slice, port: port.port, query });
    }
  }
  return merge(found.sort(byAddress));
}

interface PortOfSlice {
  readonly slice: EndpointSlice;
  readonly port: number;
  readonly query: CandidateQuery;
}

function collect(found: EndpointCandidate[], { slice, port, query }: PortOfSlice): void {
  const ofSlice = sliceWeight(slice.metadata.annotations);
  const sliceShare = typeof ofSlice === 'number' ? ofSlice : 1;
  for (const endpoint of slice.endpoints ?? []) {
    // The addresses of one endpoint are interchangeable; consumers use the first (discovery/v1 Endpoint.addresses).
    const ip = parseIp(endpoint.addresses[0] ?? '');
    if (ip?.family !== query.family) continue;
    const podName = endpoint.targetRef?.kind === 'Pod' ? endpoint.targetRef.name : undefined;
    const weight = query.weights.get(ip.text) ?? query.weights.get(podName ?? '') ?? sliceShare;
    const fault = isPort(port) ? whyUnusable(ip, query) : `${String(port)} is no port number`;
    const unusable = weight === 0 ? DRAINED : fault;
    found.push(
      candidateOf(endpoint, { ip: ip.text, port, weight, podName, unusable, nodeName: query.nodeName }),
    );
  }
}

/** What a candidate is told apart by and its weight. */
interface Place {
  readonly ip: string;
  readonly port: number;
  readonly weight: number;
  readonly podName: string | undefined;
  readonly unusable: string | undefined;
  /** Of this node. */
  readonly nodeName: string;
}

function candidateOf(endpoint: Endpoint, place: Place): EndpointCandidate {
  const { ip, port, weight, podName, unusable } = place;
  const { nodeName, hints } = endpoint;
  const { ready, serving, terminating = false } = endpoint.conditions ?? {};
  return {
    ip,
    port,
    isLocal: place.nodeName !== '' && nodeName === place.nodeName,
    isReady: ready ?? true,
    isTerminating: terminating,
    isServingWhileTerminating: (serving ?? true) && terminating,
    ...(weight === 1 ? {} : { weight }),
    ...(nodeName === undefined ? {} : { nodeName }),
    ...(podName === undefined ? {} : { podName }),
    ...(unusable === undefined ? {} : { unusable }),
    ...(hints?.forZones?.length ? { forZones: hints.forZones.map(({ name }) => name) } : {}),
    ...(hints?.forNodes?.length ? { forNodes: hints.forNodes.map(({ name }) => name) } : {}),
  };
}

const DRAINED = 'it is drained: its weight is 0';

/** The API refuses such addresses from today's clients; what was stored before, or by another server, may hold them. */
function whyUnusable(ip: Ip, query: CandidateQuery): string | undefined {
  if (query.isVirtual(ip.text)) return 'its address is a cluster IP';
  if (isLoopback(ip) && query.isLoopbackUsable !== true) return 'its address is a loopback address';
  if (isLinkLocal(ip)) return 'its address is link-local';
  if (isMulticast(ip)) return 'its address is a multicast address';
  return isUnspecified(ip) ? 'its address is unspecified' : undefined;
}

/** Whether a reason is the fault of whoever wrote the endpoint, rather than somebody's will. */
export const isFault = (reason: string): boolean => reason !== DRAINED;

/** Neighbours with the same address and port become one. */
function merge(sorted: readonly EndpointCandidate[]): EndpointCandidate[] {
  const merged: EndpointCandidate[] = [];
  for (const next of sorted) {
    const last = merged.at(-1);
    if (last === undefined || byAddress(last, next) !== 0) merged.push(next);
    else merged[merged.length - 1] = mergeTwo(last, next);
  }
  return merged;
}

function mergeTwo(a: EndpointCandidate, b: EndpointCandidate): EndpointCandidate {
  const weight = Math.max(a.weight ?? 1, b.weight ?? 1);
  // Who is ready knows best whom it is meant for, so that the order of the slices does not matter.
  const [better, worse] = b.isReady && !a.isReady ? [b, a] : [a, b];
  const isBoth = a.isReady === b.isReady;
  const { forZones: _zones, forNodes: _nodes, unusable: _unusable, weight: _weight, ...rest } = better;
  const hints = (key: 'forZones' | 'forNodes'): readonly string[] | undefined => {
    if (!isBoth) return better[key];
    return a[key] && b[key] ? [...new Set([...a[key], ...b[key]])].sort() : undefined;
  };
  const [forZones, forNodes] = [hints('forZones'), hints('forNodes')];
  const unusable = weight === 0 || a.weight !== 0 ? a.unusable : b.unusable;
  return {
    ...rest,
    isLocal: a.isLocal || b.isLocal,
    isTerminating: a.isTerminating && b.isTerminating,
    isServingWhileTerminating: a.isServingWhileTerminating || b.isServingWhileTerminating,
    ...(weight === 1 ? {} : { weight }),
    ...(worse.podName === undefined || rest.podName !== undefined ? {} : { podName: worse.podName }),
    ...(unusable === undefined ? {} : { unusable }),
    ...(forZones === undefined ? {} : { forZones }),
    ...(forNodes === undefined ? {} : { forNodes }),
  };
}

function byAddress(a: ProxyEndpoint, b: ProxyEndpoint): number {
  if (a.ip !== b.ip) return a.ip < b.ip ? -1 : 1;
  return a.port - b.port;
}

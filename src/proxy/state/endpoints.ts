import type { EndpointSlice } from '../../api/discovery/v1/endpoint-slice.ts';
import type { IpFamily } from '../../net/ip.ts';
import type { FrontendDecision, Frontend, Protocol, ProxyEndpoint } from './model.ts';
import { addressOf } from './service-port.ts';
import type { ServicePortSpec } from './service-port.ts';

/** An endpoint of one Service port as the slices describe it, before any decision. */
export interface EndpointCandidate extends ProxyEndpoint {
  readonly isReady: boolean;
  /** Shutting down but still answering: used only when nothing ready is left (KEP-1669). */
  readonly isServingWhileTerminating: boolean;
}

export interface CandidateQuery {
  readonly family: IpFamily;
  readonly portName: string;
  readonly protocol: Protocol;
  readonly nodeName: string;
  /** Addresses that may never be an endpoint: the virtual IPs themselves. */
  readonly isVirtual: (address: string) => boolean;
}

/**
 * What the slices of a Service offer for one port, sorted by address and port; the same address and port is one
 * candidate however many slices hold it, with the better of their conditions.
 */
export function endpointCandidates(
  slices: Iterable<EndpointSlice>,
  query: CandidateQuery,
): EndpointCandidate[] {
  const found: EndpointCandidate[] = [];
  for (const slice of slices) {
    for (const port of slice.ports ?? []) {
      if ((port.name ?? '') !== query.portName || (port.protocol ?? 'TCP') !== query.protocol) continue;
      if (port.port !== undefined) collect(found, { slice, port: port.port, query });
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
  for (const endpoint of slice.endpoints ?? []) {
    // The addresses of one endpoint are interchangeable; consumers use the first (discovery/v1 Endpoint.addresses).
    const ip = addressOf(query.family, endpoint.addresses[0]);
    if (ip === undefined || query.isVirtual(ip)) continue;
    const { ready, serving, terminating } = endpoint.conditions ?? {};
    found.push({
      ip,
      port,
      isLocal: query.nodeName !== '' && endpoint.nodeName === query.nodeName,
      isReady: ready ?? true,
      isServingWhileTerminating: (serving ?? true) && (terminating ?? false),
    });
  }
}

/** Neighbours with the same address and port become one. */
function merge(sorted: readonly EndpointCandidate[]): EndpointCandidate[] {
  const merged: EndpointCandidate[] = [];
  for (const next of sorted) {
    const last = merged.at(-1);
    if (last === undefined || byAddress(last, next) !== 0) merged.push(next);
    else
      merged[merged.length - 1] = {
        ip: next.ip,
        port: next.port,
        isLocal: last.isLocal || next.isLocal,
        isReady: last.isReady || next.isReady,
        isServingWhileTerminating: last.isServingWhileTerminating || next.isServingWhileTerminating,
      };
  }
  return merged;
}

function byAddress(a: ProxyEndpoint, b: ProxyEndpoint): number {
  if (a.ip !== b.ip) return a.ip < b.ip ? -1 : 1;
  return a.port - b.port;
}

/** The ready ones; when there are none, those that still serve while they terminate. */
export function usableEndpoints(candidates: readonly EndpointCandidate[]): readonly ProxyEndpoint[] {
  const ready = candidates.filter((candidate) => candidate.isReady);
  const usable = ready.length > 0 ? ready : candidates.filter((c) => c.isServingWhileTerminating);
  return usable.map(({ ip, port, isLocal }) => ({ ip, port, isLocal }));
}

/**
 * Which endpoints each frontend gets. Policy Cluster: all usable ones, refused when there are none. Policy Local: those
 * of this node; none here but some elsewhere = dropped, so that a load balancer's probe times out rather than a client
 * being told the Service is gone; none anywhere = refused. Sources are rewritten as kube-proxy does: outside traffic
 * under policy Cluster always (its answers must come back through this node), under Local never.
 */
export function decideFrontends(
  spec: Pick<ServicePortSpec, 'isInternalLocal' | 'isExternalLocal'>,
  frontends: readonly Frontend[],
  candidates: readonly EndpointCandidate[],
): FrontendDecision[] {
  const everywhere = usableEndpoints(candidates);
  const here =
    spec.isInternalLocal || spec.isExternalLocal
      ? usableEndpoints(candidates.filter((candidate) => candidate.isLocal))
      : [];
  return frontends.map((frontend) => {
    const isInternal = frontend.kind === 'clusterIP';
    const isLocalOnly = isInternal ? spec.isInternalLocal : spec.isExternalLocal;
    const masquerade = isInternal ? 'off-cluster' : isLocalOnly ? 'never' : 'always';
    if (!isLocalOnly) return { frontend, endpoints: everywhere, whenEmpty: 'reject', masquerade };
    return { frontend, endpoints: here, whenEmpty: everywhere.length > 0 ? 'drop' : 'reject', masquerade };
  });
}

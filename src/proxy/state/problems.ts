import type { EndpointSlice } from '../../api/discovery/v1/endpoint-slice.ts';
import { sliceWeight } from './annotations.ts';
import type { Claims } from './claims.ts';
import { isFault } from './endpoints.ts';
import type { EndpointCandidate } from './endpoints.ts';
import type { Frontend, Protocol } from './model.ts';
import type { ServiceSpec } from './service-port.ts';

/** Of so many endpoints a message names each; of more it gives the number. */
const MAX_NAMED = 5;

/** What of a Service is ignored, one sentence each: what is wrong with its annotations, addresses and ports. */
export function problemsOf(
  spec: ServiceSpec,
  found: {
    readonly offered: readonly (readonly EndpointCandidate[])[];
    readonly claims: Claims;
    readonly slices: readonly EndpointSlice[];
  },
): readonly string[] {
  const problems = new Set(spec.problems);
  for (const slice of found.slices) {
    const weight = sliceWeight(slice.metadata.annotations);
    if (typeof weight === 'string') problems.add(`EndpointSlice ${slice.metadata.name}: ${weight}`);
  }
  for (const [reason, addresses] of faults(found.offered)) {
    const named = [...addresses].slice(0, MAX_NAMED).join(', ');
    const more = addresses.size > MAX_NAMED ? ` and ${addresses.size - MAX_NAMED} more` : '';
    problems.add(`endpoint ${named}${more} is ignored: ${reason}`);
  }
  for (const { id, protocol, frontends } of spec.ports) {
    for (const frontend of frontends) {
      const holder = found.claims.holder(protocol, frontend);
      if (holder !== undefined && holder !== id) problems.add(heldByOther(protocol, frontend, holder));
    }
  }
  return [...problems];
}

function faults(offered: readonly (readonly EndpointCandidate[])[]): Map<string, Set<string>> {
  const byReason = new Map<string, Set<string>>();
  for (const candidates of offered) {
    for (const { ip, unusable } of candidates) {
      if (unusable === undefined || !isFault(unusable)) continue;
      const addresses = byReason.get(unusable) ?? new Set();
      byReason.set(unusable, addresses.add(ip));
    }
  }
  return byReason;
}

/** `node port 30080/TCP is left to default/other:http/TCP, which has the better claim`. */
function heldByOther(protocol: Protocol, frontend: Frontend, holder: string): string {
  return `${frontendInWords(protocol, frontend)} is left to ${holder}, which has the better claim`;
}

const kinds = {
  clusterIP: 'cluster IP',
  externalIP: 'external IP',
  loadBalancerIP: 'load balancer IP',
  nodePort: 'node port',
} as const;

/** `cluster IP 10.96.0.10 port 80/TCP`, `node port 30080/TCP`. */
export function frontendInWords(protocol: Protocol, frontend: Frontend): string {
  const numbers =
    frontend.endPort === undefined ? `${frontend.port}` : `${frontend.port}-${frontend.endPort}`;
  return frontend.kind === 'nodePort'
    ? `${kinds.nodePort} ${numbers}/${protocol}`
    : `${kinds[frontend.kind]} ${frontend.ip} port ${numbers}/${protocol}`;
}

import type { Service } from '../../api/core/v1/service.ts';
import type { EndpointCandidate } from './endpoints.ts';

/** What a load balancer asks a node about one Service (spec.healthCheckNodePort). */
export interface HealthCheck {
  readonly port: number;
  /**
   * Addresses of this node that are ready for the Service, whatever their ports. Those that terminate do not count although they may
   * get traffic: the load balancer shall look elsewhere (pkg/proxy LocalReadyEndpoints). Nor do drained ones.
   */
  readonly nLocalEndpoints: number;
}

/** `offered`: the candidates of each of the Service's ports. Undefined: nothing is asked about it. */
export function healthCheckOf(
  { spec }: Service,
  offered: readonly (readonly EndpointCandidate[])[],
): HealthCheck | undefined {
  const port = spec.healthCheckNodePort ?? 0;
  if (spec.type !== 'LoadBalancer' || spec.externalTrafficPolicy !== 'Local' || port === 0) return undefined;
  const addresses = new Set<string>();
  for (const candidates of offered) {
    for (const { ip, isLocal, isReady, unusable } of candidates) {
      if (isLocal && isReady && unusable === undefined) addresses.add(ip);
    }
  }
  return { port, nLocalEndpoints: addresses.size };
}

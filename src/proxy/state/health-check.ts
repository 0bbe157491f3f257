import type { Service } from '../../api/core/v1/service.ts';
import { isPort } from '../../net/port.ts';
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

/** Where a load balancer asks about the Service; undefined = nowhere. */
export function healthCheckPortOf({ spec }: Service): number | undefined {
  const { type, externalTrafficPolicy, healthCheckNodePort: port } = spec;
  return type === 'LoadBalancer' && externalTrafficPolicy === 'Local' && isPort(port) ? port : undefined;
}

/** `offered`: the candidates of each of the Service's ports. Undefined: nothing is asked about it. */
export function healthCheckOf(
  service: Service,
  offered: readonly (readonly EndpointCandidate[])[],
): HealthCheck | undefined {
  const port = healthCheckPortOf(service);
  if (port === undefined) return undefined;
  const addresses = new Set<string>();
  for (const candidates of offered) {
    for (const { ip, isLocal, isReady, unusable } of candidates) {
      if (isLocal && isReady && unusable === undefined) addresses.add(ip);
    }
  }
  return { port, nLocalEndpoints: addresses.size };
}

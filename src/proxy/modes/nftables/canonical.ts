import { elementKey } from '../../../kernel/nft/model.ts';
import type {
  Destination,
  Frontend,
  FrontendDecision,
  ProxyEndpoint,
  ServicePort,
} from '../../state/model.ts';
import type { CanonicalFrontend } from './demand-chains.ts';

/** Identity of a canonical frontend, as in the keys of the affinity maps. */
export const canonicalKey = ({ ip, protocol, port }: CanonicalFrontend): string =>
  elementKey([ip, protocol, port]);

function isAlike(a: readonly ProxyEndpoint[], b: readonly ProxyEndpoint[]): boolean {
  if (a === b) return true;
  return a.length === b.length && a.every(({ ip, port }, i) => ip === b[i]?.ip && port === b[i].port);
}

const isRangeOf = (frontend: Frontend): boolean =>
  frontend.kind !== 'nodePort' && frontend.endPort !== undefined;

/**
 * The frontend under which clients of these endpoints are remembered: the first address frontend with the same endpoints, so that a
 * client meets the same endpoint through each of them. Frontends whose policy leaves them other endpoints remember on their own, and
 * ranges, which have no endpoint's port to remember, among themselves.
 */
export function canonicalFrontend(
  port: ServicePort,
  met: Frontend,
  { endpoints }: Destination,
): CanonicalFrontend {
  const protocol = port.protocol.toLowerCase();
  const isRange = isRangeOf(met);
  const others: FrontendDecision[] = port.frontends.filter(
    ({ frontend }) => frontend.kind !== 'nodePort' && isRangeOf(frontend) === isRange,
  );
  const found =
    others.find((other) => isAlike(other.endpoints, endpoints)) ??
    others.find(({ fromCluster }) => fromCluster !== undefined && isAlike(fromCluster.endpoints, endpoints));
  if (found !== undefined && found.frontend.kind !== 'nodePort')
    return { ip: found.frontend.ip, protocol, port: found.frontend.port, isRange };
  /** A node port alone: the address no packet has. */
  const isIpv6 = endpoints[0]?.ip.includes(':') ?? false;
  return { ip: isIpv6 ? '::' : '0.0.0.0', protocol, port: met.port, isRange };
}

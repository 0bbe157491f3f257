import type { FeatureGates } from '../feature-gates.ts';
import type { Cidr } from '../../net/cidr.ts';
import type { PortRange } from '../../net/port-range.ts';

/** What the registry needs of the server's configuration. */
export interface RegistryConfig {
  /** One per IP family, the primary first. */
  readonly serviceCidrs: readonly Cidr[];
  readonly nodePortRange: PortRange;
  /** What the Service `default/kubernetes` leads to. */
  readonly advertise: { readonly address: string; readonly port: number };
  /** PEM of the authorities that sign clients' certificates; published for servers that extend the API. */
  readonly clientCa?: string;
  /** Special addresses that endpoints may have nevertheless; a cluster without its own network has only loopback. */
  readonly allowedEndpointCidrs?: readonly Cidr[];
  /** Default: every gate as it is when nobody turns it. */
  readonly featureGates?: FeatureGates;
  /** Admission plugins that are off, by upstream's names; default: none. */
  readonly disabledAdmission?: readonly string[];
}

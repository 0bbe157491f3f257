import { endpointSlicesV1beta1 } from './discovery/v1beta1/endpoint-slice.ts';
import { eventsOfGroup } from './events/v1/event.ts';
import type { KindVersion } from './kind-version.ts';
import { ipAddressesV1beta1, serviceCIDRsV1beta1 } from './networking/v1beta1/service-addresses.ts';

/** Every version beside the stored ones. One line each. */
export const kindVersions: readonly KindVersion[] = [
  endpointSlicesV1beta1,
  eventsOfGroup,
  ipAddressesV1beta1,
  serviceCIDRsV1beta1,
];

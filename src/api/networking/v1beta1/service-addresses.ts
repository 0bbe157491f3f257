import type { KindVersion } from '../../kind-version.ts';
import type { Kind } from '../../kind.ts';
import { message } from '../../schema/schema.ts';
import { ipAddress, ipAddresses } from '../v1/ip-address.ts';
import { serviceCIDR, serviceCIDRs } from '../v1/service-cidr.ts';

/** The kind as it was called before it was finished: nothing differs but the name of the version. */
const unfinished = (stored: Kind, kind: Kind): KindVersion => ({
  kind,
  stored,
  toStored: (object) => object,
  fromStored: (object) => object,
});

const group = 'io.k8s.api.networking.v1beta1';

/** kubectl up to 1.32 describes both kinds by this version. */
export const serviceCIDRsV1beta1 = unfinished(serviceCIDRs, {
  ...serviceCIDRs,
  version: 'v1beta1',
  deprecation: { since: '1.34', goneIn: '1.37', use: 'networking.k8s.io/v1 ServiceCIDR' },
  schema: message(`${group}.ServiceCIDR`, serviceCIDR.description, serviceCIDR.fields),
});
export const ipAddressesV1beta1 = unfinished(ipAddresses, {
  ...ipAddresses,
  version: 'v1beta1',
  deprecation: { since: '1.34', goneIn: '1.37', use: 'networking.k8s.io/v1 IPAddress' },
  schema: message(`${group}.IPAddress`, ipAddress.description, ipAddress.fields),
});

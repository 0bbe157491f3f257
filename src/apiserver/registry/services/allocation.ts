import type { Kind } from '../../../api/kind.ts';
import { type IPAddress, ipAddresses } from '../../../api/networking/v1/ip-address.ts';
import { type ServiceCIDR, serviceCIDRs } from '../../../api/networking/v1/service-cidr.ts';
import type { IpFamily } from '../../../net/ip.ts';
import type { ObjectTable } from '../../cache/object-table.ts';
import type { KeyListener } from '../../cache/watch-cache.ts';
import type { RegistryConfig } from '../registry-config.ts';
import { addressPool, type AddressSource } from './address-pools.ts';
import type { AllocationContext } from './claims.ts';
import { nodePortPool } from './pools.ts';

export interface Allocation extends AllocationContext {
  /** Configured families, the primary first. */
  readonly families: readonly IpFamily[];
  readonly listeners: readonly KeyListener[];
}

/** What Services get their addresses and node ports from; `tableOf` gives the objects in memory once they are there. */
export function createAllocation(
  { serviceCidrs, nodePortRange }: RegistryConfig,
  tableOf: (kind: Kind) => ObjectTable,
): Allocation {
  const source: AddressSource = {
    serviceCIDRs: () => tableOf(serviceCIDRs).range('', '') as ServiceCIDR[],
    holder: (ip) => tableOf(ipAddresses).get(ip) as IPAddress | undefined,
  };
  const nodePorts = nodePortPool(nodePortRange);
  const families = serviceCidrs.map(({ family }) => family);
  return {
    addresses: Object.fromEntries(families.map((family) => [family, addressPool(family, source)])),
    addressHolder: source.holder,
    nodePorts,
    families,
    listeners: [nodePorts.listener],
  };
}

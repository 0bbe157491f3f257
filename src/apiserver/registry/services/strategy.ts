import type { Service } from '../../../api/core/v1/service.ts';
import type { IpFamily } from '../../../net/ip.ts';
import { type FeatureGates, featureGates } from '../../feature-gates.ts';
import { type Strategy, statusStrategy, withStatusOf } from '../strategy.ts';
import { type AllocationContext, planClaims, releasableKeysOf } from './claims.ts';
import { initIPFamilies } from './families.ts';
import { gateFaults, withoutGatedFields } from './gates.ts';
import { dropTypeDependentFields, keepAllocatedValues, normalizeClusterIPs } from './normalize.ts';
import { serviceWarnings } from './warnings.ts';
import { serviceChangeFaults, serviceFaults, serviceStatusFaults } from './validation.ts';

export interface ServiceStrategyOptions {
  /** Configured families, the primary first. */
  readonly families: readonly IpFamily[];
  readonly allocation: AllocationContext;
  /** Default: every gate as it is when nobody turns it. */
  readonly gates?: FeatureGates;
}

/** Services through the main resource. */
export function serviceStrategy({
  families,
  allocation,
  gates = featureGates(),
}: ServiceStrategyOptions): Strategy<Service> {
  return {
    prepare: ({ next, prev }) => {
      const written = withoutGatedFields({ next: withStatusOf(next, prev), prev }, gates);
      const kept = prev === undefined ? written : keepAllocatedValues(written, prev);
      const agreed = normalizeClusterIPs(kept, prev);
      const { service } = initIPFamilies({ next: agreed, prev }, families);
      const dropped = prev === undefined ? service : dropTypeDependentFields(service, prev);
      return dropped.status?.loadBalancer === undefined
        ? { ...dropped, status: { ...dropped.status, loadBalancer: {} } }
        : dropped;
    },
    validate: ({ next, prev }) => {
      const { errors } = initIPFamilies({ next, prev }, families);
      if (errors.length > 0) return errors;
      return [
        ...(prev === undefined ? [] : serviceChangeFaults(next, prev)),
        ...serviceFaults(next, prev),
        ...gateFaults({ next, prev }, gates),
      ];
    },
    claim: (change, tried) => planClaims(change, { ...allocation, tried }),
    held: (service) => releasableKeysOf(service, allocation),
    warnings: ({ next }) => serviceWarnings(next),
  };
}

/** The rules of `/status`. */
export const serviceStatusStrategy = (gates: FeatureGates = featureGates()): Strategy<Service> =>
  statusStrategy(({ next, prev }) =>
    serviceStatusFaults(next, prev, gates.isEnabled('AllowServiceLBStatusOnNonLB')),
  );

import type { Service } from '../../../api/core/v1/service.ts';
import { type FieldError, invalidValue, notSupported } from '../../../api/errors/field-error.ts';
import type { FeatureGates } from '../../feature-gates.ts';
import type { Change } from '../strategy.ts';
import { isLoadBalancer, portsOf, withSpec } from './service-type.ts';

const hasSctp = (service: Service): boolean => portsOf(service).some(({ protocol }) => protocol === 'SCTP');
const protocolsOf = (service: Service): ReadonlySet<string | undefined> =>
  new Set(portsOf(service).map(({ protocol }) => protocol));
const isMixed = (service: Service): boolean => isLoadBalancer(service) && protocolsOf(service).size > 1;

/** What gates that are off refuse; what stands already may stay. */
export function gateFaults({ next, prev }: Change<Service>, gates: FeatureGates): FieldError[] {
  const errors: FieldError[] = [];
  if (!gates.isEnabled('SCTPSupport') && !(prev !== undefined && hasSctp(prev))) {
    for (const [i, { protocol }] of portsOf(next).entries()) {
      if (protocol !== 'SCTP') continue;
      errors.push(notSupported(`spec.ports[${i}].protocol`, protocol, ['TCP', 'UDP']));
    }
  }
  if (!gates.isEnabled('MixedProtocolLBService') && isMixed(next) && !(prev !== undefined && isMixed(prev))) {
    const why = 'cannot create an external load balancer with mix protocols';
    errors.push(invalidValue('spec.ports', portsOf(next), why));
  }
  return errors;
}

/** Fields that gates which are off know nothing of. */
export function withoutGatedFields({ next, prev }: Change<Service>, gates: FeatureGates): Service {
  if (gates.isEnabled('ServiceLBNodePortControl') || next.spec.allocateLoadBalancerNodePorts !== false)
    return next;
  const isInUse = prev?.spec.allocateLoadBalancerNodePorts === false;
  if (isInUse) return next;
  return withSpec(next, { allocateLoadBalancerNodePorts: isLoadBalancer(next) ? true : undefined });
}

import { type FieldError, invalidValue, required } from '../../../api/errors/field-error.ts';
import type { ServiceCIDR } from '../../../api/networking/v1/service-cidr.ts';
import { parseCidr } from '../../../net/cidr.ts';
import { canonicalCidrFaults } from '../rules/addresses.ts';

const PATH = 'spec.cidrs';
const IMMUTABLE = 'field is immutable';

/** One block, or one per family (upstream: ValidateServiceCIDR). */
export function serviceCIDRFaults({ spec }: ServiceCIDR): FieldError[] {
  const cidrs = spec.cidrs ?? [];
  if (cidrs.length === 0) return [required(PATH, 'at least one CIDR required')];
  if (cidrs.length > 2) return [invalidValue(PATH, { CIDRs: cidrs }, 'may only hold up to 2 values')];
  const errors = cidrs.flatMap((cidr, i) => canonicalCidrFaults(`${PATH}[${i}]`, cidr));
  const [first, second] = cidrs.map((cidr) => parseCidr(cidr)?.family);
  if (cidrs.length === 2 && first !== undefined && first === second) {
    const detail = 'may specify no more than one IP for each IP family, i.e 192.168.0.0/24 and 2001:db8::/64';
    errors.push(invalidValue(PATH, cidrs, detail));
  }
  return errors;
}

/** Blocks stay, save that a second family may be added (upstream: ValidateServiceCIDRUpdate). */
export function serviceCIDRChangeFaults(next: ServiceCIDR, prev: ServiceCIDR): FieldError[] {
  const cidrs = next.spec.cidrs ?? [];
  const old = prev.spec.cidrs ?? [];
  const changed = (i: number): FieldError[] =>
    cidrs[i] === old[i] ? [] : [invalidValue(`${PATH}[${i}]`, cidrs[i] ?? '', IMMUTABLE)];
  if (cidrs.length === old.length) return old.flatMap((_, i) => changed(i));
  if (old.length === 1 && cidrs.length === 2) return [...changed(0), ...serviceCIDRFaults(next)];
  return [invalidValue(PATH, cidrs, IMMUTABLE)];
}

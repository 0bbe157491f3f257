import type { Service } from '../../../api/core/v1/service.ts';
import {
  duplicate,
  invalidValue,
  notSupported,
  required,
  type FieldError,
} from '../../../api/errors/field-error.ts';
import { ipFaults, sloppyIp } from '../rules/addresses.ts';
import { clusterIPsOf, isExternalName, isHeadless } from './service-type.ts';

const FAMILIES = ['IPv4', 'IPv6'];
const POLICIES = ['PreferDualStack', 'RequireDualStack', 'SingleStack'];
const IPS = 'spec.clusterIPs';

/** clusterIP, clusterIPs, ipFamilies and ipFamilyPolicy, each and together (upstream: ValidateServiceClusterIPsRelatedFields). */
export function clusterIPFaults(service: Service, prev?: Service): FieldError[] {
  if (isExternalName(service)) return [];
  const { ipFamilyPolicy } = service.spec;
  const errors = [...agreementFaults(service), ...familyFaults(service)];
  if (ipFamilyPolicy !== undefined && !POLICIES.includes(ipFamilyPolicy)) {
    errors.push(notSupported('spec.ipFamilyPolicy', ipFamilyPolicy, POLICIES));
  }
  const addresses = addressFaults(service, prev);
  errors.push(...addresses.errors);
  return addresses.isReadable ? [...errors, ...matchFaults(service)] : errors;
}

function agreementFaults(service: Service): FieldError[] {
  const { clusterIP = '' } = service.spec;
  const ips = [...clusterIPsOf(service)];
  if (clusterIP === '') {
    return ips.length === 0
      ? []
      : [invalidValue(IPS, ips, 'must be empty when `clusterIP` is not specified')];
  }
  if (ips.length === 0) return [required(IPS, '')];
  return ips[0] === clusterIP ? [] : [invalidValue(IPS, ips, 'first value must match `clusterIP`')];
}

function familyFaults(service: Service): FieldError[] {
  const seen = new Set<string>();
  return (service.spec.ipFamilies ?? []).flatMap((family, i) => {
    const path = `spec.ipFamilies[${i}]`;
    const errors = FAMILIES.includes(family) ? [] : [notSupported(path, family, FAMILIES)];
    if (seen.has(family)) errors.push(duplicate(path, family));
    seen.add(family);
    return errors;
  });
}

function addressFaults(
  service: Service,
  prev: Service | undefined,
): { readonly errors: FieldError[]; readonly isReadable: boolean } {
  const ips = [...clusterIPsOf(service)];
  const standing = new Set(prev === undefined ? [] : clusterIPsOf(prev));
  const errors: FieldError[] = [];
  for (const [i, ip] of ips.entries()) {
    if (i > 0 || ip !== 'None') errors.push(...ipFaults(`${IPS}[${i}]`, ip, standing));
    else if (ips.length > 1) errors.push(invalidValue(IPS, ips, "'None' must be the first and only value"));
  }
  const isReadable = errors.length === 0;
  if (ips.length > 2) errors.push(invalidValue(IPS, ips, 'may only hold up to 2 values'));
  return { errors, isReadable };
}

function matchFaults(service: Service): FieldError[] {
  const ips = [...clusterIPsOf(service)];
  if (isHeadless(service)) return [];
  const errors: FieldError[] = [];
  const found = ips.map((ip) => sloppyIp(ip)?.family);
  if (ips.length > 1 && new Set(found).size < 2) {
    errors.push(invalidValue(IPS, ips, 'may specify no more than one IP for each IP family'));
  }
  for (const [i, family] of (service.spec.ipFamilies ?? []).slice(0, ips.length).entries()) {
    if (!FAMILIES.includes(family) || found[i] === family) continue;
    const detail = `expected an ${family} value as indicated by \`ipFamilies[${i}]\``;
    errors.push(invalidValue(`${IPS}[${i}]`, ips[i] ?? '', detail));
  }
  return errors;
}

/** What may not change once it is set, save through the policy (upstream: validateUpgradeDowngrade…). */
export function clusterIPChangeFaults(next: Service, prev: Service): FieldError[] {
  if (isExternalName(next) || isExternalName(prev)) return [];
  const isHeadlessNow = isHeadless(next);
  const wasHeadless = isHeadless(prev);
  if (isHeadlessNow && wasHeadless) return [];
  const errors = listChangeFaults(next, prev, 'clusterIP');
  return isHeadlessNow === wasHeadless ? [...errors, ...listChangeFaults(next, prev, 'ipFamily')] : errors;
}

function listChangeFaults(next: Service, prev: Service, what: 'clusterIP' | 'ipFamily'): FieldError[] {
  const [field, path] =
    what === 'clusterIP' ? (['clusterIPs', IPS] as const) : (['ipFamilies', 'spec.ipFamilies'] as const);
  const list = [...(next.spec[field] ?? [])];
  const old = prev.spec[field] ?? [];
  if (list.length === old.length) {
    return old.flatMap((value, i) =>
      value === list[i] ? [] : [invalidValue(`${path}[${i}]`, list, 'may not change once set')],
    );
  }
  if (list.length === 0) return [invalidValue(`${path}[0]`, null, `primary ${what} can not be unset`)];
  const errors: FieldError[] = [];
  if (old.length > 0 && list[0] !== old[0])
    errors.push(invalidValue(`${path}[0]`, list, 'may not change once set'));
  const { ipFamilyPolicy } = next.spec;
  if (list.length === 1 && old.length > 1 && ipFamilyPolicy !== 'SingleStack') {
    const detail = `must be set to 'SingleStack' when releasing the secondary ${what}`;
    errors.push(invalidValue('spec.ipFamilyPolicy', ipFamilyPolicy ?? null, detail));
  }
  return errors;
}

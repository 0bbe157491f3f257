import type { Service } from '../../../api/core/v1/service.ts';
import { invalidValue, type FieldError } from '../../../api/errors/field-error.ts';
import type { IpFamily } from '../../../net/ip.ts';
import { sloppyIp } from '../rules/addresses.ts';
import type { Change } from '../strategy.ts';
import {
  clusterIPsOf,
  isExternalName,
  needsClusterIP,
  sameClusterIPs,
  sameIPFamilies,
  sameStrings,
  withSpec,
} from './service-type.ts';
import { clusterIPFaults } from './cluster-ips.ts';

export interface FamilyOutcome {
  readonly service: Service;
  /** When not empty, `service` is as it came, and nothing else is worth checking. */
  readonly errors: readonly FieldError[];
}

const POLICY = 'spec.ipFamilyPolicy';
const otherFamily = (family: string | undefined): IpFamily => (family === 'IPv4' ? 'IPv6' : 'IPv4');
const isHeadlessWithoutSelector = (service: Service): boolean =>
  service.spec.clusterIP === 'None' && Object.keys(service.spec.selector ?? {}).length === 0;

/**
 * Fills in ipFamilyPolicy and ipFamilies from what the client gave and what the cluster has, in the order of
 * `families` (the primary first). Doing it twice changes nothing. The rules are upstream's initIPFamilyFields (KEP-563).
 */
export function initIPFamilies(
  { next, prev }: Change<Service>,
  families: readonly IpFamily[],
): FamilyOutcome {
  if (isExternalName(next) || isUnchangedPreferDualStack(next, prev)) return { service: next, errors: [] };
  const faults = clusterIPFaults(next);
  if (faults.length > 0) return { service: next, errors: faults };
  const withPolicy = withSpec(next, {
    ipFamilyPolicy: next.spec.ipFamilyPolicy ?? defaultPolicy(next, prev),
  });
  const trimmed = trimToSingleStack(withPolicy, prev);
  const errors = [...reductionErrors(trimmed, prev), ...multiplicityErrors(trimmed)];
  const inferred = inferFromClusterIPs(trimmed, families);
  errors.push(...inferred.errors);
  if (errors.length > 0) return { service: next, errors };
  return isHeadlessWithoutSelector(inferred.service)
    ? { service: completeSelectorless(inferred.service, families), errors: [] }
    : complete(inferred.service, families);
}

/** A cluster that becomes dual-stack (or stops being so) does not change Services that merely prefer it. */
function isUnchangedPreferDualStack(next: Service, prev: Service | undefined): boolean {
  if (
    prev === undefined ||
    next.spec.type !== prev.spec.type ||
    next.spec.ipFamilyPolicy !== 'PreferDualStack'
  ) {
    return false;
  }
  const { ipFamilyPolicy = 'PreferDualStack' } = prev.spec;
  return ipFamilyPolicy === 'PreferDualStack' && sameClusterIPs(next, prev) && sameIPFamilies(next, prev);
}

function defaultPolicy(next: Service, prev: Service | undefined): string {
  if (prev?.spec.ipFamilyPolicy !== undefined) return prev.spec.ipFamilyPolicy;
  return isHeadlessWithoutSelector(next) ? 'RequireDualStack' : 'SingleStack';
}

/** Turning to SingleStack without touching the lists is clear intent: the second family goes. */
function trimToSingleStack(next: Service, prev: Service | undefined): Service {
  if (prev === undefined || next.spec.ipFamilyPolicy !== 'SingleStack') return next;
  const trim = (list: readonly string[], old: readonly string[]): readonly string[] =>
    sameStrings(list, old) ? list.slice(0, 1) : list;
  const ips = trim(clusterIPsOf(next), clusterIPsOf(prev));
  const families = trim(next.spec.ipFamilies ?? [], prev.spec.ipFamilies ?? []);
  return withSpec(next, {
    clusterIPs: ips.length === 0 ? undefined : ips,
    ipFamilies: families.length === 0 ? undefined : families,
  });
}

function reductionErrors(next: Service, prev: Service | undefined): FieldError[] {
  const { ipFamilyPolicy } = next.spec;
  if (prev === undefined || ipFamilyPolicy === 'SingleStack' || !needsClusterIP(prev)) return [];
  const isReduced = (list: readonly string[] = [], old: readonly string[] = []): boolean =>
    list.length > 0 && list.length < old.length;
  const must = (what: string): FieldError =>
    invalidValue(POLICY, ipFamilyPolicy ?? null, `must be 'SingleStack' to release the secondary ${what}`);
  const errors: FieldError[] = [];
  if (isReduced(next.spec.clusterIPs, prev.spec.clusterIPs)) errors.push(must('cluster IP'));
  if (isReduced(next.spec.ipFamilies, prev.spec.ipFamilies)) errors.push(must('IP family'));
  return errors;
}

function multiplicityErrors(next: Service): FieldError[] {
  const { ipFamilyPolicy = null } = next.spec;
  if (ipFamilyPolicy !== 'SingleStack') return [];
  const must = (what: string): FieldError =>
    invalidValue(
      POLICY,
      ipFamilyPolicy,
      `must be 'RequireDualStack' or 'PreferDualStack' when multiple ${what} are specified`,
    );
  const errors: FieldError[] = [];
  if (clusterIPsOf(next).length === 2) errors.push(must('cluster IPs'));
  if (next.spec.ipFamilies?.length === 2) errors.push(must('IP families'));
  return errors;
}

/** The order of the addresses a client chose is the order of the families. */
function inferFromClusterIPs(next: Service, families: readonly IpFamily[]): FamilyOutcome {
  const ips = clusterIPsOf(next);
  if (ips[0] === 'None') return { service: next, errors: [] };
  const list = [...(next.spec.ipFamilies ?? [])];
  const errors: FieldError[] = [];
  for (const [i, ip] of ips.entries()) {
    const family = sloppyIp(ip)?.family;
    if (i < list.length || family === undefined) continue;
    if (families.includes(family)) list.push(family);
    else
      errors.push(
        invalidValue(`spec.clusterIPs[${i}]`, [...ips], `${family} is not configured on this cluster`),
      );
  }
  return { service: list.length === 0 ? next : withSpec(next, { ipFamilies: list }), errors };
}

/** Nothing is allocated for these, so both families are fine on any cluster. */
function completeSelectorless(next: Service, families: readonly IpFamily[]): Service {
  const list = [...(next.spec.ipFamilies ?? families.slice(0, 1))];
  if (list.length < 2 && next.spec.ipFamilyPolicy !== 'SingleStack') list.push(otherFamily(list[0]));
  return withSpec(next, { ipFamilies: list });
}

function complete(next: Service, families: readonly IpFamily[]): FamilyOutcome {
  const errors: FieldError[] = [];
  const { ipFamilyPolicy = null } = next.spec;
  if (ipFamilyPolicy === 'RequireDualStack' && families.length < 2) {
    errors.push(
      invalidValue(POLICY, ipFamilyPolicy, 'this cluster is not configured for dual-stack services'),
    );
  }
  for (const [i, family] of (next.spec.ipFamilies ?? []).entries()) {
    if (families.some((known) => known === family)) continue;
    errors.push(invalidValue(`spec.ipFamilies[${i}]`, family, 'not configured on this cluster'));
  }
  if (errors.length > 0) return { service: next, errors };
  const list = [...(next.spec.ipFamilies ?? families.slice(0, 1))];
  if (list.length === 1 && families.length === 2 && ipFamilyPolicy !== 'SingleStack')
    list.push(otherFamily(list[0]));
  return { service: withSpec(next, { ipFamilies: list }), errors: [] };
}

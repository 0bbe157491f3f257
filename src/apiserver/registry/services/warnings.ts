import type { Service } from '../../../api/core/v1/service.ts';
import { cidrWarnings, ipWarnings } from '../rules/addresses.ts';
import { clusterIPsOf, isExternalName, needsClusterIP } from './service-type.ts';

const OLD_HINTS = 'service.kubernetes.io/topology-aware-hints';
const NEW_HINTS = 'service.kubernetes.io/topology-mode';

/** Fields that are allowed but do nothing, or will be gone one day (upstream: GetWarningsForService). */
export function serviceWarnings(service: Service): readonly string[] {
  const { spec, metadata } = service;
  const { externalIPs = [], externalName = '', loadBalancerIP = '', trafficDistribution } = spec;
  const isHeadless = spec.type === 'ClusterIP' && spec.clusterIP === 'None';
  const warnings: string[] = [];
  const warnIf = (isSo: boolean, text: string): unknown => isSo && warnings.push(text);
  const isOldHints = metadata.annotations?.[OLD_HINTS] !== undefined;
  warnIf(isOldHints, `annotation ${OLD_HINTS} is deprecated, please use ${NEW_HINTS} instead`);
  if (needsClusterIP(service) && !isHeadless) {
    warnings.push(...clusterIPsOf(service).flatMap((ip, i) => ipWarnings(`spec.clusterIPs[${i}]`, ip)));
  }
  if (isHeadless) {
    warnIf(loadBalancerIP !== '', 'spec.loadBalancerIP is ignored for headless services');
    warnIf(externalIPs.length > 0, 'spec.externalIPs is ignored for headless services');
    const isSticky = spec.sessionAffinity !== 'None';
    warnIf(isSticky, 'spec.SessionAffinity is ignored for headless services');
  }
  warnings.push(...externalIPs.flatMap((ip, i) => ipWarnings(`spec.externalIPs[${i}]`, ip)));
  warnIf(
    externalIPs.length > 0 && !isHeadless && !isExternalName(service),
    'spec.externalIPs is deprecated and may no longer be implemented in some clusters',
  );
  warnings.push(...ipWarnings('spec.loadBalancerIP', loadBalancerIP));
  const ranges = spec.loadBalancerSourceRanges ?? [];
  warnings.push(
    ...ranges.flatMap((cidr, i) => cidrWarnings(`spec.loadBalancerSourceRanges[${i}]`, cidr.trim())),
  );
  const isIgnored = isExternalName(service) && externalIPs.length > 0;
  warnIf(isIgnored, 'spec.externalIPs is ignored when spec.type is "ExternalName"');
  const isLeftOver = !isExternalName(service) && externalName !== '';
  warnIf(isLeftOver, 'spec.externalName is ignored when spec.type is not "ExternalName"');
  warnIf(
    trafficDistribution === 'PreferClose',
    'spec.trafficDistribution: "PreferClose" is deprecated; use "PreferSameZone"',
  );
  return warnings;
}

import type { Service } from '../../../api/core/v1/service.ts';
import { isExternalName, isHeadless } from './service-type.ts';

const OLD_HINTS = 'service.kubernetes.io/topology-aware-hints';
const NEW_HINTS = 'service.kubernetes.io/topology-mode';

/** Fields that are allowed but do nothing, or will be gone one day (upstream: GetWarningsForService). */
export function serviceWarnings(service: Service): readonly string[] {
  const { externalIPs = [], sessionAffinity } = service.spec;
  const warnings: string[] = [];
  if (service.metadata.annotations?.[OLD_HINTS] !== undefined) {
    warnings.push(`annotation ${OLD_HINTS} is deprecated, please use ${NEW_HINTS} instead`);
  }
  const reason = isExternalName(service)
    ? 'spec.type is "ExternalName"'
    : isHeadless(service)
      ? 'spec.clusterIP is "None"'
      : undefined;
  if (reason === undefined) return warnings;
  if (externalIPs.length > 0) warnings.push(`spec.externalIPs is ignored when ${reason}`);
  if (sessionAffinity === 'ClientIP') warnings.push(`spec.sessionAffinity is ignored when ${reason}`);
  return warnings;
}

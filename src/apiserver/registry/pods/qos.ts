import type { PodSpec } from '../../../api/core/v1/pod-spec.ts';

const COUNTED = ['cpu', 'memory'] as const;
const isZero = (quantity: string | undefined): boolean =>
  quantity === undefined || /^[+-]?0*\.?0*[a-zA-Z]*$/.test(quantity);

/** How the Pod fares when its node runs short (upstream: qos.ComputePodQOS), from its containers' resources. */
export function qosClassOf(spec: PodSpec): 'Guaranteed' | 'Burstable' | 'BestEffort' {
  const containers = [...(spec.initContainers ?? []), ...spec.containers];
  const hasAny = containers.some(({ resources }) =>
    COUNTED.some((name) => !isZero(resources?.requests?.[name]) || !isZero(resources?.limits?.[name])),
  );
  if (!hasAny) return 'BestEffort';
  const isGuaranteed = containers.every(({ resources }) =>
    COUNTED.every((name) => {
      const limit = resources?.limits?.[name];
      const request = resources?.requests?.[name] ?? limit;
      return !isZero(limit) && request === limit;
    }),
  );
  return isGuaranteed ? 'Guaranteed' : 'Burstable';
}

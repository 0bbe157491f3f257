import type { Service } from '../../../api/core/v1/service.ts';

type Spec = Service['spec'];

export const isExternalName = (service: Service): boolean => service.spec.type === 'ExternalName';

export const isLoadBalancer = (service: Service): boolean => service.spec.type === 'LoadBalancer';

/** Headless, given that clusterIP and clusterIPs agree. */
export const isHeadless = (service: Service): boolean =>
  service.spec.clusterIPs?.length === 1 && service.spec.clusterIPs[0] === 'None';

/** Whether the type has a virtual IP at all ('None' counts as one). */
export const needsClusterIP = (service: Service): boolean => !isExternalName(service);

export const needsNodePort = (service: Service): boolean =>
  service.spec.type === 'NodePort' || service.spec.type === 'LoadBalancer';

export const needsHealthCheckNodePort = (service: Service): boolean =>
  isLoadBalancer(service) && service.spec.externalTrafficPolicy === 'Local';

/** Reachable from outside, so that an external traffic policy makes sense. */
export const isExternallyAccessible = (service: Service): boolean =>
  needsNodePort(service) ||
  (service.spec.type === 'ClusterIP' && (service.spec.externalIPs?.length ?? 0) > 0);

/** Whether ports without a node port get one. */
export const allocatesNodePorts = (service: Service): boolean =>
  service.spec.type === 'NodePort' ||
  (isLoadBalancer(service) && service.spec.allocateLoadBalancerNodePorts !== false);

export const clusterIPsOf = (service: Service): readonly string[] => service.spec.clusterIPs ?? [];

export const portsOf = (service: Service): NonNullable<Spec['ports']> => service.spec.ports ?? [];

/** Each node port once, without healthCheckNodePort. */
export const nodePortsOf = (service: Service): readonly number[] => [
  ...new Set(
    portsOf(service).flatMap((p) => (p.nodePort === undefined || p.nodePort === 0 ? [] : [p.nodePort])),
  ),
];

export const sameStrings = (a: readonly string[], b: readonly string[]): boolean =>
  a.length === b.length && a.every((item, i) => item === b[i]);

/** Both the singular and the plural field are the same. */
export const sameClusterIPs = (a: Service, b: Service): boolean =>
  (a.spec.clusterIP ?? '') === (b.spec.clusterIP ?? '') && sameStrings(clusterIPsOf(a), clusterIPsOf(b));

export const sameIPFamilies = (a: Service, b: Service): boolean =>
  sameStrings(a.spec.ipFamilies ?? [], b.spec.ipFamilies ?? []);

/** A service with some fields of its spec replaced; `undefined` removes the field. */
export function withSpec(
  service: Service,
  changes: { readonly [K in keyof Spec]?: Spec[K] | undefined },
): Service {
  const spec = { ...service.spec, ...changes };
  for (const key of Object.keys(changes) as (keyof Spec)[]) if (spec[key] === undefined) delete spec[key];
  return { ...service, spec };
}

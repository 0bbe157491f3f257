import type { Service } from '../../../api/core/v1/service.ts';
import {
  clusterIPsOf,
  isLoadBalancer,
  needsClusterIP,
  needsHealthCheckNodePort,
  needsNodePort,
  nodePortsOf,
  portsOf,
  sameClusterIPs,
  sameIPFamilies,
  sameStrings,
  withSpec,
} from './service-type.ts';

/**
 * What a client meant when it wrote only one of clusterIP and clusterIPs, which must agree
 * (upstream: normalizeClusterIPs). Contradictions are left for validation.
 */
export function normalizeClusterIPs(next: Service, prev: Service | undefined): Service {
  const { clusterIP = '' } = next.spec;
  if (prev === undefined) {
    return clusterIP !== '' && clusterIPsOf(next).length === 0
      ? withSpec(next, { clusterIPs: [clusterIP] })
      : next;
  }
  const { clusterIP: previous = '' } = prev.spec;
  if (clusterIP === previous) {
    // A client that does not know clusterIPs leaves it out.
    const isLost = clusterIPsOf(next).length === 0 && clusterIPsOf(prev).length > 0;
    return isLost ? withSpec(next, { clusterIPs: prev.spec.clusterIPs }) : next;
  }
  if (!sameStrings(clusterIPsOf(next), clusterIPsOf(prev))) return next;
  return withSpec(next, { clusterIPs: clusterIP === '' ? undefined : [clusterIP] });
}

/** Lets a manifest without allocated values be sent again: they stay what they were (upstream: patchAllocatedValues). */
export function keepAllocatedValues(next: Service, prev: Service): Service {
  let service = next;
  if (needsClusterIP(prev) && needsClusterIP(next)) service = keepClusterIPs(service, prev);
  if (needsNodePort(prev) && needsNodePort(next)) service = keepNodePorts(service, prev);
  if (needsHealthCheckNodePort(prev) && needsHealthCheckNodePort(next) && !next.spec.healthCheckNodePort) {
    service = withSpec(service, { healthCheckNodePort: prev.spec.healthCheckNodePort });
  }
  return service;
}

function keepClusterIPs(next: Service, prev: Service): Service {
  const clusterIP = next.spec.clusterIP || prev.spec.clusterIP;
  const isPluralMissing = clusterIPsOf(next).length === 0 && clusterIP === prev.spec.clusterIP;
  return withSpec(next, {
    clusterIP,
    clusterIPs: isPluralMissing ? prev.spec.clusterIPs : next.spec.clusterIPs,
  });
}

/** Node ports are remembered by the port's name; one that is in use by another port of `next` stays there. */
function keepNodePorts(next: Service, prev: Service): Service {
  const wanted = new Set(nodePortsOf(next));
  const used = new Set(nodePortsOf(prev).filter((port) => wanted.has(port)));
  const byName = new Map(portsOf(prev).map((p) => [p.name ?? '', p.nodePort ?? 0]));
  const ports = portsOf(next).map((port) => {
    const known = byName.get(port.name ?? '') ?? 0;
    if (port.nodePort || known === 0 || used.has(known)) return port;
    used.add(known);
    return { ...port, nodePort: known };
  });
  return withSpec(next, { ports: ports.length === 0 ? next.spec.ports : ports });
}

/**
 * Clears what the new type has no use for, where the client left the field as it was; a field the client also changed
 * stays and fails validation (upstream: dropTypeDependentFields). Updates only.
 */
export function dropTypeDependentFields(next: Service, prev: Service): Service {
  let service = next;
  if (needsClusterIP(prev) && !needsClusterIP(next)) service = dropClusterIPs(service, prev);
  if (needsNodePort(prev) && !needsNodePort(next) && hasNoNewNodePort(next, prev)) {
    const ports = portsOf(service).map(({ nodePort: _, ...port }) => port);
    service = withSpec(service, { ports: ports.length === 0 ? service.spec.ports : ports });
  }
  const { spec } = next;
  const lost = (isNeeded: (service: Service) => boolean): boolean => isNeeded(prev) && !isNeeded(next);
  if (
    lost(needsHealthCheckNodePort) &&
    (spec.healthCheckNodePort ?? 0) === (prev.spec.healthCheckNodePort ?? 0)
  ) {
    service = withSpec(service, { healthCheckNodePort: undefined });
  }
  if (
    lost(isLoadBalancer) &&
    spec.allocateLoadBalancerNodePorts === prev.spec.allocateLoadBalancerNodePorts
  ) {
    service = withSpec(service, { allocateLoadBalancerNodePorts: undefined });
  }
  if (lost(isLoadBalancer) && spec.loadBalancerClass === prev.spec.loadBalancerClass) {
    service = withSpec(service, { loadBalancerClass: undefined });
  }
  if (lost(needsNodePort) && spec.externalTrafficPolicy === prev.spec.externalTrafficPolicy) {
    service = withSpec(service, { externalTrafficPolicy: undefined });
  }
  return isLoadBalancer(next) ? service : withoutLoadBalancerStatus(service);
}

function dropClusterIPs(next: Service, prev: Service): Service {
  let service = next;
  if (sameClusterIPs(next, prev))
    service = withSpec(service, { clusterIP: undefined, clusterIPs: undefined });
  if (sameIPFamilies(next, prev)) service = withSpec(service, { ipFamilies: undefined });
  if (next.spec.ipFamilyPolicy === prev.spec.ipFamilyPolicy)
    service = withSpec(service, { ipFamilyPolicy: undefined });
  return service;
}

/** Ports may be added, removed or changed, as long as no node port is new. */
function hasNoNewNodePort(next: Service, prev: Service): boolean {
  const old = new Set(nodePortsOf(prev));
  return nodePortsOf(next).every((port) => old.has(port));
}

function withoutLoadBalancerStatus(service: Service): Service {
  if (service.status?.loadBalancer === undefined) return service;
  return { ...service, status: { ...service.status, loadBalancer: {} } };
}

import { deployments } from './apps/v1/deployment.ts';
import { replicaSets } from './apps/v1/replica-set.ts';
import { controllerRevisions, daemonSets, statefulSets } from './apps/v1/revisioned-workloads.ts';
import { horizontalPodAutoscalers } from './autoscaling/v2/horizontal-pod-autoscaler.ts';
import { cronJobs, jobs } from './batch/v1/job.ts';
import { certificateSigningRequests } from './certificates/v1/certificate-signing-request.ts';
import { leases } from './coordination/v1/lease.ts';
import { configMaps } from './core/v1/config-map.ts';
import { endpoints } from './core/v1/endpoints.ts';
import { events } from './core/v1/event.ts';
import { namespaces } from './core/v1/namespace.ts';
import { nodes } from './core/v1/node.ts';
import { persistentVolumes } from './core/v1/persistent-volume.ts';
import { pods } from './core/v1/pod.ts';
import { limitRanges, resourceQuotas } from './core/v1/quota.ts';
import { replicationControllers } from './core/v1/replication-controller.ts';
import { secrets } from './core/v1/secret.ts';
import { serviceAccounts } from './core/v1/service-account.ts';
import { services } from './core/v1/service.ts';
import { persistentVolumeClaims } from './core/v1/volume-claim.ts';
import { endpointSlices } from './discovery/v1/endpoint-slice.ts';
import type { Kind } from './kind.ts';
import { ingressClasses, ingresses, networkPolicies } from './networking/v1/ingress.ts';
import { ipAddresses } from './networking/v1/ip-address.ts';
import { serviceCIDRs } from './networking/v1/service-cidr.ts';
import { runtimeClasses } from './node/v1/runtime-class.ts';
import { podDisruptionBudgets } from './policy/v1/pod-disruption-budget.ts';
import { clusterRoleBindings } from './rbac/v1/cluster-role-binding.ts';
import { clusterRoles } from './rbac/v1/cluster-role.ts';
import { roleBindings } from './rbac/v1/role-binding.ts';
import { roles } from './rbac/v1/role.ts';
import { priorityClasses } from './scheduling/v1/priority-class.ts';
import { csiDrivers, csiNodes } from './storage/v1/csi.ts';
import { storageClasses } from './storage/v1/storage-class.ts';
import { volumeAttachments } from './storage/v1/volume-attachment.ts';

/** Every kind the API server stores, in the order discovery lists them. */
export const allKinds: readonly Kind[] = [
  configMaps,
  endpoints,
  events,
  limitRanges,
  namespaces,
  nodes,
  persistentVolumeClaims,
  persistentVolumes,
  pods,
  replicationControllers,
  resourceQuotas,
  secrets,
  serviceAccounts,
  services,
  controllerRevisions,
  daemonSets,
  deployments,
  replicaSets,
  statefulSets,
  horizontalPodAutoscalers,
  cronJobs,
  jobs,
  certificateSigningRequests,
  leases,
  endpointSlices,
  ingressClasses,
  ingresses,
  networkPolicies,
  runtimeClasses,
  podDisruptionBudgets,
  priorityClasses,
  ipAddresses,
  serviceCIDRs,
  clusterRoleBindings,
  clusterRoles,
  roleBindings,
  roles,
  csiDrivers,
  csiNodes,
  storageClasses,
  volumeAttachments,
];

/** The kind with this apiVersion ('v1', 'apps/v1') and kind name, if it is known. */
export function kindOf(apiVersion: string, kind: string): Kind | undefined {
  const slash = apiVersion.indexOf('/');
  const group = slash < 0 ? '' : apiVersion.slice(0, slash);
  const version = apiVersion.slice(slash + 1);
  return allKinds.find((k) => k.kind === kind && k.group === group && k.version === version);
}

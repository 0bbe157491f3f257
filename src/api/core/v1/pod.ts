import { containerStatus } from './container-status.ts';
import { podSpec } from './pod-spec.ts';
import { resourceRequirements } from './resources.ts';
import type { Kind } from '../../kind.ts';
import { objectMeta } from '../../meta/v1/object-meta.ts';
import { podDefaults } from './pod-defaults.ts';
import {
  type Infer,
  int64,
  list,
  listMap,
  map,
  message,
  optional,
  pointer,
  quantity,
  required,
  string,
  time,
  typeMeta,
} from '../../schema/schema.ts';

export const podCondition = message('io.k8s.api.core.v1.PodCondition', '-', {
  type: required([1, string], '-'),
  status: required([2, string], '-'),
  lastProbeTime: optional([3, time], '-'),
  lastTransitionTime: optional([4, time], '-'),
  reason: optional([5, string], '-'),
  message: optional([6, string], '-'),
  observedGeneration: optional([7, int64], '-'),
});
export type PodCondition = Infer<typeof podCondition>;

export const hostIP = message('io.k8s.api.core.v1.HostIP', '-', {
  ip: required([1, string], '-'),
});
export type HostIP = Infer<typeof hostIP>;

export const podIP = message('io.k8s.api.core.v1.PodIP', '-', {
  ip: required([1, string], '-'),
});
export type PodIP = Infer<typeof podIP>;

export const podResourceClaimStatus = message('io.k8s.api.core.v1.PodResourceClaimStatus', '-', {
  name: required([1, string], '-'),
  resourceClaimName: pointer([2, string], '-'),
});
export type PodResourceClaimStatus = Infer<typeof podResourceClaimStatus>;

export const containerExtendedResourceRequest = message(
  'io.k8s.api.core.v1.ContainerExtendedResourceRequest',
  '-',
  {
    containerName: required([1, string], '-'),
    resourceName: required([2, string], '-'),
    requestName: required([3, string], '-'),
  },
);
export type ContainerExtendedResourceRequest = Infer<typeof containerExtendedResourceRequest>;

export const podExtendedResourceClaimStatus = message(
  'io.k8s.api.core.v1.PodExtendedResourceClaimStatus',
  '-',
  {
    requestMappings: required([1, list(containerExtendedResourceRequest)], '-'),
    resourceClaimName: required([2, string], '-'),
  },
);
export type PodExtendedResourceClaimStatus = Infer<typeof podExtendedResourceClaimStatus>;

export const podStatus = message('io.k8s.api.core.v1.PodStatus', '-', {
  phase: optional([1, string], '-', { values: ['Pending', 'Running', 'Succeeded', 'Failed', 'Unknown'] }),
  conditions: optional([2, listMap(podCondition, ['type'])], '-', { patchMergeKey: 'type' }),
  message: optional([3, string], '-'),
  reason: optional([4, string], '-'),
  nominatedNodeName: optional([11, string], '-'),
  hostIP: optional([5, string], '-'),
  hostIPs: optional([16, list(hostIP)], '-', { patchMergeKey: 'ip' }),
  podIP: optional([6, string], '-'),
  podIPs: optional([12, listMap(podIP, ['ip'])], '-', { patchMergeKey: 'ip' }),
  startTime: optional([7, time], '-'),
  initContainerStatuses: optional([10, list(containerStatus)], '-'),
  containerStatuses: optional([8, list(containerStatus)], '-'),
  qosClass: optional([9, string], '-'),
  ephemeralContainerStatuses: optional([13, list(containerStatus)], '-'),
  resize: optional([14, string], '-'),
  resourceClaimStatuses: optional([15, listMap(podResourceClaimStatus, ['name'])], '-', {
    patchMergeKey: 'name',
    patchStrategy: 'merge,retainKeys',
  }),
  observedGeneration: optional([17, int64], '-'),
  extendedResourceClaimStatus: optional([18, podExtendedResourceClaimStatus], '-'),
  allocatedResources: optional([19, map(quantity)], '-'),
  resources: optional([20, resourceRequirements], '-'),
});
export type PodStatus = Infer<typeof podStatus>;

export const pod = message('io.k8s.api.core.v1.Pod', '-', {
  ...typeMeta,
  metadata: required([1, objectMeta], 'Name, labels and other standard metadata.'),
  spec: required([2, podSpec], '-'),
  status: optional([3, podStatus], '-'),
});
export type Pod = Infer<typeof pod>;

export const pods: Kind<Pod> = {
  group: '',
  version: 'v1',
  kind: 'Pod',
  plural: 'pods',
  singular: 'pod',
  shortNames: ['po'],
  categories: ['all'],
  isNamespaced: true,
  subresources: ['status'],
  schema: pod,
  defaultRules: [podDefaults],
};

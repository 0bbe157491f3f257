import { containerStatus } from './container-status.ts';
import { podSpec } from './pod-spec.ts';
import { resourceRequirements } from './resources.ts';
import type { Kind } from '../../kind.ts';
import { objectMeta } from '../../meta/v1/object-meta.ts';
import { podDefaults } from './pod-defaults.ts';
import {
  type Infer,
  filled,
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

export const podCondition = message('io.k8s.api.core.v1.PodCondition', "One aspect of a Pod's state.", {
  type: required([1, string], 'Name of the aspect, such as Ready or PodScheduled.'),
  status: required([2, string], 'True, False or Unknown.'),
  lastProbeTime: optional([3, time], 'When it was last looked at.'),
  lastTransitionTime: optional([4, time], 'When the status last changed.'),
  reason: optional([5, string], 'Why it changed last, as one CamelCase word.'),
  message: optional([6, string], 'The same for people.'),
  observedGeneration: optional([7, int64], 'The generation of the Pod that this was judged from.'),
});
export type PodCondition = Infer<typeof podCondition>;

export const hostIP = message('io.k8s.api.core.v1.HostIP', "An address of the Pod's node.", {
  ip: required([1, string], 'The address.'),
});
export type HostIP = Infer<typeof hostIP>;

export const podIP = message('io.k8s.api.core.v1.PodIP', 'An address of the Pod.', {
  ip: required([1, string], 'The address.'),
});
export type PodIP = Infer<typeof podIP>;

export const podResourceClaimStatus = message(
  'io.k8s.api.core.v1.PodResourceClaimStatus',
  'The claim made for an entry of spec.resourceClaims.',
  {
    name: required([1, string], 'Name of the entry.'),
    resourceClaimName: pointer([2, string], 'Name of the claim, if one was needed.'),
  },
);
export type PodResourceClaimStatus = Infer<typeof podResourceClaimStatus>;

export const containerExtendedResourceRequest = message(
  'io.k8s.api.core.v1.ContainerExtendedResourceRequest',
  "Which request of a claim stands for a container's resource.",
  {
    containerName: required([1, string], 'Name of the container.'),
    resourceName: required([2, string], 'Name of the resource.'),
    requestName: required([3, string], 'Name of the request in the claim.'),
  },
);
export type ContainerExtendedResourceRequest = Infer<typeof containerExtendedResourceRequest>;

export const podExtendedResourceClaimStatus = message(
  'io.k8s.api.core.v1.PodExtendedResourceClaimStatus',
  'The claim made for extended resources of the Pod.',
  {
    requestMappings: required(
      [1, list(containerExtendedResourceRequest)],
      'Which requests stand for which resources.',
    ),
    resourceClaimName: required([2, string], 'Name of the claim.'),
  },
);
export type PodExtendedResourceClaimStatus = Infer<typeof podExtendedResourceClaimStatus>;

export const podStatus = message('io.k8s.api.core.v1.PodStatus', 'What is known of a Pod.', {
  phase: optional([1, string], 'Where the Pod is in its life.', {
    values: ['Pending', 'Running', 'Succeeded', 'Failed', 'Unknown'],
  }),
  conditions: optional([2, listMap(podCondition, ['type'])], 'Aspects of its state.', {
    patchMergeKey: 'type',
  }),
  message: optional([3, string], 'Why it is in this phase, for people.'),
  reason: optional([4, string], 'Why it is in this phase, as one word.'),
  nominatedNodeName: optional([11, string], 'Node where others are being evicted for this Pod.'),
  hostIP: optional([5, string], 'Address of the node.'),
  hostIPs: optional([16, list(hostIP)], 'Addresses of the node, one per family.', { patchMergeKey: 'ip' }),
  podIP: optional([6, string], 'Address of the Pod.'),
  podIPs: optional(
    [12, listMap(podIP, ['ip'])],
    'Addresses of the Pod, one per family; the first equals podIP.',
    { patchMergeKey: 'ip' },
  ),
  startTime: optional([7, time], 'When the node accepted the Pod.'),
  initContainerStatuses: optional([10, list(containerStatus)], 'What is known of the init containers.'),
  containerStatuses: optional([8, list(containerStatus)], 'What is known of the containers.'),
  qosClass: optional([9, string], 'Guaranteed, Burstable or BestEffort.'),
  ephemeralContainerStatuses: optional(
    [13, list(containerStatus)],
    'What is known of the ephemeral containers.',
  ),
  resize: optional([14, string], 'State of a resize; superseded by conditions.'),
  resourceClaimStatuses: optional(
    [15, listMap(podResourceClaimStatus, ['name'])],
    'Claims made for the Pod.',
    { patchMergeKey: 'name', patchStrategy: 'merge,retainKeys' },
  ),
  observedGeneration: optional([17, int64], 'The generation of the Pod that this was judged from.'),
  extendedResourceClaimStatus: optional(
    [18, podExtendedResourceClaimStatus],
    'The claim made for extended resources.',
  ),
  allocatedResources: optional([19, map(quantity)], 'Amounts the node has set aside for the Pod.'),
  resources: optional([20, resourceRequirements], 'Amounts in force for the Pod as a whole.'),
});
export type PodStatus = Infer<typeof podStatus>;

export const pod = message(
  'io.k8s.api.core.v1.Pod',
  'Containers that share one address and run together on one node.',
  {
    ...typeMeta,
    metadata: filled([1, objectMeta], 'Name, labels and other standard metadata.'),
    spec: filled([2, podSpec], 'What the Pod should be.'),
    status: optional([3, podStatus], 'What is known of it; written by the node.'),
  },
);
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

import { affinity, toleration, topologySpreadConstraint } from './affinity.ts';
import { container, ephemeralContainer } from './container.ts';
import { localObjectReference } from './references.ts';
import { podResourceClaim, resourceRequirements } from './resources.ts';
import { podSecurityContext } from './security-context.ts';
import { volume } from './volume.ts';
import { oldServiceAccountName, serviceAccountOfOldName } from './pod-spec-defaults.ts';
import {
  type Infer,
  atomicMap,
  bool,
  int32,
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
} from '../../schema/schema.ts';

export const hostAlias = message('io.k8s.api.core.v1.HostAlias', "A line of the Pod's /etc/hosts.", {
  ip: required([1, string], 'The address.'),
  hostnames: optional([2, list(string)], 'Its names.'),
});
export type HostAlias = Infer<typeof hostAlias>;

export const podDNSConfigOption = message(
  'io.k8s.api.core.v1.PodDNSConfigOption',
  'An option of the resolver.',
  {
    name: optional([1, string], 'Name of the option.'),
    value: pointer([2, string], 'Its value, if it has one.'),
  },
);
export type PodDNSConfigOption = Infer<typeof podDNSConfigOption>;

export const podDNSConfig = message('io.k8s.api.core.v1.PodDNSConfig', 'Additions to what dnsPolicy gives.', {
  nameservers: optional([1, list(string)], 'Addresses of further name servers.'),
  searches: optional([2, list(string)], 'Further search domains.'),
  options: optional([3, list(podDNSConfigOption)], 'Further options; they win over those of the policy.'),
});
export type PodDNSConfig = Infer<typeof podDNSConfig>;

export const podReadinessGate = message(
  'io.k8s.api.core.v1.PodReadinessGate',
  'A condition that must be True for the Pod to be ready.',
  {
    conditionType: required([1, string], 'Type of the condition.'),
  },
);
export type PodReadinessGate = Infer<typeof podReadinessGate>;

export const podOS = message('io.k8s.api.core.v1.PodOS', 'The operating system a Pod is for.', {
  name: required([1, string], 'linux or windows.'),
});
export type PodOS = Infer<typeof podOS>;

export const podSchedulingGate = message(
  'io.k8s.api.core.v1.PodSchedulingGate',
  'Something that holds a Pod back from being scheduled.',
  {
    name: required([1, string], 'Name of the gate; unique within the Pod.'),
  },
);
export type PodSchedulingGate = Infer<typeof podSchedulingGate>;

export const podSpec = message('io.k8s.api.core.v1.PodSpec', 'What a Pod should be.', {
  volumes: optional([1, listMap(volume, ['name'])], 'Directories that containers can mount.', {
    patchMergeKey: 'name',
    patchStrategy: 'merge,retainKeys',
  }),
  initContainers: optional(
    [20, listMap(container, ['name'])],
    'Containers that run to their end, in order, before the others start.',
    { patchMergeKey: 'name' },
  ),
  containers: required([2, listMap(container, ['name'])], 'The containers; at least one.', {
    patchMergeKey: 'name',
  }),
  ephemeralContainers: optional(
    [34, listMap(ephemeralContainer, ['name'])],
    'Containers added to the running Pod to look into it.',
    { patchMergeKey: 'name' },
  ),
  restartPolicy: optional([3, string], 'When ended containers are started again.', {
    default: 'Always',
    values: ['Always', 'OnFailure', 'Never'],
  }),
  terminationGracePeriodSeconds: pointer(
    [4, int64],
    'How long processes may take to stop before they are killed.',
    { default: 30 },
  ),
  activeDeadlineSeconds: pointer([5, int64], 'How long the Pod may run before it is ended.'),
  dnsPolicy: optional([6, string], 'Where names are looked up.', {
    default: 'ClusterFirst',
    values: ['ClusterFirst', 'ClusterFirstWithHostNet', 'Default', 'None'],
  }),
  nodeSelector: optional([7, atomicMap(string)], 'Labels that the node must have.'),
  serviceAccountName: optional([8, string], 'Service account the Pod acts as.', {
    default: serviceAccountOfOldName,
  }),
  serviceAccount: optional([9, string], 'Old name of serviceAccountName.', {
    default: oldServiceAccountName,
  }),
  automountServiceAccountToken: pointer([21, bool], 'Whether a token is put into the containers.'),
  nodeName: optional([10, string], 'Node the Pod runs on; set by the scheduler.'),
  hostNetwork: optional([11, bool], "Whether the Pod uses the node's own network."),
  hostPID: optional([12, bool], "Whether the Pod sees the node's processes."),
  hostIPC: optional([13, bool], "Whether the Pod shares the node's interprocess communication."),
  shareProcessNamespace: pointer([27, bool], "Whether the containers see each other's processes."),
  securityContext: optional([14, podSecurityContext], 'Privileges of all containers.', { default: {} }),
  imagePullSecrets: optional([15, listMap(localObjectReference, ['name'])], 'Secrets for fetching images.', {
    patchMergeKey: 'name',
  }),
  hostname: optional([16, string], 'Host name of the Pod; its own name when empty.'),
  subdomain: optional(
    [17, string],
    'With hostname and a headless Service of this name the Pod gets a DNS name.',
  ),
  affinity: optional([18, affinity], 'Rules for where the Pod is placed.'),
  schedulerName: optional([19, string], 'The scheduler that places the Pod.', {
    default: 'default-scheduler',
  }),
  tolerations: optional([22, list(toleration)], 'Taints the Pod can live with.'),
  hostAliases: optional([23, listMap(hostAlias, ['ip'])], 'Further lines of /etc/hosts.', {
    patchMergeKey: 'ip',
  }),
  priorityClassName: optional([24, string], "Name of the Pod's priority class."),
  priority: pointer([25, int32], 'The priority as a number; higher is more important.'),
  dnsConfig: optional([26, podDNSConfig], 'Additions to what dnsPolicy gives.'),
  readinessGates: optional([28, list(podReadinessGate)], 'Further conditions of readiness.'),
  runtimeClassName: pointer([29, string], 'RuntimeClass the Pod runs with.'),
  enableServiceLinks: pointer([30, bool], 'Whether Services are made known by environment variables.'),
  preemptionPolicy: pointer([31, string], 'Whether less important Pods are evicted for this one.', {
    values: ['Never', 'PreemptLowerPriority'],
  }),
  overhead: optional([32, map(quantity)], 'What the Pod itself costs beyond its containers.'),
  topologySpreadConstraints: optional(
    [33, listMap(topologySpreadConstraint, ['topologyKey', 'whenUnsatisfiable'])],
    'How evenly Pods like this are spread.',
    { patchMergeKey: 'topologyKey' },
  ),
  setHostnameAsFQDN: pointer([35, bool], 'Whether the host name is the full domain name.'),
  os: optional([36, podOS], 'The operating system the Pod is for.'),
  hostUsers: pointer([37, bool], "Whether the node's user ids are used; false gives the Pod its own."),
  schedulingGates: optional(
    [38, listMap(podSchedulingGate, ['name'])],
    'What holds the Pod back from being scheduled.',
    { patchMergeKey: 'name' },
  ),
  resourceClaims: optional([39, listMap(podResourceClaim, ['name'])], 'Claims on devices.', {
    patchMergeKey: 'name',
    patchStrategy: 'merge,retainKeys',
  }),
  resources: optional([40, resourceRequirements], 'What all containers together need and may use.'),
  hostnameOverride: pointer(
    [41, string],
    'Host name of the Pod as it is, in place of hostname and subdomain.',
  ),
});
export type PodSpec = Infer<typeof podSpec>;

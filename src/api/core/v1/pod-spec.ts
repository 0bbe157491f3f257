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

export const hostAlias = message('io.k8s.api.core.v1.HostAlias', '-', {
  ip: required([1, string], '-'),
  hostnames: optional([2, list(string)], '-'),
});
export type HostAlias = Infer<typeof hostAlias>;

export const podDNSConfigOption = message('io.k8s.api.core.v1.PodDNSConfigOption', '-', {
  name: optional([1, string], '-'),
  value: pointer([2, string], '-'),
});
export type PodDNSConfigOption = Infer<typeof podDNSConfigOption>;

export const podDNSConfig = message('io.k8s.api.core.v1.PodDNSConfig', '-', {
  nameservers: optional([1, list(string)], '-'),
  searches: optional([2, list(string)], '-'),
  options: optional([3, list(podDNSConfigOption)], '-'),
});
export type PodDNSConfig = Infer<typeof podDNSConfig>;

export const podReadinessGate = message('io.k8s.api.core.v1.PodReadinessGate', '-', {
  conditionType: required([1, string], '-'),
});
export type PodReadinessGate = Infer<typeof podReadinessGate>;

export const podOS = message('io.k8s.api.core.v1.PodOS', '-', {
  name: required([1, string], '-'),
});
export type PodOS = Infer<typeof podOS>;

export const podSchedulingGate = message('io.k8s.api.core.v1.PodSchedulingGate', '-', {
  name: required([1, string], '-'),
});
export type PodSchedulingGate = Infer<typeof podSchedulingGate>;

export const podSpec = message('io.k8s.api.core.v1.PodSpec', '-', {
  volumes: optional([1, listMap(volume, ['name'])], '-', {
    patchMergeKey: 'name',
    patchStrategy: 'merge,retainKeys',
  }),
  initContainers: optional([20, listMap(container, ['name'])], '-', { patchMergeKey: 'name' }),
  containers: required([2, listMap(container, ['name'])], '-', { patchMergeKey: 'name' }),
  ephemeralContainers: optional([34, listMap(ephemeralContainer, ['name'])], '-', { patchMergeKey: 'name' }),
  restartPolicy: optional([3, string], '-', { default: 'Always', values: ['Always', 'OnFailure', 'Never'] }),
  terminationGracePeriodSeconds: pointer([4, int64], '-', { default: 30 }),
  activeDeadlineSeconds: pointer([5, int64], '-'),
  dnsPolicy: optional([6, string], '-', {
    default: 'ClusterFirst',
    values: ['ClusterFirst', 'ClusterFirstWithHostNet', 'Default', 'None'],
  }),
  nodeSelector: optional([7, atomicMap(string)], '-'),
  serviceAccountName: optional([8, string], '-', { default: serviceAccountOfOldName }),
  serviceAccount: optional([9, string], '-', { default: oldServiceAccountName }),
  automountServiceAccountToken: pointer([21, bool], '-'),
  nodeName: optional([10, string], '-'),
  hostNetwork: optional([11, bool], '-'),
  hostPID: optional([12, bool], '-'),
  hostIPC: optional([13, bool], '-'),
  shareProcessNamespace: pointer([27, bool], '-'),
  securityContext: optional([14, podSecurityContext], '-', { default: {} }),
  imagePullSecrets: optional([15, listMap(localObjectReference, ['name'])], '-', { patchMergeKey: 'name' }),
  hostname: optional([16, string], '-'),
  subdomain: optional([17, string], '-'),
  affinity: optional([18, affinity], '-'),
  schedulerName: optional([19, string], '-', { default: 'default-scheduler' }),
  tolerations: optional([22, list(toleration)], '-'),
  hostAliases: optional([23, listMap(hostAlias, ['ip'])], '-', { patchMergeKey: 'ip' }),
  priorityClassName: optional([24, string], '-'),
  priority: pointer([25, int32], '-'),
  dnsConfig: optional([26, podDNSConfig], '-'),
  readinessGates: optional([28, list(podReadinessGate)], '-'),
  runtimeClassName: pointer([29, string], '-'),
  enableServiceLinks: pointer([30, bool], '-'),
  preemptionPolicy: pointer([31, string], '-', { values: ['Never', 'PreemptLowerPriority'] }),
  overhead: optional([32, map(quantity)], '-'),
  topologySpreadConstraints: optional(
    [33, listMap(topologySpreadConstraint, ['topologyKey', 'whenUnsatisfiable'])],
    '-',
    { patchMergeKey: 'topologyKey' },
  ),
  setHostnameAsFQDN: pointer([35, bool], '-'),
  os: optional([36, podOS], '-'),
  hostUsers: pointer([37, bool], '-'),
  schedulingGates: optional([38, listMap(podSchedulingGate, ['name'])], '-', { patchMergeKey: 'name' }),
  resourceClaims: optional([39, listMap(podResourceClaim, ['name'])], '-', {
    patchMergeKey: 'name',
    patchStrategy: 'merge,retainKeys',
  }),
  resources: optional([40, resourceRequirements], '-'),
  hostnameOverride: pointer([41, string], '-'),
});
export type PodSpec = Infer<typeof podSpec>;

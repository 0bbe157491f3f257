import { labelSelector } from '../../meta/v1/label-selector.ts';
import {
  type Infer,
  atomic,
  int32,
  int64,
  list,
  message,
  optional,
  pointer,
  required,
  string,
} from '../../schema/schema.ts';

export const nodeSelectorRequirement = message('io.k8s.api.core.v1.NodeSelectorRequirement', '-', {
  key: required([1, string], '-'),
  operator: required([2, string], '-', { values: ['In', 'NotIn', 'Exists', 'DoesNotExist', 'Gt', 'Lt'] }),
  values: optional([3, list(string)], '-'),
});
export type NodeSelectorRequirement = Infer<typeof nodeSelectorRequirement>;

export const nodeSelectorTerm = atomic(
  message('io.k8s.api.core.v1.NodeSelectorTerm', '-', {
    matchExpressions: optional([1, list(nodeSelectorRequirement)], '-'),
    matchFields: optional([2, list(nodeSelectorRequirement)], '-'),
  }),
);
export type NodeSelectorTerm = Infer<typeof nodeSelectorTerm>;

export const nodeSelector = atomic(
  message('io.k8s.api.core.v1.NodeSelector', '-', {
    nodeSelectorTerms: required([1, list(nodeSelectorTerm)], '-'),
  }),
);
export type NodeSelector = Infer<typeof nodeSelector>;

export const preferredSchedulingTerm = message('io.k8s.api.core.v1.PreferredSchedulingTerm', '-', {
  weight: required([1, int32], '-'),
  preference: required([2, nodeSelectorTerm], '-'),
});
export type PreferredSchedulingTerm = Infer<typeof preferredSchedulingTerm>;

export const nodeAffinity = message('io.k8s.api.core.v1.NodeAffinity', '-', {
  requiredDuringSchedulingIgnoredDuringExecution: optional([1, nodeSelector], '-'),
  preferredDuringSchedulingIgnoredDuringExecution: optional([2, list(preferredSchedulingTerm)], '-'),
});
export type NodeAffinity = Infer<typeof nodeAffinity>;

export const podAffinityTerm = message('io.k8s.api.core.v1.PodAffinityTerm', '-', {
  labelSelector: optional([1, labelSelector], '-'),
  namespaces: optional([2, list(string)], '-'),
  topologyKey: required([3, string], '-'),
  namespaceSelector: optional([4, labelSelector], '-'),
  matchLabelKeys: optional([5, list(string)], '-'),
  mismatchLabelKeys: optional([6, list(string)], '-'),
});
export type PodAffinityTerm = Infer<typeof podAffinityTerm>;

export const weightedPodAffinityTerm = message('io.k8s.api.core.v1.WeightedPodAffinityTerm', '-', {
  weight: required([1, int32], '-'),
  podAffinityTerm: required([2, podAffinityTerm], '-'),
});
export type WeightedPodAffinityTerm = Infer<typeof weightedPodAffinityTerm>;

export const podAffinity = message('io.k8s.api.core.v1.PodAffinity', '-', {
  requiredDuringSchedulingIgnoredDuringExecution: optional([1, list(podAffinityTerm)], '-'),
  preferredDuringSchedulingIgnoredDuringExecution: optional([2, list(weightedPodAffinityTerm)], '-'),
});
export type PodAffinity = Infer<typeof podAffinity>;

export const podAntiAffinity = message('io.k8s.api.core.v1.PodAntiAffinity', '-', {
  requiredDuringSchedulingIgnoredDuringExecution: optional([1, list(podAffinityTerm)], '-'),
  preferredDuringSchedulingIgnoredDuringExecution: optional([2, list(weightedPodAffinityTerm)], '-'),
});
export type PodAntiAffinity = Infer<typeof podAntiAffinity>;

export const affinity = message('io.k8s.api.core.v1.Affinity', '-', {
  nodeAffinity: optional([1, nodeAffinity], '-'),
  podAffinity: optional([2, podAffinity], '-'),
  podAntiAffinity: optional([3, podAntiAffinity], '-'),
});
export type Affinity = Infer<typeof affinity>;

export const toleration = message('io.k8s.api.core.v1.Toleration', '-', {
  key: optional([1, string], '-'),
  operator: optional([2, string], '-', { values: ['Exists', 'Equal', 'Lt', 'Gt'] }),
  value: optional([3, string], '-'),
  effect: optional([4, string], '-', { values: ['NoSchedule', 'PreferNoSchedule', 'NoExecute'] }),
  tolerationSeconds: pointer([5, int64], '-'),
});
export type Toleration = Infer<typeof toleration>;

export const topologySpreadConstraint = message('io.k8s.api.core.v1.TopologySpreadConstraint', '-', {
  maxSkew: required([1, int32], '-'),
  topologyKey: required([2, string], '-'),
  whenUnsatisfiable: required([3, string], '-', { values: ['DoNotSchedule', 'ScheduleAnyway'] }),
  labelSelector: optional([4, labelSelector], '-'),
  minDomains: pointer([5, int32], '-'),
  nodeAffinityPolicy: pointer([6, string], '-', { values: ['Honor', 'Ignore'] }),
  nodeTaintsPolicy: pointer([7, string], '-', { values: ['Honor', 'Ignore'] }),
  matchLabelKeys: optional([8, list(string)], '-'),
});
export type TopologySpreadConstraint = Infer<typeof topologySpreadConstraint>;

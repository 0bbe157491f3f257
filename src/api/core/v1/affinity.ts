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

export const nodeSelectorRequirement = message(
  'io.k8s.api.core.v1.NodeSelectorRequirement',
  'One condition on a node.',
  {
    key: required([1, string], 'The label or field that is looked at.'),
    operator: required([2, string], 'How it is compared with the values.', {
      values: ['In', 'NotIn', 'Exists', 'DoesNotExist', 'Gt', 'Lt'],
    }),
    values: optional([3, list(string)], 'The values; one number for Gt and Lt.'),
  },
);
export type NodeSelectorRequirement = Infer<typeof nodeSelectorRequirement>;

export const nodeSelectorTerm = atomic(
  message('io.k8s.api.core.v1.NodeSelectorTerm', 'Conditions of which all must hold; none chooses nothing.', {
    matchExpressions: optional([1, list(nodeSelectorRequirement)], "Conditions on the node's labels."),
    matchFields: optional([2, list(nodeSelectorRequirement)], "Conditions on the node's fields."),
  }),
);
export type NodeSelectorTerm = Infer<typeof nodeSelectorTerm>;

export const nodeSelector = atomic(
  message('io.k8s.api.core.v1.NodeSelector', 'Chooses nodes.', {
    nodeSelectorTerms: required([1, list(nodeSelectorTerm)], 'Terms of which one must hold.'),
  }),
);
export type NodeSelector = Infer<typeof nodeSelector>;

export const preferredSchedulingTerm = message(
  'io.k8s.api.core.v1.PreferredSchedulingTerm',
  'A wish for a kind of node.',
  {
    weight: required([1, int32], 'How strong the wish is, from 1 to 100.'),
    preference: required([2, nodeSelectorTerm], 'The nodes that are wished for.'),
  },
);
export type PreferredSchedulingTerm = Infer<typeof preferredSchedulingTerm>;

export const nodeAffinity = message(
  'io.k8s.api.core.v1.NodeAffinity',
  'Which nodes a Pod must or should run on.',
  {
    requiredDuringSchedulingIgnoredDuringExecution: optional(
      [1, nodeSelector],
      'Nodes the Pod must be placed on.',
    ),
    preferredDuringSchedulingIgnoredDuringExecution: optional(
      [2, list(preferredSchedulingTerm)],
      'Nodes the Pod should be placed on.',
    ),
  },
);
export type NodeAffinity = Infer<typeof nodeAffinity>;

export const podAffinityTerm = message(
  'io.k8s.api.core.v1.PodAffinityTerm',
  'Other Pods, and how near is near.',
  {
    labelSelector: optional([1, labelSelector], 'Labels of the other Pods.'),
    namespaces: optional(
      [2, list(string)],
      'Namespaces of the other Pods; the own one when this and namespaceSelector are absent.',
    ),
    topologyKey: required([3, string], 'Node label whose equal values mean the same place.'),
    namespaceSelector: optional([4, labelSelector], "Labels of the other Pods' namespaces."),
    matchLabelKeys: optional([5, list(string)], 'Labels that must be equal to those of the Pod itself.'),
    mismatchLabelKeys: optional([6, list(string)], 'Labels that must differ from those of the Pod itself.'),
  },
);
export type PodAffinityTerm = Infer<typeof podAffinityTerm>;

export const weightedPodAffinityTerm = message(
  'io.k8s.api.core.v1.WeightedPodAffinityTerm',
  'A wish to be near or far from other Pods.',
  {
    weight: required([1, int32], 'How strong the wish is, from 1 to 100.'),
    podAffinityTerm: required([2, podAffinityTerm], 'The other Pods.'),
  },
);
export type WeightedPodAffinityTerm = Infer<typeof weightedPodAffinityTerm>;

export const podAffinity = message(
  'io.k8s.api.core.v1.PodAffinity',
  'Which Pods a Pod must or should be near to.',
  {
    requiredDuringSchedulingIgnoredDuringExecution: optional(
      [1, list(podAffinityTerm)],
      'Pods it must be near to.',
    ),
    preferredDuringSchedulingIgnoredDuringExecution: optional(
      [2, list(weightedPodAffinityTerm)],
      'Pods it should be near to.',
    ),
  },
);
export type PodAffinity = Infer<typeof podAffinity>;

export const podAntiAffinity = message(
  'io.k8s.api.core.v1.PodAntiAffinity',
  'Which Pods a Pod must or should be far from.',
  {
    requiredDuringSchedulingIgnoredDuringExecution: optional(
      [1, list(podAffinityTerm)],
      'Pods it must be far from.',
    ),
    preferredDuringSchedulingIgnoredDuringExecution: optional(
      [2, list(weightedPodAffinityTerm)],
      'Pods it should be far from.',
    ),
  },
);
export type PodAntiAffinity = Infer<typeof podAntiAffinity>;

export const affinity = message('io.k8s.api.core.v1.Affinity', 'Rules for where a Pod is placed.', {
  nodeAffinity: optional([1, nodeAffinity], 'Rules about nodes.'),
  podAffinity: optional([2, podAffinity], 'Rules about Pods to be near to.'),
  podAntiAffinity: optional([3, podAntiAffinity], 'Rules about Pods to be far from.'),
});
export type Affinity = Infer<typeof affinity>;

export const toleration = message(
  'io.k8s.api.core.v1.Toleration',
  'Lets a Pod run on nodes with a matching taint.',
  {
    key: optional([1, string], "The taint's key; all keys when empty, with operator Exists."),
    operator: optional([2, string], 'How key and value are compared; Equal when empty.', {
      values: ['Exists', 'Equal', 'Lt', 'Gt'],
    }),
    value: optional([3, string], "The taint's value."),
    effect: optional([4, string], "The taint's effect; all effects when empty.", {
      values: ['NoSchedule', 'PreferNoSchedule', 'NoExecute'],
    }),
    tolerationSeconds: pointer([5, int64], 'How long a NoExecute taint is tolerated; for ever when absent.'),
  },
);
export type Toleration = Infer<typeof toleration>;

export const topologySpreadConstraint = message(
  'io.k8s.api.core.v1.TopologySpreadConstraint',
  'How evenly Pods are spread over places.',
  {
    maxSkew: required([1, int32], 'How many more Pods one place may have than another.'),
    topologyKey: required([2, string], 'Node label whose values are the places.'),
    whenUnsatisfiable: required([3, string], 'DoNotSchedule or ScheduleAnyway.', {
      values: ['DoNotSchedule', 'ScheduleAnyway'],
    }),
    labelSelector: optional([4, labelSelector], 'The Pods that are counted.'),
    minDomains: pointer([5, int32], 'The least number of places that should be used.'),
    nodeAffinityPolicy: pointer(
      [6, string],
      'Whether nodes that the Pod cannot use count: Honor or Ignore.',
      { values: ['Honor', 'Ignore'] },
    ),
    nodeTaintsPolicy: pointer([7, string], 'Whether nodes with taints count: Honor or Ignore.', {
      values: ['Honor', 'Ignore'],
    }),
    matchLabelKeys: optional([8, list(string)], 'Labels that must be equal to those of the Pod itself.'),
  },
);
export type TopologySpreadConstraint = Infer<typeof topologySpreadConstraint>;

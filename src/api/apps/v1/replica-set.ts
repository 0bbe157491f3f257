import { podTemplateSpec } from '../../core/v1/pod-template.ts';
import type { Kind } from '../../kind.ts';
import { labelSelector } from '../../meta/v1/label-selector.ts';
import { objectMeta } from '../../meta/v1/object-meta.ts';
import {
  type Infer,
  filled,
  int32,
  int64,
  listMap,
  message,
  optional,
  pointer,
  required,
  string,
  time,
  typeMeta,
} from '../../schema/schema.ts';

export const replicaSetSpec = message(
  'io.k8s.api.apps.v1.ReplicaSetSpec',
  'How many copies of which Pod there should be.',
  {
    replicas: pointer([1, int32], 'How many Pods there should be.', { default: 1 }),
    minReadySeconds: optional([4, int32], 'How long a Pod must be ready to count as available.'),
    selector: required(
      [2, labelSelector],
      "Which Pods are counted; must match the template's labels and cannot be changed.",
      { isNilRefused: true },
    ),
    template: filled([3, podTemplateSpec], 'The Pod that is copied.'),
  },
);
export type ReplicaSetSpec = Infer<typeof replicaSetSpec>;

export const replicaSetCondition = message(
  'io.k8s.api.apps.v1.ReplicaSetCondition',
  "One aspect of a ReplicaSet's state.",
  {
    type: required([1, string], 'Name of the aspect.'),
    status: required([2, string], 'True, False or Unknown.'),
    lastTransitionTime: optional([3, time], 'When the status last changed.'),
    reason: optional([4, string], 'Why it changed last, as one CamelCase word.'),
    message: optional([5, string], 'The same for people.'),
  },
);
export type ReplicaSetCondition = Infer<typeof replicaSetCondition>;

export const replicaSetStatus = message(
  'io.k8s.api.apps.v1.ReplicaSetStatus',
  'What is known of a ReplicaSet.',
  {
    replicas: required([1, int32], 'How many Pods there are.'),
    fullyLabeledReplicas: optional([2, int32], 'How many have all labels of the template.'),
    readyReplicas: optional([4, int32], 'How many are ready.'),
    availableReplicas: optional([5, int32], 'How many have been ready for minReadySeconds.'),
    observedGeneration: optional([3, int64], 'The generation that this was judged from.'),
    conditions: optional([6, listMap(replicaSetCondition, ['type'])], 'Aspects of its state.', {
      patchMergeKey: 'type',
    }),
    terminatingReplicas: pointer([7, int32], 'How many are ending.'),
  },
);
export type ReplicaSetStatus = Infer<typeof replicaSetStatus>;

export const replicaSet = message('io.k8s.api.apps.v1.ReplicaSet', 'Keeps a number of equal Pods running.', {
  ...typeMeta,
  metadata: filled([1, objectMeta], 'Name, labels and other standard metadata.'),
  spec: filled([2, replicaSetSpec], 'How many copies of which Pod there should be.'),
  status: optional([3, replicaSetStatus], 'How many there are.'),
});
export type ReplicaSet = Infer<typeof replicaSet>;

export const replicaSets: Kind<ReplicaSet> = {
  group: 'apps',
  version: 'v1',
  kind: 'ReplicaSet',
  plural: 'replicasets',
  singular: 'replicaset',
  shortNames: ['rs'],
  categories: ['all'],
  isNamespaced: true,
  subresources: ['status', 'scale'],
  schema: replicaSet,
};

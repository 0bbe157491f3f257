import { podTemplateSpec } from '../../core/v1/pod-template.ts';
import type { Kind } from '../../kind.ts';
import { labelSelector } from '../../meta/v1/label-selector.ts';
import { objectMeta } from '../../meta/v1/object-meta.ts';
import {
  type Infer,
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

export const replicaSetSpec = message('io.k8s.api.apps.v1.ReplicaSetSpec', '-', {
  replicas: pointer([1, int32], '-', { default: 1 }),
  minReadySeconds: optional([4, int32], '-'),
  selector: required([2, labelSelector], '-'),
  template: optional([3, podTemplateSpec], '-'),
});
export type ReplicaSetSpec = Infer<typeof replicaSetSpec>;

export const replicaSetCondition = message('io.k8s.api.apps.v1.ReplicaSetCondition', '-', {
  type: required([1, string], '-'),
  status: required([2, string], '-'),
  lastTransitionTime: optional([3, time], '-'),
  reason: optional([4, string], '-'),
  message: optional([5, string], '-'),
});
export type ReplicaSetCondition = Infer<typeof replicaSetCondition>;

export const replicaSetStatus = message('io.k8s.api.apps.v1.ReplicaSetStatus', '-', {
  replicas: required([1, int32], '-'),
  fullyLabeledReplicas: optional([2, int32], '-'),
  readyReplicas: optional([4, int32], '-'),
  availableReplicas: optional([5, int32], '-'),
  observedGeneration: optional([3, int64], '-'),
  conditions: optional([6, listMap(replicaSetCondition, ['type'])], '-', { patchMergeKey: 'type' }),
  terminatingReplicas: pointer([7, int32], '-'),
});
export type ReplicaSetStatus = Infer<typeof replicaSetStatus>;

export const replicaSet = message('io.k8s.api.apps.v1.ReplicaSet', '-', {
  ...typeMeta,
  metadata: required([1, objectMeta], 'Name, labels and other standard metadata.'),
  spec: required([2, replicaSetSpec], '-'),
  status: optional([3, replicaSetStatus], '-'),
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

import type { Kind } from '../../kind.ts';
import { condition } from '../../meta/v1/condition.ts';
import { labelSelector } from '../../meta/v1/label-selector.ts';
import { objectMeta } from '../../meta/v1/object-meta.ts';
import {
  type Infer,
  filled,
  int32,
  int64,
  intOrString,
  listMap,
  map,
  message,
  optional,
  pointer,
  required,
  string,
  time,
  typeMeta,
} from '../../schema/schema.ts';

export const podDisruptionBudgetSpec = message(
  'io.k8s.api.policy.v1.PodDisruptionBudgetSpec',
  'How many Pods must stay.',
  {
    minAvailable: pointer([1, intOrString], 'How many must stay, as a number or a percentage.'),
    selector: optional([2, labelSelector], 'Which Pods are protected; none when absent.', {
      patchStrategy: 'replace',
    }),
    maxUnavailable: pointer([3, intOrString], 'How many may be missing, as a number or a percentage.'),
    unhealthyPodEvictionPolicy: pointer([4, string], 'When Pods that are not ready may be evicted.', {
      values: ['IfHealthyBudget', 'AlwaysAllow'],
    }),
  },
);
export type PodDisruptionBudgetSpec = Infer<typeof podDisruptionBudgetSpec>;

export const podDisruptionBudgetStatus = message(
  'io.k8s.api.policy.v1.PodDisruptionBudgetStatus',
  'How many Pods may go now.',
  {
    observedGeneration: optional([1, int64], 'The generation that this was judged from.'),
    disruptedPods: optional([2, map(time)], 'Pods that were evicted and still show, with the time.'),
    disruptionsAllowed: required([3, int32], 'How many Pods may go now.'),
    currentHealthy: required([4, int32], 'How many Pods are ready.'),
    desiredHealthy: required([5, int32], 'How many Pods must be ready.'),
    expectedPods: required([6, int32], 'How many Pods are protected.'),
    conditions: optional([7, listMap(condition, ['type'])], 'Aspects of its state.', {
      patchMergeKey: 'type',
    }),
  },
);
export type PodDisruptionBudgetStatus = Infer<typeof podDisruptionBudgetStatus>;

export const podDisruptionBudget = message(
  'io.k8s.api.policy.v1.PodDisruptionBudget',
  'Limits how many Pods may be evicted at a time.',
  {
    ...typeMeta,
    metadata: filled([1, objectMeta], 'Name, labels and other standard metadata.'),
    spec: optional([2, podDisruptionBudgetSpec], 'How many Pods must stay.'),
    status: optional([3, podDisruptionBudgetStatus], 'How many Pods may go now.'),
  },
);
export type PodDisruptionBudget = Infer<typeof podDisruptionBudget>;

export const podDisruptionBudgets: Kind<PodDisruptionBudget> = {
  group: 'policy',
  version: 'v1',
  kind: 'PodDisruptionBudget',
  plural: 'poddisruptionbudgets',
  singular: 'poddisruptionbudget',
  shortNames: ['pdb'],
  categories: [],
  isNamespaced: true,
  subresources: ['status'],
  schema: podDisruptionBudget,
};

import { podTemplateSpec } from '../../core/v1/pod-template.ts';
import { persistentVolumeClaim } from '../../core/v1/volume-claim.ts';
import { isJsonObject, type JsonValue } from '../../../base/json.ts';
import type { Kind, ObjectRule } from '../../kind.ts';
import { labelSelector } from '../../meta/v1/label-selector.ts';
import { objectMeta } from '../../meta/v1/object-meta.ts';
import {
  type DefaultRule,
  type Infer,
  filled,
  int32,
  int64,
  intOrString,
  json,
  list,
  listMap,
  message,
  optional,
  pointer,
  required,
  string,
  time,
  typeMeta,
} from '../../schema/schema.ts';

/** The workloads whose history is kept in ControllerRevisions: StatefulSet and DaemonSet. */

const whenRolling: DefaultRule = (strategy) => (strategy.type === 'RollingUpdate' ? {} : undefined);

const revisionHistoryLimit = (number: number) =>
  pointer([number, int32], 'How many old ControllerRevisions are kept for a roll back.', { default: 10 });

/** Conditions of both have the same fields. */
const conditionFields = {
  type: required([1, string], 'Name of the aspect.'),
  status: required([2, string], 'True, False or Unknown.'),
  lastTransitionTime: optional([3, time], 'When the status last changed.'),
  reason: optional([4, string], 'Why it changed last, as one CamelCase word.'),
  message: optional([5, string], 'The same for people.'),
};

export const controllerRevision = message(
  'io.k8s.api.apps.v1.ControllerRevision',
  'How a workload looked at one time; cannot be changed.',
  {
    ...typeMeta,
    metadata: filled([1, objectMeta], 'Name, labels and other standard metadata.'),
    data: pointer([2, json], 'The state, as its controller writes it.'),
    revision: required([3, int64], 'Counts up with each new state.'),
  },
);
export type ControllerRevision = Infer<typeof controllerRevision>;

export const controllerRevisions: Kind<ControllerRevision> = {
  group: 'apps',
  version: 'v1',
  kind: 'ControllerRevision',
  plural: 'controllerrevisions',
  singular: 'controllerrevision',
  shortNames: [],
  categories: [],
  isNamespaced: true,
  subresources: [],
  schema: controllerRevision,
};

export const rollingUpdateStatefulSetStrategy = message(
  'io.k8s.api.apps.v1.RollingUpdateStatefulSetStrategy',
  'Which Pods are replaced, and how fast.',
  {
    partition: pointer([1, int32], 'Pods with a lower number keep the old template.', { default: 0 }),
    maxUnavailable: pointer(
      [2, intOrString],
      'How many Pods may be missing meanwhile, as a number or a percentage rounded down.',
      { default: 1 },
    ),
  },
);
export type RollingUpdateStatefulSetStrategy = Infer<typeof rollingUpdateStatefulSetStrategy>;

export const statefulSetUpdateStrategy = message(
  'io.k8s.api.apps.v1.StatefulSetUpdateStrategy',
  'How Pods of an old template are replaced.',
  {
    type: optional([1, string], 'RollingUpdate, or OnDelete to leave it to whoever deletes Pods.', {
      default: 'RollingUpdate',
      values: ['RollingUpdate', 'OnDelete'],
    }),
    rollingUpdate: optional([2, rollingUpdateStatefulSetStrategy], 'How, for RollingUpdate.', {
      default: whenRolling,
    }),
  },
);
export type StatefulSetUpdateStrategy = Infer<typeof statefulSetUpdateStrategy>;

export const statefulSetOrdinals = message(
  'io.k8s.api.apps.v1.StatefulSetOrdinals',
  'How Pods are numbered.',
  {
    start: optional([1, int32], 'The number of the first Pod.'),
  },
);
export type StatefulSetOrdinals = Infer<typeof statefulSetOrdinals>;

export const statefulSetClaimRetentionPolicy = message(
  'io.k8s.api.apps.v1.StatefulSetPersistentVolumeClaimRetentionPolicy',
  'Whether claims made from the templates outlive their Pods.',
  {
    whenDeleted: optional([1, string], 'Retain or Delete them with the StatefulSet.', { default: 'Retain' }),
    whenScaled: optional([2, string], 'Retain or Delete them with Pods that are scaled away.', {
      default: 'Retain',
    }),
  },
);

export const statefulSetSpec = message(
  'io.k8s.api.apps.v1.StatefulSetSpec',
  'How many Pods with an identity there should be.',
  {
    replicas: pointer([1, int32], 'How many Pods there should be.', { default: 1 }),
    selector: required(
      [2, labelSelector],
      "Which Pods belong to it; must match the template's labels and cannot be changed.",
      { isNilRefused: true },
    ),
    template: required([3, podTemplateSpec], 'The Pod that is copied; each copy gets a number.'),
    volumeClaimTemplates: optional(
      [4, list(persistentVolumeClaim)],
      'Claims that each Pod gets for itself, as the volume of the same name.',
    ),
    serviceName: required([5, string], 'The Service under whose name the Pods are found.'),
    podManagementPolicy: optional([6, string], 'OrderedReady: one Pod after the other, or Parallel.', {
      default: 'OrderedReady',
      values: ['OrderedReady', 'Parallel'],
    }),
    updateStrategy: optional([7, statefulSetUpdateStrategy], 'How Pods of an old template are replaced.', {
      default: {},
    }),
    revisionHistoryLimit: revisionHistoryLimit(8),
    minReadySeconds: optional([9, int32], 'How long a Pod must be ready to count as available.'),
    persistentVolumeClaimRetentionPolicy: optional(
      [10, statefulSetClaimRetentionPolicy],
      'Whether claims made from the templates outlive their Pods.',
      { default: {} },
    ),
    ordinals: optional([11, statefulSetOrdinals], 'How Pods are numbered; from 0 when left out.'),
  },
);
export type StatefulSetSpec = Infer<typeof statefulSetSpec>;

export const statefulSetCondition = message(
  'io.k8s.api.apps.v1.StatefulSetCondition',
  "One aspect of a StatefulSet's state.",
  conditionFields,
);
export type StatefulSetCondition = Infer<typeof statefulSetCondition>;

export const statefulSetStatus = message(
  'io.k8s.api.apps.v1.StatefulSetStatus',
  'What is known of a StatefulSet.',
  {
    observedGeneration: optional([1, int64], 'The generation that this was judged from.'),
    replicas: required([2, int32], 'How many Pods there are.'),
    readyReplicas: optional([3, int32], 'How many are ready.'),
    currentReplicas: optional([4, int32], 'How many are of the current revision.'),
    updatedReplicas: optional([5, int32], 'How many are of the update revision.'),
    currentRevision: optional([6, string], 'The revision that Pods had before the update.'),
    updateRevision: optional([7, string], 'The revision that Pods are updated to.'),
    collisionCount: pointer([9, int32], 'How often the name of a new ControllerRevision was taken.'),
    conditions: optional([10, listMap(statefulSetCondition, ['type'])], 'Aspects of its state.', {
      patchMergeKey: 'type',
    }),
    availableReplicas: optional([11, int32], 'How many have been ready for minReadySeconds.'),
  },
);
export type StatefulSetStatus = Infer<typeof statefulSetStatus>;

export const statefulSet = message(
  'io.k8s.api.apps.v1.StatefulSet',
  'Keeps Pods with names, numbers and claims of their own.',
  {
    ...typeMeta,
    metadata: filled([1, objectMeta], 'Name, labels and other standard metadata.'),
    spec: filled([2, statefulSetSpec], 'How many Pods with an identity there should be.'),
    status: optional([3, statefulSetStatus], 'How far it is.'),
  },
);
export type StatefulSet = Infer<typeof statefulSet>;

/** The claims in the template say what they are (pkg/apis/apps/v1/conversion.go). */
const claimTemplatesNamed: ObjectRule = (set) => {
  const { spec } = set;
  if (!isJsonObject(spec) || !Array.isArray(spec.volumeClaimTemplates)) return set;
  const isNamed = (claim: JsonValue): boolean =>
    isJsonObject(claim) && claim.apiVersion !== undefined && claim.kind !== undefined;
  if (spec.volumeClaimTemplates.every(isNamed)) return set;
  const volumeClaimTemplates = spec.volumeClaimTemplates.map((claim) =>
    isJsonObject(claim) ? { apiVersion: 'v1', kind: 'PersistentVolumeClaim', ...claim } : claim,
  );
  return { ...set, spec: { ...spec, volumeClaimTemplates } };
};

export const statefulSets: Kind<StatefulSet> = {
  group: 'apps',
  version: 'v1',
  kind: 'StatefulSet',
  plural: 'statefulsets',
  singular: 'statefulset',
  shortNames: ['sts'],
  categories: ['all'],
  isNamespaced: true,
  subresources: ['status', 'scale'],
  schema: statefulSet,
  defaultRules: [claimTemplatesNamed],
};

export const rollingUpdateDaemonSet = message(
  'io.k8s.api.apps.v1.RollingUpdateDaemonSet',
  'How fast Pods are replaced.',
  {
    maxUnavailable: pointer(
      [1, intOrString],
      'On how many nodes the Pod may be missing meanwhile, as a number or a percentage rounded up.',
      { default: 1 },
    ),
    maxSurge: pointer(
      [2, intOrString],
      'On how many nodes the new Pod may run beside the old one, as a number or a percentage rounded up.',
      { default: 0 },
    ),
  },
);
export type RollingUpdateDaemonSet = Infer<typeof rollingUpdateDaemonSet>;

export const daemonSetUpdateStrategy = message(
  'io.k8s.api.apps.v1.DaemonSetUpdateStrategy',
  'How Pods of an old template are replaced.',
  {
    type: optional([1, string], 'RollingUpdate, or OnDelete to leave it to whoever deletes Pods.', {
      default: 'RollingUpdate',
      values: ['RollingUpdate', 'OnDelete'],
    }),
    rollingUpdate: optional([2, rollingUpdateDaemonSet], 'How fast, for RollingUpdate.', {
      default: whenRolling,
    }),
  },
);
export type DaemonSetUpdateStrategy = Infer<typeof daemonSetUpdateStrategy>;

export const daemonSetSpec = message('io.k8s.api.apps.v1.DaemonSetSpec', 'Which Pod runs on each node.', {
  selector: required(
    [1, labelSelector],
    "Which Pods belong to it; must match the template's labels and cannot be changed.",
    { isNilRefused: true },
  ),
  template: required([2, podTemplateSpec], 'The Pod that each node gets.'),
  updateStrategy: optional([3, daemonSetUpdateStrategy], 'How Pods of an old template are replaced.', {
    default: {},
  }),
  minReadySeconds: optional([4, int32], 'How long a Pod must be ready to count as available.'),
  revisionHistoryLimit: revisionHistoryLimit(6),
});
export type DaemonSetSpec = Infer<typeof daemonSetSpec>;

export const daemonSetCondition = message(
  'io.k8s.api.apps.v1.DaemonSetCondition',
  "One aspect of a DaemonSet's state.",
  conditionFields,
);
export type DaemonSetCondition = Infer<typeof daemonSetCondition>;

export const daemonSetStatus = message(
  'io.k8s.api.apps.v1.DaemonSetStatus',
  'What is known of a DaemonSet.',
  {
    currentNumberScheduled: required([1, int32], 'How many nodes that should have the Pod have one.'),
    numberMisscheduled: required([2, int32], 'How many nodes that should not have the Pod have one.'),
    desiredNumberScheduled: required([3, int32], 'How many nodes should have the Pod.'),
    numberReady: required([4, int32], 'How many nodes have a ready Pod.'),
    observedGeneration: optional([5, int64], 'The generation that this was judged from.'),
    updatedNumberScheduled: optional([6, int32], 'How many nodes have a Pod of the present template.'),
    numberAvailable: optional([7, int32], 'How many nodes have a Pod that was ready for minReadySeconds.'),
    numberUnavailable: optional([8, int32], 'How many nodes have none.'),
    collisionCount: pointer([9, int32], 'How often the name of a new ControllerRevision was taken.'),
    conditions: optional([10, listMap(daemonSetCondition, ['type'])], 'Aspects of its state.', {
      patchMergeKey: 'type',
    }),
  },
);
export type DaemonSetStatus = Infer<typeof daemonSetStatus>;

export const daemonSet = message('io.k8s.api.apps.v1.DaemonSet', 'Keeps one Pod on each node that fits.', {
  ...typeMeta,
  metadata: filled([1, objectMeta], 'Name, labels and other standard metadata.'),
  spec: filled([2, daemonSetSpec], 'Which Pod runs on each node.'),
  status: optional([3, daemonSetStatus], 'On how many nodes it runs.'),
});
export type DaemonSet = Infer<typeof daemonSet>;

export const daemonSets: Kind<DaemonSet> = {
  group: 'apps',
  version: 'v1',
  kind: 'DaemonSet',
  plural: 'daemonsets',
  singular: 'daemonset',
  shortNames: ['ds'],
  categories: ['all'],
  isNamespaced: true,
  subresources: ['status'],
  schema: daemonSet,
};

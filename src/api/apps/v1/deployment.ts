import { podTemplateSpec } from '../../core/v1/pod-template.ts';
import type { Kind } from '../../kind.ts';
import { labelSelector } from '../../meta/v1/label-selector.ts';
import { objectMeta } from '../../meta/v1/object-meta.ts';
import {
  type DefaultRule,
  type Infer,
  bool,
  filled,
  int32,
  int64,
  intOrString,
  listMap,
  message,
  optional,
  pointer,
  required,
  string,
  time,
  typeMeta,
} from '../../schema/schema.ts';

const rollingUpdateWhenRolling: DefaultRule = (strategy) =>
  strategy.type === 'RollingUpdate' ? {} : undefined;

export const rollingUpdateDeployment = message(
  'io.k8s.api.apps.v1.RollingUpdateDeployment',
  'How fast Pods are replaced.',
  {
    maxUnavailable: pointer(
      [1, intOrString],
      'How many Pods may be missing meanwhile, as a number or a percentage rounded down.',
      { default: '25%' },
    ),
    maxSurge: pointer(
      [2, intOrString],
      'How many Pods may be too many meanwhile, as a number or a percentage rounded up.',
      { default: '25%' },
    ),
  },
);
export type RollingUpdateDeployment = Infer<typeof rollingUpdateDeployment>;

export const deploymentStrategy = message(
  'io.k8s.api.apps.v1.DeploymentStrategy',
  'How Pods of an old template are replaced.',
  {
    type: optional([1, string], 'RollingUpdate, or Recreate to end all old Pods first.', {
      default: 'RollingUpdate',
      values: ['RollingUpdate', 'Recreate'],
    }),
    rollingUpdate: optional([2, rollingUpdateDeployment], 'How fast, for RollingUpdate.', {
      default: rollingUpdateWhenRolling,
    }),
  },
);
export type DeploymentStrategy = Infer<typeof deploymentStrategy>;

export const deploymentSpec = message(
  'io.k8s.api.apps.v1.DeploymentSpec',
  'How many copies of which Pod there should be, and how they are replaced.',
  {
    replicas: pointer([1, int32], 'How many Pods there should be.', { default: 1 }),
    selector: required(
      [2, labelSelector],
      "Which Pods belong to it; must match the template's labels and cannot be changed.",
      { isNilRefused: true },
    ),
    template: required([3, podTemplateSpec], 'The Pod that is copied; a change of it is rolled out.'),
    strategy: optional([4, deploymentStrategy], 'How Pods of an old template are replaced.', {
      default: {},
      patchStrategy: 'retainKeys',
    }),
    minReadySeconds: optional([5, int32], 'How long a Pod must be ready to count as available.'),
    revisionHistoryLimit: pointer([6, int32], 'How many old ReplicaSets are kept for a roll back.', {
      default: 10,
    }),
    paused: optional([7, bool], 'Whether changes of the template are held back.'),
    progressDeadlineSeconds: pointer([9, int32], 'How long without progress a roll-out counts as failed.', {
      default: 600,
    }),
  },
);
export type DeploymentSpec = Infer<typeof deploymentSpec>;

export const deploymentCondition = message(
  'io.k8s.api.apps.v1.DeploymentCondition',
  "One aspect of a Deployment's state.",
  {
    type: required([1, string], 'Name of the aspect.'),
    status: required([2, string], 'True, False or Unknown.'),
    lastUpdateTime: optional([6, time], 'When the condition was last written.'),
    lastTransitionTime: optional([7, time], 'When the status last changed.'),
    reason: optional([4, string], 'Why it changed last, as one CamelCase word.'),
    message: optional([5, string], 'The same for people.'),
  },
);
export type DeploymentCondition = Infer<typeof deploymentCondition>;

export const deploymentStatus = message(
  'io.k8s.api.apps.v1.DeploymentStatus',
  'What is known of a Deployment.',
  {
    observedGeneration: optional([1, int64], 'The generation that this was judged from.'),
    replicas: optional([2, int32], 'How many Pods there are, old and new.'),
    updatedReplicas: optional([3, int32], 'How many have the present template.'),
    readyReplicas: optional([7, int32], 'How many are ready.'),
    availableReplicas: optional([4, int32], 'How many have been ready for minReadySeconds.'),
    unavailableReplicas: optional([5, int32], 'How many are still missing.'),
    conditions: optional([6, listMap(deploymentCondition, ['type'])], 'Aspects of its state.', {
      patchMergeKey: 'type',
    }),
    collisionCount: pointer(
      [8, int32],
      'How often the name of a new ReplicaSet was taken; makes names differ.',
    ),
    terminatingReplicas: pointer([9, int32], 'How many are ending.'),
  },
);
export type DeploymentStatus = Infer<typeof deploymentStatus>;

export const deployment = message(
  'io.k8s.api.apps.v1.Deployment',
  'Rolls out changes of a Pod template over a number of Pods.',
  {
    ...typeMeta,
    metadata: filled([1, objectMeta], 'Name, labels and other standard metadata.'),
    spec: filled(
      [2, deploymentSpec],
      'How many copies of which Pod there should be, and how they are replaced.',
    ),
    status: optional([3, deploymentStatus], 'How far it is.'),
  },
);
export type Deployment = Infer<typeof deployment>;

export const deployments: Kind<Deployment> = {
  group: 'apps',
  version: 'v1',
  kind: 'Deployment',
  plural: 'deployments',
  singular: 'deployment',
  shortNames: ['deploy'],
  categories: ['all'],
  isNamespaced: true,
  subresources: ['status', 'scale'],
  schema: deployment,
};

import { podTemplateSpec } from '../../core/v1/pod-template.ts';
import type { Kind } from '../../kind.ts';
import { labelSelector } from '../../meta/v1/label-selector.ts';
import { objectMeta } from '../../meta/v1/object-meta.ts';
import {
  type DefaultRule,
  type Infer,
  bool,
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

export const rollingUpdateDeployment = message('io.k8s.api.apps.v1.RollingUpdateDeployment', '-', {
  maxUnavailable: pointer([1, intOrString], '-', { default: '25%' }),
  maxSurge: pointer([2, intOrString], '-', { default: '25%' }),
});
export type RollingUpdateDeployment = Infer<typeof rollingUpdateDeployment>;

export const deploymentStrategy = message('io.k8s.api.apps.v1.DeploymentStrategy', '-', {
  type: optional([1, string], '-', { default: 'RollingUpdate', values: ['RollingUpdate', 'Recreate'] }),
  rollingUpdate: optional([2, rollingUpdateDeployment], '-', { default: rollingUpdateWhenRolling }),
});
export type DeploymentStrategy = Infer<typeof deploymentStrategy>;

export const deploymentSpec = message('io.k8s.api.apps.v1.DeploymentSpec', '-', {
  replicas: pointer([1, int32], '-', { default: 1 }),
  selector: required([2, labelSelector], '-'),
  template: required([3, podTemplateSpec], '-'),
  strategy: optional([4, deploymentStrategy], '-', { default: {}, patchStrategy: 'retainKeys' }),
  minReadySeconds: optional([5, int32], '-'),
  revisionHistoryLimit: pointer([6, int32], '-', { default: 10 }),
  paused: optional([7, bool], '-'),
  progressDeadlineSeconds: pointer([9, int32], '-', { default: 600 }),
});
export type DeploymentSpec = Infer<typeof deploymentSpec>;

export const deploymentCondition = message('io.k8s.api.apps.v1.DeploymentCondition', '-', {
  type: required([1, string], '-'),
  status: required([2, string], '-'),
  lastUpdateTime: optional([6, time], '-'),
  lastTransitionTime: optional([7, time], '-'),
  reason: optional([4, string], '-'),
  message: optional([5, string], '-'),
});
export type DeploymentCondition = Infer<typeof deploymentCondition>;

export const deploymentStatus = message('io.k8s.api.apps.v1.DeploymentStatus', '-', {
  observedGeneration: optional([1, int64], '-'),
  replicas: optional([2, int32], '-'),
  updatedReplicas: optional([3, int32], '-'),
  readyReplicas: optional([7, int32], '-'),
  availableReplicas: optional([4, int32], '-'),
  unavailableReplicas: optional([5, int32], '-'),
  conditions: optional([6, listMap(deploymentCondition, ['type'])], '-', { patchMergeKey: 'type' }),
  collisionCount: pointer([8, int32], '-'),
  terminatingReplicas: pointer([9, int32], '-'),
});
export type DeploymentStatus = Infer<typeof deploymentStatus>;

export const deployment = message('io.k8s.api.apps.v1.Deployment', '-', {
  ...typeMeta,
  metadata: required([1, objectMeta], 'Name, labels and other standard metadata.'),
  spec: required([2, deploymentSpec], '-'),
  status: optional([3, deploymentStatus], '-'),
});
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

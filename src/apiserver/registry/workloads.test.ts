import type { JsonObject } from '../../base/json.ts';
import { kindTrials, testChanges, testNewObjects } from '../fixtures/kind-trials.ts';
import type { ChangeRow, Row } from '../fixtures/kind-trials.ts';

const labels = { app: 'MyApp' };
const template = { metadata: { labels }, spec: { containers: [{ name: 'c', image: 'i' }] } };
const workload = { selector: { matchLabels: labels }, template };
const deployment = (changes: JsonObject): JsonObject => ({ spec: { ...workload, ...changes } });

/** A new workload -> how the refusal goes on after `is invalid: `, or 'accepted'. */
const rows: Readonly<Record<string, Row>> = {
  'a Deployment': ['deployments', deployment({}), 'accepted'],
  'a Deployment without selector': [
    'deployments',
    { spec: { template } },
    '[spec.selector: Required value, spec.template.metadata.labels: Invalid value: {"app":"MyApp"}: `selector` does not match template `labels`]',
  ],
  'a Deployment with no selector': [
    'deployments',
    deployment({ selector: null }),
    '[spec.selector: Required value, spec.template.metadata.labels: Invalid value: {"app":"MyApp"}: `selector` does not match template `labels`]',
  ],
  'a Deployment with an empty selector': [
    'deployments',
    deployment({ selector: {} }),
    'spec.selector: Invalid value: {}: empty selector is invalid for deployment',
  ],
  'a ReplicaSet without selector': [
    'replicasets',
    { spec: { template } },
    '[spec.selector: Required value, spec.template.metadata.labels: Invalid value: {"app":"MyApp"}: `selector` does not match template `labels`]',
  ],
  'a Deployment that does not select its own Pods': [
    'deployments',
    deployment({ selector: { matchLabels: { app: 'other' } } }),
    'spec.template.metadata.labels: Invalid value: {"app":"MyApp"}: `selector` does not match template `labels`',
  ],
  'a Deployment of Pods that end': [
    'deployments',
    deployment({ template: { ...template, spec: { ...template.spec, restartPolicy: 'Never' } } }),
    'spec.template.spec.restartPolicy: Unsupported value: "Never": supported values: "Always"',
  ],
  'a Deployment with a bad Pod': [
    'deployments',
    deployment({ template: { ...template, spec: { containers: [{ name: 'c' }] } } }),
    'spec.template.spec.containers[0].image: Required value',
  ],
  'a Deployment of less than nothing': [
    'deployments',
    deployment({ replicas: -1 }),
    'spec.replicas: Invalid value: -1: must be greater than or equal to 0',
  ],
  'a Deployment that could never move': [
    'deployments',
    deployment({ strategy: { rollingUpdate: { maxSurge: 0, maxUnavailable: 0 } } }),
    'spec.strategy.rollingUpdate.maxUnavailable: Invalid value: 0: may not be 0 when `maxSurge` is 0',
  ],
  'a Deployment with a share of more than all': [
    'deployments',
    deployment({ strategy: { rollingUpdate: { maxUnavailable: '101%' } } }),
    'spec.strategy.rollingUpdate.maxUnavailable: Invalid value: "101%": must not be greater than 100%',
  ],
  'a Deployment with a share that is none': [
    'deployments',
    deployment({ strategy: { rollingUpdate: { maxSurge: 'many' } } }),
    `spec.strategy.rollingUpdate.maxSurge: Invalid value: "many": a valid percent string must be a numeric string followed by an ending '%'`,
  ],
  'a Deployment that recreates at a rate': [
    'deployments',
    deployment({ strategy: { type: 'Recreate', rollingUpdate: { maxSurge: 1 } } }),
    "spec.strategy.rollingUpdate: Forbidden: may not be specified when strategy `type` is 'Recreate'",
  ],
  'a Deployment with an unknown strategy': [
    'deployments',
    deployment({ strategy: { type: 'BlueGreen' } }),
    'spec.strategy.type: Unsupported value: "BlueGreen": supported values: "Recreate", "RollingUpdate"',
  ],
  'a Deployment whose Pods are late by definition': [
    'deployments',
    deployment({ minReadySeconds: 10, progressDeadlineSeconds: 5 }),
    'spec.progressDeadlineSeconds: Invalid value: 5: must be greater than minReadySeconds',
  ],
  'a ReplicaSet': ['replicasets', deployment({}), 'accepted'],
  'a ReplicaSet without template': [
    'replicasets',
    { spec: { selector: workload.selector } },
    '[spec.template.metadata.labels: Invalid value: null: `selector` does not match template `labels`, spec.template.spec.containers: Required value]',
  ],
  'a ReplicaSet with a wrong operator': [
    'replicasets',
    deployment({ selector: { matchLabels: labels, matchExpressions: [{ key: 'a', operator: 'Is' }] } }),
    '[spec.selector.matchExpressions[0].operator: Invalid value: "Is": not a valid selector operator, spec.selector: Invalid value: {"matchLabels":{"app":"MyApp"},"matchExpressions":[{"key":"a","operator":"Is"}]}: invalid label selector]',
  ],
  'a ReplicaSet with an operator without values': [
    'replicasets',
    deployment({ selector: { matchExpressions: [{ key: 'a', operator: 'In' }] } }),
    "[spec.selector.matchExpressions[0].values: Required value: must be specified when `operator` is 'In' or 'NotIn'",
  ],
  'a ReplicaSet with an operator with values too many': [
    'replicasets',
    deployment({ selector: { matchExpressions: [{ key: 'a', operator: 'Exists', values: ['b'] }] } }),
    "[spec.selector.matchExpressions[0].values: Forbidden: may not be specified when `operator` is 'Exists' or 'DoesNotExist'",
  ],
};

/** A standing object -> a merge patch (through a subresource) -> the refusal, or 'accepted'. */
const patches: Readonly<Record<string, ChangeRow>> = {
  'a Deployment keeps its selector': [
    'deployments',
    deployment({}),
    'spec.selector: Invalid value: {"matchLabels":{"app":"MyApp","x":"y"}}: field is immutable',
    { spec: { selector: { matchLabels: { x: 'y' } }, template: { metadata: { labels: { x: 'y' } } } } },
  ],
  'a Deployment has no more ready Pods than Pods': [
    'deployments',
    deployment({}),
    'status.readyReplicas: Invalid value: 2: cannot be greater than status.replicas',
    { status: { replicas: 1, readyReplicas: 2 } },
    'status',
  ],
  'a ReplicaSet has no more available Pods than ready ones': [
    'replicasets',
    deployment({}),
    'status.availableReplicas: Invalid value: 2: cannot be greater than readyReplicas',
    { status: { replicas: 3, readyReplicas: 1, availableReplicas: 2 } },
    'status',
  ],
};

const trials = kindTrials();
testNewObjects(trials, rows);
testChanges(trials, patches);

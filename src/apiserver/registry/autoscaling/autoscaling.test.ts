import type { JsonObject } from '../../../base/json.ts';
import {
  type ChangeRow,
  kindTrials,
  type Row,
  testChanges,
  testNewObjects,
} from '../../fixtures/kind-trials.ts';

const KIND = 'horizontalpodautoscalers';
const scaleTargetRef = { apiVersion: 'apps/v1', kind: 'Deployment', name: 'web' };
const autoscaler = (changes: JsonObject): JsonObject => ({
  spec: { scaleTargetRef, maxReplicas: 3, ...changes },
});
const metric = (changes: JsonObject): JsonObject => autoscaler({ metrics: [changes] });
const share = { type: 'Utilization', averageUtilization: 50 };
const up = (rules: JsonObject): JsonObject => autoscaler({ behavior: { scaleUp: rules } });
const policy = { type: 'Pods', value: 1, periodSeconds: 60 };

const rows: Readonly<Record<string, Row>> = {
  'one that says only what and how many': [KIND, autoscaler({}), 'accepted'],
  'one that says nothing': [
    KIND,
    { spec: {} },
    '[spec.maxReplicas: Invalid value: 0: must be greater than 0, spec.maxReplicas: Invalid value: 0: must be greater than or equal to `minReplicas`, spec.scaleTargetRef.kind: Required value, spec.scaleTargetRef.name: Required value]',
  ],
  'fewer than one Pod': [
    KIND,
    autoscaler({ minReplicas: 0 }),
    '[spec.minReplicas: Invalid value: 0: must be greater than or equal to 1, spec.metrics: Forbidden: must specify at least one Object or External metric to support scaling to zero replicas]',
  ],
  'more at the least than at the most': [
    KIND,
    autoscaler({ minReplicas: 4 }),
    'spec.maxReplicas: Invalid value: 3: must be greater than or equal to `minReplicas`',
  ],
  'a target whose name is a path': [
    KIND,
    autoscaler({ scaleTargetRef: { kind: 'Deployment', name: 'a/b' } }),
    'spec.scaleTargetRef.name: Invalid value: "a/b": may not contain \'/\'',
  ],
  'a metric of an unknown type': [
    KIND,
    metric({ type: 'Moon' }),
    'spec.metrics[0].type: Unsupported value: "Moon": supported values: "ContainerResource", "External", "Object", "Pods", "Resource"',
  ],
  'a metric without what its type names': [
    KIND,
    metric({ type: 'Pods' }),
    'spec.metrics[0].pods: Required value: must populate information for the given metric source',
  ],
  'a metric with two sources': [
    KIND,
    metric({
      type: 'Resource',
      resource: { name: 'cpu', target: share },
      containerResource: { name: 'cpu', container: 'main', target: share },
    }),
    'spec.metrics[0].containerResource: Forbidden: must populate the given metric source only',
  ],
  'a resource without an amount': [
    KIND,
    metric({ type: 'Resource', resource: { name: 'cpu', target: { type: 'Utilization' } } }),
    'spec.metrics[0].resource.target.averageUtilization: Required value: must set either a target raw value or a target utilization',
  ],
  'a resource with two amounts': [
    KIND,
    metric({ type: 'Resource', resource: { name: 'cpu', target: { ...share, averageValue: '1' } } }),
    'spec.metrics[0].resource.target.averageValue: Forbidden: may not set both a target raw value and a target utilization',
  ],
  'a share of nothing': [
    KIND,
    metric({ type: 'Resource', resource: { name: 'cpu', target: { ...share, averageUtilization: 0 } } }),
    'spec.metrics[0].resource.target.averageUtilization: Invalid value: 0: must be greater than 0',
  ],
  'a resource of no container': [
    KIND,
    metric({ type: 'ContainerResource', containerResource: { name: 'gold', target: share } }),
    '[spec.metrics[0].containerResource.name: Invalid value: "gold": must be a standard resource for containers, spec.metrics[0].containerResource.container: Required value: must specify a container]',
  ],
  'a metric of Pods without an average': [
    KIND,
    metric({ type: 'Pods', pods: { metric: { name: 'hits' }, target: { type: 'Value', value: '0' } } }),
    '[spec.metrics[0].pods.target.value: Invalid value: "0": must be positive, spec.metrics[0].pods.target.averageValue: Required value: must specify a positive target averageValue]',
  ],
  'an outside metric without name and with two amounts': [
    KIND,
    metric({
      type: 'External',
      external: { metric: { name: '' }, target: { type: 'Best', value: '1', averageValue: '1' } },
    }),
    '[spec.metrics[0].external.metric.name: Required value: must specify a metric name, spec.metrics[0].external.target.type: Invalid value: "Best": must be either Utilization, Value, or AverageValue, spec.metrics[0].external.target.value: Forbidden: may not set both a target value for metric and a per-pod target]',
  ],
  'a metric of an object, and no Pods at the least': [
    KIND,
    metric({
      type: 'Object',
      object: {
        describedObject: { kind: 'Ingress', name: '' },
        metric: { name: 'a%b' },
        target: { type: 'Value' },
      },
    }),
    '[spec.metrics[0].object.describedObject.name: Required value, spec.metrics[0].object.metric.name: Invalid value: "a%b": may not contain \'%\', spec.metrics[0].object.target.averageValue: Required value: must set either a target value or averageValue]',
  ],
  'a window of more than an hour': [
    KIND,
    up({ stabilizationWindowSeconds: 3601 }),
    'spec.behavior.scaleUp.stabilizationWindowSeconds: Invalid value: 3601: must be less than or equal to 3600',
  ],
  'rules without policies, and a way to choose that is none': [
    KIND,
    up({ policies: [], selectPolicy: 'Any' }),
    '[spec.behavior.scaleUp.selectPolicy: Unsupported value: "Any": supported values: "Disabled", "Max", "Min", spec.behavior.scaleUp.policies: Required value: must specify at least one Policy]',
  ],
  'a policy that is none': [
    KIND,
    up({ policies: [{ type: 'Nodes', value: 0, periodSeconds: 1801 }] }),
    '[spec.behavior.scaleUp.policies[0].type: Unsupported value: "Nodes": supported values: "Percent", "Pods", spec.behavior.scaleUp.policies[0].value: Invalid value: 0: must be greater than zero, spec.behavior.scaleUp.policies[0].periodSeconds: Invalid value: 1801: must be less than or equal to 1800]',
  ],
};

const changes: Readonly<Record<string, ChangeRow>> = {
  'another number of Pods': [KIND, autoscaler({}), 'accepted', { spec: { maxReplicas: 9 } }],
  'a policy': [
    KIND,
    autoscaler({}),
    'accepted',
    { spec: { behavior: { scaleDown: { policies: [policy] } } } },
  ],
  'less than no Pods in the status': [
    KIND,
    autoscaler({}),
    'status.desiredReplicas: Invalid value: -1: must be greater than or equal to 0',
    { status: { desiredReplicas: -1 } },
    'status',
  ],
};

const bench = kindTrials();
testNewObjects(bench, rows);
testChanges(bench, changes);

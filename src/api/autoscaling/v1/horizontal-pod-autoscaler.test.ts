import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { JsonObject, JsonValue } from '../../../base/json.ts';
import { horizontalPodAutoscalersV1 } from './horizontal-pod-autoscaler.ts';

const { fromStored, toStored } = horizontalPodAutoscalersV1;
const PREFIX = 'autoscaling.alpha.kubernetes.io/';
const selector = { matchLabels: { verb: 'GET' } };
const cpu = (averageUtilization: number): JsonObject => ({
  type: 'Resource',
  resource: { name: 'cpu', target: { type: 'Utilization', averageUtilization } },
});

type Pair = readonly [v2: JsonObject, v1: JsonObject];

/** A metric in v2 -> the same in the annotation of v1. */
const metrics: Readonly<Record<string, Pair>> = {
  'an amount of memory': [
    { type: 'Resource', resource: { name: 'memory', target: { type: 'AverageValue', averageValue: '1Gi' } } },
    { type: 'Resource', resource: { name: 'memory', targetAverageValue: '1Gi' } },
  ],
  'a share of the processor of one container': [
    {
      type: 'ContainerResource',
      containerResource: {
        name: 'cpu',
        target: { type: 'Utilization', averageUtilization: 70 },
        container: 'main',
      },
    },
    {
      type: 'ContainerResource',
      containerResource: { name: 'cpu', targetAverageUtilization: 70, container: 'main' },
    },
  ],
  'a metric of Pods': [
    {
      type: 'Pods',
      pods: { metric: { name: 'hits', selector }, target: { type: 'AverageValue', averageValue: '10' } },
    },
    { type: 'Pods', pods: { metricName: 'hits', targetAverageValue: '10', selector } },
  ],
  'a metric of an object': [
    {
      type: 'Object',
      object: {
        describedObject: { kind: 'Ingress', name: 'a' },
        metric: { name: 'hits' },
        target: { type: 'Value', value: '2k' },
      },
    },
    {
      type: 'Object',
      object: { target: { kind: 'Ingress', name: 'a' }, metricName: 'hits', targetValue: '2k' },
    },
  ],
  'the average of a metric of an object': [
    {
      type: 'Object',
      object: {
        describedObject: { kind: 'Ingress', name: 'a' },
        metric: { name: 'hits', selector },
        target: { type: 'AverageValue', averageValue: '2k' },
      },
    },
    {
      type: 'Object',
      object: {
        target: { kind: 'Ingress', name: 'a' },
        metricName: 'hits',
        targetValue: '0',
        selector,
        averageValue: '2k',
      },
    },
  ],
  'a metric of something else': [
    {
      type: 'External',
      external: { metric: { name: 'queue', selector }, target: { type: 'AverageValue', averageValue: '30' } },
    },
    {
      type: 'External',
      external: { metricName: 'queue', metricSelector: selector, targetAverageValue: '30' },
    },
  ],
};

const spec = { scaleTargetRef: { kind: 'Deployment', name: 'a' }, minReplicas: 1, maxReplicas: 3 };
const object = (changes: JsonObject): JsonObject => ({ metadata: { name: 'a' }, ...changes });
const annotationsOf = ({ metadata }: JsonObject): JsonObject =>
  ((metadata as JsonObject)['annotations'] ?? {}) as JsonObject;
const annotation = (shown: JsonObject, name: string): JsonValue =>
  JSON.parse(annotationsOf(shown)[PREFIX + name] as string) as JsonValue;

describe('an autoscaler in autoscaling/v1', () => {
  for (const [sentence, [v2, v1]] of Object.entries(metrics)) {
    it(`${sentence} stands in an annotation, and comes back`, () => {
      const stored = object({ spec: { ...spec, metrics: [v2, cpu(60)] } });
      const shown = fromStored(stored);
      assert.deepEqual(annotation(shown, 'metrics'), [v1]);
      assert.deepEqual(shown['spec'], { ...spec, targetCPUUtilizationPercentage: 60 });
      assert.deepEqual(toStored(shown), stored);
    });
  }

  it('has a field for the use of the processor, 80 percent when it says nothing', () => {
    const shown = fromStored(object({ spec: { ...spec, metrics: [cpu(80)] } }));
    assert.deepEqual(shown, object({ spec: { ...spec, targetCPUUtilizationPercentage: 80 } }));
    assert.deepEqual(toStored(object({ spec })), object({ spec: { ...spec, metrics: [cpu(80)] } }));
  });

  it('keeps behaviour as Go names its fields', () => {
    const behavior = {
      scaleUp: {
        stabilizationWindowSeconds: 0,
        selectPolicy: 'Max',
        policies: [{ type: 'Pods', value: 4, periodSeconds: 15 }],
      },
    };
    const stored = object({ spec: { ...spec, metrics: [cpu(80)], behavior } });
    const shown = fromStored(stored);
    assert.deepEqual(annotation(shown, 'behavior'), {
      ScaleUp: {
        StabilizationWindowSeconds: 0,
        SelectPolicy: 'Max',
        Policies: [{ Type: 'Pods', Value: 4, PeriodSeconds: 15 }],
      },
    });
    assert.deepEqual(toStored(shown), stored);
  });

  it('keeps what was measured, and conditions', () => {
    const currentMetrics = [
      {
        type: 'Resource',
        resource: { name: 'cpu', current: { averageValue: '100m', averageUtilization: 10 } },
      },
      { type: 'Pods', pods: { metric: { name: 'hits' }, current: { averageValue: '3' } } },
      { type: 'External', external: { metric: { name: 'queue' }, current: { value: '7' } } },
      {
        type: 'Object',
        object: {
          describedObject: { kind: 'Ingress', name: 'a' },
          metric: { name: 'hits' },
          current: { value: '1' },
        },
      },
    ];
    const conditions = [{ type: 'AbleToScale', status: 'True', reason: 'ReadyForNewScale' }];
    const status = { currentReplicas: 2, desiredReplicas: 2, currentMetrics, conditions };
    const stored = object({ status });
    const shown = fromStored(stored);
    assert.deepEqual(shown['status'], {
      currentReplicas: 2,
      desiredReplicas: 2,
      currentCPUUtilizationPercentage: 10,
    });
    assert.deepEqual(toStored(shown), stored);
  });

  it('leaves other annotations, and forgets its own that say nothing', () => {
    const annotations = { note: 'mine', [`${PREFIX}metrics`]: 'no JSON', [`${PREFIX}behavior`]: '{}' };
    const stored = toStored({ metadata: { name: 'a', annotations }, spec });
    assert.deepEqual(stored['metadata'], { name: 'a', annotations: { note: 'mine' } });
    assert.deepEqual(stored['spec'], { ...spec, metrics: [cpu(80)] });
  });
});

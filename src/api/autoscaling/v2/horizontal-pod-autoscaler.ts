import { deepEqual } from '../../../base/deep-equal.ts';
import type { JsonObject } from '../../../base/json.ts';
import type { Kind } from '../../kind.ts';
import { objectMeta } from '../../meta/v1/object-meta.ts';
import {
  type Infer,
  filled,
  int32,
  int64,
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
import { metricSpec, metricStatus, objectReference } from './metrics.ts';

const scalingPolicy = message('io.k8s.api.autoscaling.v2.HPAScalingPolicy', 'A bound for one step.', {
  type: required([1, string], 'Whether the bound counts Pods or a share of them.', {
    values: ['Pods', 'Percent'],
  }),
  value: required([2, int32], 'How many, or how many percent.'),
  periodSeconds: required([3, int32], 'For how long the bound holds; 1800 at the most.'),
});

const scalingRules = message('io.k8s.api.autoscaling.v2.HPAScalingRules', 'How fast it goes one way.', {
  stabilizationWindowSeconds: pointer([3, int32], 'How far back recommendations count; 3600 at the most.'),
  selectPolicy: pointer([1, string], 'Which of the policies decides.', {
    values: ['Max', 'Min', 'Disabled'],
  }),
  policies: pointer([2, list(scalingPolicy)], 'The bounds.'),
});
export type HPAScalingRules = Infer<typeof scalingRules>;

/** What stands for rules that say nothing (upstream's GenerateHPAScaleUpRules and GenerateHPAScaleDownRules). */
const percent = { type: 'Percent', value: 100, periodSeconds: 15 };
const upRules = {
  stabilizationWindowSeconds: 0,
  selectPolicy: 'Max',
  policies: [{ type: 'Pods', value: 4, periodSeconds: 15 }, percent],
};
const downRules = { selectPolicy: 'Max', policies: [percent] };

const behavior = message(
  'io.k8s.api.autoscaling.v2.HorizontalPodAutoscalerBehavior',
  'How fast it may scale.',
  {
    scaleUp: pointer([1, scalingRules], 'How fast up.'),
    scaleDown: pointer([2, scalingRules], 'How fast down.'),
  },
);

/** The processor's use, 80 percent of what was asked for: what it goes by that names nothing. */
export const defaultMetrics = [
  { type: 'Resource', resource: { name: 'cpu', target: { type: 'Utilization', averageUtilization: 80 } } },
];

const spec = message(
  'io.k8s.api.autoscaling.v2.HorizontalPodAutoscalerSpec',
  'What is scaled, and by what.',
  {
    scaleTargetRef: required([1, objectReference], 'What is scaled.'),
    minReplicas: pointer([2, int32], 'How many Pods there are at the least.', { default: 1 }),
    maxReplicas: required([3, int32], 'How many Pods there are at the most.'),
    metrics: optional([4, list(metricSpec)], 'What it goes by; the largest number wins.', {
      default: defaultMetrics,
    }),
    behavior: pointer([5, behavior], 'How fast it may scale.'),
  },
);
export type HorizontalPodAutoscalerSpec = Infer<typeof spec>;

const condition = message(
  'io.k8s.api.autoscaling.v2.HorizontalPodAutoscalerCondition',
  'One aspect of its state.',
  {
    type: required([1, string], 'Name of the aspect.'),
    status: required([2, string], 'True, False or Unknown.'),
    lastTransitionTime: optional([3, time], 'When the status last changed.'),
    reason: optional([4, string], 'Why it changed last, as one CamelCase word.'),
    message: optional([5, string], 'The same for people.'),
  },
);

const status = message('io.k8s.api.autoscaling.v2.HorizontalPodAutoscalerStatus', 'How far it has scaled.', {
  observedGeneration: pointer([1, int64], 'The generation that this was judged from.'),
  lastScaleTime: optional([2, time], 'When it scaled last.'),
  currentReplicas: optional([3, int32], 'How many Pods there are.'),
  desiredReplicas: required([4, int32], 'How many Pods there should be.'),
  currentMetrics: optional([5, list(metricStatus)], 'What it last saw.'),
  conditions: optional([6, listMap(condition, ['type'])], 'Aspects of its state.', { patchMergeKey: 'type' }),
});

export const horizontalPodAutoscaler = message(
  'io.k8s.api.autoscaling.v2.HorizontalPodAutoscaler',
  'Sets how many Pods a workload has by what they use.',
  {
    ...typeMeta,
    metadata: filled([1, objectMeta], 'Name, labels and other standard metadata.'),
    spec: filled([2, spec], 'What is scaled, and by what.'),
    status: optional([3, status], 'How far it has scaled.'),
  },
);
export type HorizontalPodAutoscaler = Infer<typeof horizontalPodAutoscaler>;

/** Rules for both ways where there are any, so that what says one thing says all. */
function wholeBehavior(object: JsonObject): JsonObject {
  const { spec } = object as { readonly spec?: JsonObject & { readonly behavior?: JsonObject } };
  if (spec?.behavior === undefined) return object;
  const { scaleUp = {}, scaleDown = {} } = spec.behavior as Readonly<Record<string, JsonObject>>;
  const whole = { scaleUp: { ...upRules, ...scaleUp }, scaleDown: { ...downRules, ...scaleDown } };
  return deepEqual(whole, spec.behavior) ? object : { ...object, spec: { ...spec, behavior: whole } };
}

export const horizontalPodAutoscalers: Kind<HorizontalPodAutoscaler> = {
  group: 'autoscaling',
  version: 'v2',
  kind: 'HorizontalPodAutoscaler',
  plural: 'horizontalpodautoscalers',
  singular: 'horizontalpodautoscaler',
  shortNames: ['hpa'],
  categories: ['all'],
  isNamespaced: true,
  subresources: ['status'],
  schema: horizontalPodAutoscaler,
  defaultRules: [wholeBehavior],
};

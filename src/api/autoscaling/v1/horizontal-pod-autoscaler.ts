import { isJsonObject, type JsonObject, type JsonValue } from '../../../base/json.ts';
import type { KindVersion } from '../../kind-version.ts';
import type { Kind } from '../../kind.ts';
import { objectMeta } from '../../meta/v1/object-meta.ts';
import {
  type Infer,
  atomic,
  filled,
  int32,
  int64,
  message,
  optional,
  pointer,
  required,
  time,
  typeMeta,
} from '../../schema/schema.ts';
import { defaultMetrics, horizontalPodAutoscalers } from '../v2/horizontal-pod-autoscaler.ts';
import { objectReference } from '../v2/metrics.ts';
import { fromV1Spec, fromV1Status, toV1Spec, toV1Status } from './metrics.ts';

const name = (short: string): string => `io.k8s.api.autoscaling.v1.${short}`;

const reference = atomic(
  message(name('CrossVersionObjectReference'), objectReference.description, objectReference.fields),
);

const spec = message(name('HorizontalPodAutoscalerSpec'), 'What is scaled, and by what.', {
  scaleTargetRef: required([1, reference], 'What is scaled.'),
  minReplicas: pointer([2, int32], 'How many Pods there are at the least.', { default: 1 }),
  maxReplicas: required([3, int32], 'How many Pods there are at the most.'),
  targetCPUUtilizationPercentage: pointer(
    [4, int32],
    'How much of the processor the Pods should use, as percent of what they asked for.',
  ),
});

const status = message(name('HorizontalPodAutoscalerStatus'), 'How far it has scaled.', {
  observedGeneration: pointer([1, int64], 'The generation that this was judged from.'),
  lastScaleTime: optional([2, time], 'When it scaled last.'),
  currentReplicas: required([3, int32], 'How many Pods there are.'),
  desiredReplicas: required([4, int32], 'How many Pods there should be.'),
  currentCPUUtilizationPercentage: pointer(
    [5, int32],
    'How much of the processor the Pods use, as percent of what they asked for.',
  ),
});

const horizontalPodAutoscaler = message(
  name('HorizontalPodAutoscaler'),
  'Sets how many Pods a workload has by what they use.',
  {
    ...typeMeta,
    metadata: filled([1, objectMeta], 'Name, labels and other standard metadata.'),
    spec: filled([2, spec], 'What is scaled, and by what.'),
    status: optional([3, status], 'How far it has scaled.'),
  },
);
export type HorizontalPodAutoscalerV1 = Infer<typeof horizontalPodAutoscaler>;

const { defaultRules: _, ...stored } = horizontalPodAutoscalers;
const kind: Kind<HorizontalPodAutoscalerV1> = { ...stored, version: 'v1', schema: horizontalPodAutoscaler };

/** What this version has no field for stands in annotations, in its own words. */
const METRICS = 'autoscaling.alpha.kubernetes.io/metrics';
const CURRENT = 'autoscaling.alpha.kubernetes.io/current-metrics';
const CONDITIONS = 'autoscaling.alpha.kubernetes.io/conditions';
const BEHAVIOR = 'autoscaling.alpha.kubernetes.io/behavior';

const objectIn = (owner: JsonObject, field: string): JsonObject | undefined => {
  const value = owner[field];
  return isJsonObject(value) ? value : undefined;
};
const listIn = (owner: JsonObject | undefined, field: string): readonly JsonObject[] => {
  const value = owner?.[field];
  return Array.isArray(value) ? value.filter(isJsonObject) : [];
};

/** An annotation's text as JSON; undefined for none and for one that is no JSON. */
function parsed(text: JsonValue | undefined): JsonValue | undefined {
  if (typeof text !== 'string') return undefined;
  try {
    return JSON.parse(text) as JsonValue;
  } catch {
    return undefined;
  }
}
const parsedList = (text: JsonValue | undefined): readonly JsonObject[] | undefined => {
  const value = parsed(text);
  return Array.isArray(value) ? value.filter(isJsonObject) : undefined;
};

/** With each member's name changed, at any depth: behaviour stands in the annotation as Go names the fields. */
function renamed(value: JsonValue, rename: (name: string) => string): JsonValue {
  if (Array.isArray(value)) return value.map((item) => renamed(item, rename));
  if (!isJsonObject(value)) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, item]) => [rename(key), renamed(item as JsonValue, rename)]),
  );
}
const upper = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1);
const lower = (text: string): string => text.charAt(0).toLowerCase() + text.slice(1);

const cpuPart = (metric: JsonObject, part: 'target' | 'current'): JsonValue | undefined => {
  const resource = metric['type'] === 'Resource' ? objectIn(metric, 'resource') : undefined;
  return resource?.['name'] === 'cpu' ? objectIn(resource, part)?.['averageUtilization'] : undefined;
};
const cpuMetric = (part: 'target' | 'current', value: JsonObject): JsonObject => ({
  type: 'Resource',
  resource: { name: 'cpu', [part]: value },
});

/** The object with other annotations; without any where there are none left. */
function withAnnotations(object: JsonObject, annotations: JsonObject): JsonObject {
  const { metadata } = object;
  if (!isJsonObject(metadata)) return object;
  const { annotations: _old, ...rest } = metadata;
  return {
    ...object,
    metadata: Object.keys(annotations).length === 0 ? rest : { ...rest, annotations },
  };
}

function fromStored(object: JsonObject): JsonObject {
  const { spec, status } = object;
  const metadata = objectIn(object, 'metadata') ?? {};
  const {
    [METRICS]: _m,
    [CURRENT]: _c,
    [CONDITIONS]: _o,
    [BEHAVIOR]: _b,
    ...kept
  } = objectIn(metadata, 'annotations') ?? {};
  const annotations: Record<string, JsonValue | undefined> = { ...kept };
  let out = object;
  if (isJsonObject(spec)) {
    const { metrics, behavior, ...rest } = spec;
    const all = listIn({ metrics }, 'metrics');
    const cpu = all.map((metric) => cpuPart(metric, 'target')).find((value) => value !== undefined);
    const others = all.filter((metric) => cpuPart(metric, 'target') === undefined);
    if (others.length > 0) annotations[METRICS] = JSON.stringify(others.map(toV1Spec));
    if (isJsonObject(behavior)) annotations[BEHAVIOR] = JSON.stringify(renamed(behavior, upper));
    out = {
      ...out,
      spec: { ...rest, ...(cpu === undefined ? {} : { targetCPUUtilizationPercentage: cpu }) },
    };
  }
  if (isJsonObject(status)) {
    const { currentMetrics, conditions, ...rest } = status;
    const all = listIn({ currentMetrics }, 'currentMetrics');
    const cpu = all.map((metric) => cpuPart(metric, 'current')).findLast((value) => value !== undefined);
    if (all.length > 0) annotations[CURRENT] = JSON.stringify(all.map(toV1Status));
    if (Array.isArray(conditions) && conditions.length > 0)
      annotations[CONDITIONS] = JSON.stringify(conditions);
    out = {
      ...out,
      status: {
        currentReplicas: 0,
        ...rest,
        ...(cpu === undefined ? {} : { currentCPUUtilizationPercentage: cpu }),
      },
    };
  }
  return withAnnotations(out, annotations);
}

function toStored(object: JsonObject): JsonObject {
  const { spec, status } = object;
  const metadata = objectIn(object, 'metadata') ?? {};
  const {
    [METRICS]: others,
    [CURRENT]: current,
    [CONDITIONS]: conditions,
    [BEHAVIOR]: behavior,
    ...kept
  } = objectIn(metadata, 'annotations') ?? {};
  let out = object;
  if (isJsonObject(spec)) {
    const { targetCPUUtilizationPercentage: cpu, ...rest } = spec;
    const own =
      cpu === undefined ? [] : [cpuMetric('target', { type: 'Utilization', averageUtilization: cpu })];
    const metrics = [...(parsedList(others) ?? []).map(fromV1Spec), ...own];
    const way = parsed(behavior);
    out = {
      ...out,
      spec: {
        ...rest,
        metrics: metrics.length > 0 ? metrics : defaultMetrics,
        ...(isJsonObject(way) && Object.keys(way).length > 0 ? { behavior: renamed(way, lower) } : {}),
      },
    };
  }
  if (isJsonObject(status)) {
    const { currentCPUUtilizationPercentage: cpu, ...rest } = status;
    const own = cpu === undefined ? [] : [cpuMetric('current', { averageUtilization: cpu })];
    const currentMetrics: JsonValue = parsedList(current)?.map(fromV1Status) ?? own;
    const aspects: JsonValue = [...(parsedList(conditions) ?? [])];
    out = {
      ...out,
      status: {
        ...rest,
        ...(currentMetrics.length === 0 ? {} : { currentMetrics }),
        ...(aspects.length === 0 ? {} : { conditions: aspects }),
      },
    };
  }
  return withAnnotations(out, kept);
}

/** The version that `kubectl autoscale` writes. */
export const horizontalPodAutoscalersV1: KindVersion = {
  kind,
  stored: horizontalPodAutoscalers,
  toStored,
  fromStored,
};

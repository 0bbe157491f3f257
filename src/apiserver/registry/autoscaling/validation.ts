import type {
  HorizontalPodAutoscaler,
  HorizontalPodAutoscalerSpec,
  HPAScalingRules,
} from '../../../api/autoscaling/v2/horizontal-pod-autoscaler.ts';
import type {
  CrossVersionObjectReference,
  MetricSpec,
  MetricTarget,
} from '../../../api/autoscaling/v2/metrics.ts';
import {
  type FieldError,
  forbiddenField,
  invalidValue,
  notSupported,
  required,
} from '../../../api/errors/field-error.ts';
import { parseQuantity } from '../../../api/quantity.ts';
import { dns1123Label, pathSegmentName, qualifiedName } from '../../../api/validation/names.ts';
import { invalidEach, nonNegativeFields } from '../rules/fields.ts';

/** Seconds (upstream's MaxPeriodSeconds and MaxStabilizationWindowSeconds). */
const MAX_PERIOD = 1800;
const MAX_WINDOW = 3600;

/** Upstream's ValidateHorizontalPodAutoscaler. One that goes down to no Pods already may stay so. */
export function autoscalerFaults(
  { spec }: HorizontalPodAutoscaler,
  prev: HorizontalPodAutoscaler | undefined,
): FieldError[] {
  const { minReplicas, maxReplicas, scaleTargetRef, behavior } = spec;
  const least = prev?.spec.minReplicas === 0 ? 0 : 1;
  const errors: FieldError[] = [];
  if (minReplicas !== undefined && minReplicas < least) {
    const detail = `must be greater than or equal to ${least}`;
    errors.push(invalidValue('spec.minReplicas', minReplicas, detail));
  }
  if (maxReplicas < 1) errors.push(invalidValue('spec.maxReplicas', maxReplicas, 'must be greater than 0'));
  if (minReplicas !== undefined && maxReplicas < minReplicas) {
    const detail = 'must be greater than or equal to `minReplicas`';
    errors.push(invalidValue('spec.maxReplicas', maxReplicas, detail));
  }
  return [
    ...errors,
    ...referenceFaults(scaleTargetRef, 'spec.scaleTargetRef'),
    ...metricsFaults(spec),
    ...rulesFaults(behavior?.scaleUp, 'spec.behavior.scaleUp'),
    ...rulesFaults(behavior?.scaleDown, 'spec.behavior.scaleDown'),
  ];
}

export const autoscalerStatusFaults = ({ status }: HorizontalPodAutoscaler): FieldError[] =>
  status === undefined ? [] : nonNegativeFields('status', status, ['currentReplicas', 'desiredReplicas']);

function referenceFaults(reference: CrossVersionObjectReference, path: string): FieldError[] {
  return (['kind', 'name'] as const).flatMap((field) => {
    const value = reference[field];
    if (value === '') return [required(`${path}.${field}`)];
    return invalidEach(`${path}.${field}`, value, pathSegmentName(value));
  });
}

function metricsFaults({ metrics = [], minReplicas }: HorizontalPodAutoscalerSpec): FieldError[] {
  const errors = metrics.flatMap((metric, i) => metricFaults(metric, `spec.metrics[${i}]`));
  const canBeNone = metrics.some(({ type }) => type === 'Object' || type === 'External');
  if (minReplicas !== 0 || canBeNone) return errors;
  const detail = 'must specify at least one Object or External metric to support scaling to zero replicas';
  return [...errors, forbiddenField('spec.metrics', detail)];
}

const SOURCES = ['object', 'external', 'pods', 'resource', 'containerResource'] as const;
type Source = (typeof SOURCES)[number];
const SOURCE_OF: Readonly<Record<string, Source>> = {
  ContainerResource: 'containerResource',
  External: 'external',
  Object: 'object',
  Pods: 'pods',
  Resource: 'resource',
};

function metricFaults(metric: MetricSpec, path: string): FieldError[] {
  const { type } = metric;
  const errors: FieldError[] = [];
  if (type === '') errors.push(required(`${path}.type`, 'must specify a metric source type'));
  const expected = SOURCE_OF[type];
  const unknown = notSupported(`${path}.type`, type, Object.keys(SOURCE_OF));
  if (expected === undefined) errors.push(unknown);
  const present = SOURCES.filter((source) => metric[source] !== undefined);
  const [first] = present;
  if (first !== undefined) errors.push(...sourceFaults(metric, first, `${path}.${first}`));
  if (expected === undefined) errors.push(unknown);
  else if (metric[expected] === undefined) {
    errors.push(required(`${path}.${expected}`, 'must populate information for the given metric source'));
  }
  if (present.length === 1) return errors;
  const others = present.filter((source) => source !== expected);
  return [
    ...errors,
    ...others.map((source) =>
      forbiddenField(`${path}.${source}`, 'must populate the given metric source only'),
    ),
  ];
}

function sourceFaults(metric: MetricSpec, source: Source, path: string): FieldError[] {
  const { object, external, pods, resource, containerResource } = metric;
  if (source === 'object' && object !== undefined) {
    const { describedObject, metric: id, target } = object;
    return [
      ...referenceFaults(describedObject, `${path}.describedObject`),
      ...identifierFaults(id, `${path}.metric`),
      ...targetFaults(target, `${path}.target`),
      ...missingFaults(target, path, 'must set either a target value or averageValue'),
    ];
  }
  if (source === 'external' && external !== undefined) {
    const { metric: id, target } = external;
    const both = 'may not set both a target value for metric and a per-pod target';
    return [
      ...identifierFaults(id, `${path}.metric`),
      ...targetFaults(target, `${path}.target`),
      ...missingFaults(target, path, 'must set either a target value for metric or a per-pod target'),
      ...(target.value !== undefined && target.averageValue !== undefined
        ? [forbiddenField(`${path}.target.value`, both)]
        : []),
    ];
  }
  if (source === 'pods' && pods !== undefined) {
    const { metric: id, target } = pods;
    const detail = 'must specify a positive target averageValue';
    return [
      ...identifierFaults(id, `${path}.metric`),
      ...targetFaults(target, `${path}.target`),
      ...(target.averageValue === undefined ? [required(`${path}.target.averageValue`, detail)] : []),
    ];
  }
  if (source === 'containerResource' && containerResource !== undefined) {
    const { name, container, target } = containerResource;
    return [
      ...(name === ''
        ? [required(`${path}.name`, 'must specify a resource name')]
        : resourceNameFaults(`${path}.name`, name)),
      ...(container === ''
        ? [required(`${path}.container`, 'must specify a container')]
        : invalidEach(`${path}.container`, container, dns1123Label(container))),
      ...amountFaults(target, `${path}.target`),
    ];
  }
  if (resource === undefined) return [];
  return [
    ...(resource.name === '' ? [required(`${path}.name`, 'must specify a resource name')] : []),
    ...amountFaults(resource.target, `${path}.target`),
  ];
}

const CONTAINER_RESOURCES = ['cpu', 'ephemeral-storage', 'memory'];

/** Upstream's ValidateContainerResourceName. */
function resourceNameFaults(path: string, name: string): FieldError[] {
  const errors = invalidEach(path, name, qualifiedName(name));
  if (errors.length > 0 || name.includes('/')) return errors;
  return CONTAINER_RESOURCES.includes(name) || name.startsWith('hugepages-')
    ? []
    : [invalidValue(path, name, 'must be a standard resource for containers')];
}

const missingFaults = ({ value, averageValue }: MetricTarget, path: string, detail: string): FieldError[] =>
  value === undefined && averageValue === undefined ? [required(`${path}.target.averageValue`, detail)] : [];

/** Of a resource: an amount or a share of what was asked for. */
function amountFaults(target: MetricTarget, path: string): FieldError[] {
  const errors = targetFaults(target, path);
  const { averageUtilization, averageValue } = target;
  if (averageUtilization === undefined && averageValue === undefined) {
    const detail = 'must set either a target raw value or a target utilization';
    errors.push(required(`${path}.averageUtilization`, detail));
  }
  if (averageUtilization !== undefined && averageValue !== undefined) {
    const detail = 'may not set both a target raw value and a target utilization';
    errors.push(forbiddenField(`${path}.averageValue`, detail));
  }
  return errors;
}

const TARGET_TYPES = ['Utilization', 'Value', 'AverageValue'];

function targetFaults(target: MetricTarget, path: string): FieldError[] {
  const { type, averageUtilization } = target;
  const errors: FieldError[] = [];
  if (type === '') errors.push(required(`${path}.type`, 'must specify a metric target type'));
  if (!TARGET_TYPES.includes(type)) {
    errors.push(invalidValue(`${path}.type`, type, 'must be either Utilization, Value, or AverageValue'));
  }
  for (const field of ['value', 'averageValue'] as const) {
    const amount = target[field];
    if (amount !== undefined && (parseQuantity(amount)?.nano ?? 0n) <= 0n) {
      errors.push(invalidValue(`${path}.${field}`, amount, 'must be positive'));
    }
  }
  if (averageUtilization !== undefined && averageUtilization < 1) {
    errors.push(invalidValue(`${path}.averageUtilization`, averageUtilization, 'must be greater than 0'));
  }
  return errors;
}

const identifierFaults = ({ name }: { readonly name: string }, path: string): FieldError[] =>
  name === ''
    ? [required(`${path}.name`, 'must specify a metric name')]
    : invalidEach(`${path}.name`, name, pathSegmentName(name));

const SELECT_POLICIES = ['Disabled', 'Max', 'Min'];
const POLICY_TYPES = ['Percent', 'Pods'];

function rulesFaults(rules: HPAScalingRules | undefined, path: string): FieldError[] {
  if (rules === undefined) return [];
  const { stabilizationWindowSeconds: window, selectPolicy, policies = [] } = rules;
  const errors: FieldError[] = [];
  const windowPath = `${path}.stabilizationWindowSeconds`;
  if (window !== undefined && window < 0) {
    errors.push(invalidValue(windowPath, window, 'must be greater than or equal to zero'));
  }
  if (window !== undefined && window > MAX_WINDOW) {
    errors.push(invalidValue(windowPath, window, `must be less than or equal to ${MAX_WINDOW}`));
  }
  if (selectPolicy !== undefined && !SELECT_POLICIES.includes(selectPolicy)) {
    errors.push(notSupported(`${path}.selectPolicy`, selectPolicy, SELECT_POLICIES));
  }
  if (policies.length === 0) errors.push(required(`${path}.policies`, 'must specify at least one Policy'));
  for (const [i, { type, value, periodSeconds }] of policies.entries()) {
    const at = `${path}.policies[${i}]`;
    if (!POLICY_TYPES.includes(type)) errors.push(notSupported(`${at}.type`, type, POLICY_TYPES));
    if (value <= 0) errors.push(invalidValue(`${at}.value`, value, 'must be greater than zero'));
    if (periodSeconds <= 0) {
      errors.push(invalidValue(`${at}.periodSeconds`, periodSeconds, 'must be greater than zero'));
    }
    if (periodSeconds > MAX_PERIOD) {
      const detail = `must be less than or equal to ${MAX_PERIOD}`;
      errors.push(invalidValue(`${at}.periodSeconds`, periodSeconds, detail));
    }
  }
  return errors;
}

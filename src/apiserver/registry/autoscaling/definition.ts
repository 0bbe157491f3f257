import {
  type HorizontalPodAutoscaler,
  horizontalPodAutoscalers,
} from '../../../api/autoscaling/v2/horizontal-pod-autoscaler.ts';
import type { MetricSpec, MetricStatus } from '../../../api/autoscaling/v2/metrics.ts';
import { dns1123Subdomain } from '../../../api/validation/names.ts';
import { ageColumn, column, nameColumn } from '../columns.ts';
import type { Definition } from '../generic/definition.ts';
import { statusStrategy, withStatusOf } from '../strategy.ts';
import { autoscalerFaults, autoscalerStatusFaults } from './validation.ts';

const UNKNOWN = '<unknown>';
const MAX_SHOWN = 2;

/** `current/target` of one metric, as upstream prints it. */
function metricText(
  { object, external, pods, resource, containerResource }: MetricSpec,
  seen?: MetricStatus,
): string {
  const whole = external ?? object;
  if (whole !== undefined) {
    const { value, averageValue } = (seen?.external ?? seen?.object)?.current ?? {};
    return whole.target.averageValue !== undefined
      ? `${averageValue ?? UNKNOWN}/${whole.target.averageValue} (avg)`
      : `${value ?? UNKNOWN}/${whole.target.value ?? ''}`;
  }
  if (pods !== undefined) {
    return `${seen?.pods?.current.averageValue ?? UNKNOWN}/${pods.target.averageValue ?? ''}`;
  }
  const amount = resource ?? containerResource;
  if (amount === undefined) return '<unknown type>';
  const { averageUtilization, averageValue } = amount.target;
  const current = (seen?.resource ?? seen?.containerResource)?.current;
  if (averageValue !== undefined) {
    return `${amount.name}: ${current?.averageValue ?? UNKNOWN}/${averageValue}`;
  }
  const percent = (share: number | undefined, none: string): string =>
    share === undefined ? none : `${share}%`;
  return `${amount.name}: ${percent(current?.averageUtilization, UNKNOWN)}/${percent(averageUtilization, '<auto>')}`;
}

function targetsText({ spec, status }: HorizontalPodAutoscaler): string {
  const metrics = spec.metrics ?? [];
  if (metrics.length === 0) return '<none>';
  const shown = metrics
    .slice(0, MAX_SHOWN)
    .map((metric, i) => metricText(metric, status?.currentMetrics?.[i]))
    .join(', ');
  return metrics.length > MAX_SHOWN ? `${shown} + ${metrics.length - MAX_SHOWN} more...` : shown;
}

export const autoscalerDefinition: Definition<HorizontalPodAutoscaler> = {
  kind: horizontalPodAutoscalers,
  name: dns1123Subdomain,
  strategy: {
    prepare: ({ next, prev }) => withStatusOf(next, prev ?? { status: { desiredReplicas: 0 } }),
    validate: ({ next, prev }) => autoscalerFaults(next, prev),
  },
  subresources: {
    status: statusStrategy<HorizontalPodAutoscaler>(({ next }) => autoscalerStatusFaults(next)),
  },
  columns: [
    nameColumn(),
    column('Reference', 'string', [
      'What is scaled.',
      ({ spec: { scaleTargetRef } }) => `${scaleTargetRef.kind}/${scaleTargetRef.name}`,
    ]),
    column('Targets', 'string', ['What it goes by, and how much of it there is.', targetsText]),
    column('MinPods', 'string', [
      'How many Pods there are at the least.',
      ({ spec }) => (spec.minReplicas === undefined ? '<unset>' : String(spec.minReplicas)),
    ]),
    column('MaxPods', 'string', ['How many Pods there are at the most.', ({ spec }) => spec.maxReplicas]),
    column('Replicas', 'string', ['How many Pods there are.', ({ status }) => status?.currentReplicas ?? 0]),
    ageColumn(),
  ],
  resourceVersion: 'optional',
};

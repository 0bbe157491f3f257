import { jobs } from '../../api/batch/v1/job.ts';
import type { Job } from '../../api/batch/v1/job.ts';
import type { Container } from '../../api/core/v1/container.ts';
import type { Pod } from '../../api/core/v1/pod.ts';
import { controllerRef } from '../ownership.ts';
import { podCondition } from '../pod-state.ts';

/** Keeps a Pod that has ended until it is in its Job's numbers. */
export const trackingFinalizer = 'batch.kubernetes.io/job-tracking';
/** By these labels the server tells the Pods of one Job from those of another. */
export const jobNameLabel = 'batch.kubernetes.io/job-name';
export const controllerUidLabel = 'batch.kubernetes.io/controller-uid';
export const indexKey = 'batch.kubernetes.io/job-completion-index';

export const isTracked = ({ metadata }: Pod): boolean =>
  metadata.finalizers?.includes(trackingFinalizer) ?? false;

/** The number of a Pod of an Indexed Job. */
export function indexOf({ metadata }: Pod): number | undefined {
  const text = metadata.annotations?.[indexKey];
  return text !== undefined && /^\d+$/.test(text) ? Number(text) : undefined;
}

/** A Pod of the Job without a name yet; `index` for an Indexed one. */
export function podOf(job: Job, index: number | undefined): Pod {
  const { name, namespace } = job.metadata;
  const { metadata: { labels, annotations, finalizers = [] } = {}, spec } = job.spec.template;
  const numbered: Record<string, string> = index === undefined ? {} : { [indexKey]: String(index) };
  const base: Pod = {
    metadata: {
      name: '',
      generateName: index === undefined ? `${name}-` : `${name}-${index}-`,
      namespace,
      labels: { ...labels, ...numbered },
      ...(annotations === undefined && index === undefined
        ? {}
        : { annotations: { ...annotations, ...numbered } }),
      finalizers: [...finalizers, trackingFinalizer],
      ownerReferences: [controllerRef(jobs, job)],
    },
    spec,
  };
  if (index === undefined) return base;
  const hostname = spec.hostname === undefined || spec.hostname === '' ? `${name}-${index}` : spec.hostname;
  const initContainers = spec.initContainers?.map(withIndex);
  return {
    ...base,
    spec: {
      ...spec,
      hostname,
      containers: spec.containers.map(withIndex),
      ...(initContainers === undefined ? {} : { initContainers }),
    },
  };
}

const indexVariable = {
  name: 'JOB_COMPLETION_INDEX',
  valueFrom: { fieldRef: { apiVersion: 'v1', fieldPath: `metadata.labels['${indexKey}']` } },
};

const withIndex = (container: Container): Container =>
  container.env?.some(({ name }) => name === indexVariable.name) === true
    ? container
    : { ...container, env: [...(container.env ?? []), indexVariable] };

/** `1,3-5,7` -> 1 3 4 5 7. */
export function parseIndexes(text: string): ReadonlySet<number> {
  const numbers = text.split(',').flatMap((part) => {
    const [first = NaN, last = first] = part.split('-').map(Number);
    return part === '' || Number.isNaN(first)
      ? []
      : Array.from({ length: last - first + 1 }, (_, i) => first + i);
  });
  return new Set(numbers);
}

/** 1 3 4 5 7 -> `1,3-5,7`; two in a row stay two. */
export function formatIndexes(indexes: ReadonlySet<number>): string {
  const parts: string[] = [];
  const sorted = [...indexes].sort((a, b) => a - b);
  for (let i = 0; i < sorted.length;) {
    let end = i;
    while (sorted[end + 1] === (sorted[end] ?? 0) + 1) end++;
    const [first, last] = [sorted[i], sorted[end]];
    if (end - i >= 2) parts.push(`${first}-${last}`);
    else parts.push(...sorted.slice(i, end + 1).map(String));
    i = end + 1;
  }
  return parts.join(',');
}

/** When the Pod ended, in milliseconds; undefined when nothing says so. */
export function endedAt(pod: Pod): number | undefined {
  const { containerStatuses = [] } = pod.status ?? {};
  const ends = containerStatuses.map(({ state }) => Date.parse(state?.terminated?.finishedAt ?? ''));
  const known = ends.filter((ms) => !Number.isNaN(ms));
  if (known.length > 0) return Math.max(...known);
  const other = pod.metadata.deletionTimestamp ?? podCondition(pod, 'Ready')?.lastTransitionTime ?? '';
  const ms = Date.parse(other);
  return Number.isNaN(ms) ? undefined : ms;
}

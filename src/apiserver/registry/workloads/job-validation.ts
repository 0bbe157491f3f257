import type { CronJob, Job, JobSpec } from '../../../api/batch/v1/job.ts';
import {
  invalidValue,
  notSupported,
  required,
  tooLong,
  type FieldError,
} from '../../../api/errors/field-error.ts';
import { fromLabelSelector, matchesLabels } from '../../../api/selectors/label-selector.ts';
import { dns1123Label } from '../../../api/validation/names.ts';
import { podTemplateFaults } from '../pods/validation.ts';
import { selectorFaults, templateLabelFaults } from '../rules/label-selectors.ts';
import { immutableFaults, nonNegativeFaults, nonNegativeFields } from '../rules/fields.ts';
import { domainPathFaults } from '../rules/paths.ts';
import { scheduleFaults, timeZoneFaults } from './schedule-validation.ts';

/** The checks of pkg/apis/batch/validation. */

export const controllerUidLabel = 'batch.kubernetes.io/controller-uid';
export const jobNameLabel = 'batch.kubernetes.io/job-name';
/** What the same labels were called before they had a prefix; both are written. */
export const oldControllerUidLabel = 'controller-uid';
export const oldJobNameLabel = 'job-name';

const MAX_INDEXED_PARALLELISM = 100_000;
const MAX_MANAGED_BY = 63;

export function jobFaults(job: Job): FieldError[] {
  const { spec, metadata } = job;
  const errors = [...generatedFaults(job), ...jobSpecFaults(spec, 'spec')];
  let isReadable = true;
  if (spec.selector === undefined) errors.push(required('spec.selector'));
  else {
    const unreadable = selectorFaults(spec.selector, 'spec.selector');
    errors.push(...unreadable);
    isReadable = unreadable.length === 0;
  }
  if (isReadable) errors.push(...templateLabelFaults(spec.selector, spec.template));
  if (spec.completionMode === 'Indexed' && (spec.completions ?? 0) > 0) {
    const longest = `${metadata.name}-${(spec.completions ?? 0) - 1}`;
    if (dns1123Label(longest).length > 0) {
      const detail = `will not able to create pod with invalid DNS label: ${longest}`;
      errors.push(invalidValue('metadata.name', metadata.name, detail));
    }
  }
  return errors;
}

/** A selector that the server made must be the one it makes. */
function generatedFaults({ metadata, spec }: Job): FieldError[] {
  if (spec.manualSelector === true || spec.selector === undefined) return [];
  const wanted: Readonly<Record<string, string>> = {
    [oldControllerUidLabel]: metadata.uid ?? '',
    [oldJobNameLabel]: metadata.name,
    [controllerUidLabel]: metadata.uid ?? '',
    [jobNameLabel]: metadata.name,
  };
  const labels = spec.template.metadata?.labels ?? {};
  const errors = Object.entries(wanted).flatMap(([key, value]): FieldError[] => {
    const path = `spec.template.metadata.labels`;
    if (labels[key] === undefined) return [required(`${path}[${key}]`, `must be '${value}'`)];
    return labels[key] === value ? [] : [invalidValue(path, labels, `must be '${value}'`)];
  });
  const isReadable = selectorFaults(spec.selector, 'spec.selector').length === 0;
  if (isReadable && !matchesLabels(fromLabelSelector(spec.selector), wanted)) {
    errors.push(invalidValue('spec.selector', spec.selector, '`selector` not auto-generated'));
  }
  return errors;
}

export function jobSpecFaults(spec: JobSpec, path: string): FieldError[] {
  const errors = nonNegativeFields(path, spec, [
    'parallelism',
    'completions',
    'activeDeadlineSeconds',
    'backoffLimit',
    'ttlSecondsAfterFinished',
    'backoffLimitPerIndex',
    'maxFailedIndexes',
  ]);
  if (spec.maxFailedIndexes !== undefined && spec.backoffLimitPerIndex === undefined) {
    errors.push(required(`${path}.backoffLimitPerIndex`, 'when maxFailedIndexes is specified'));
  }
  if (spec.managedBy !== undefined) {
    errors.push(...domainPathFaults(`${path}.managedBy`, spec.managedBy));
    if (spec.managedBy.length > MAX_MANAGED_BY) errors.push(tooLong(`${path}.managedBy`, MAX_MANAGED_BY));
  }
  errors.push(
    ...modeFaults(spec, path),
    ...replacementFaults(spec, path),
    ...podTemplateFaults(spec.template, `${path}.template`),
  );
  const { restartPolicy = '' } = spec.template.spec;
  const at = `${path}.template.spec.restartPolicy`;
  if (restartPolicy === '' || restartPolicy === 'Always') {
    errors.push(required(at, 'valid values: "OnFailure", "Never"'));
  } else if (restartPolicy !== 'OnFailure' && restartPolicy !== 'Never') {
    errors.push(notSupported(at, restartPolicy, ['OnFailure', 'Never']));
  } else if (spec.podFailurePolicy !== undefined && restartPolicy !== 'Never') {
    const detail = 'only "Never" is supported when podFailurePolicy is specified';
    errors.push(invalidValue(at, restartPolicy, detail));
  }
  return errors;
}

function modeFaults(spec: JobSpec, path: string): FieldError[] {
  const { completionMode: mode = 'NonIndexed', completions, parallelism = 0, maxFailedIndexes } = spec;
  const errors: FieldError[] = [];
  if (mode !== 'NonIndexed' && mode !== 'Indexed') {
    errors.push(notSupported(`${path}.completionMode`, mode, ['NonIndexed', 'Indexed']));
  }
  if (mode === 'Indexed') {
    if (completions === undefined) {
      errors.push(required(`${path}.completions`, 'when completion mode is Indexed'));
    }
    if (parallelism > MAX_INDEXED_PARALLELISM) {
      const detail = `must be less than or equal to ${MAX_INDEXED_PARALLELISM} when completion mode is Indexed`;
      errors.push(invalidValue(`${path}.parallelism`, parallelism, detail));
    }
    if (completions !== undefined && maxFailedIndexes !== undefined && maxFailedIndexes > completions) {
      errors.push(
        invalidValue(
          `${path}.maxFailedIndexes`,
          maxFailedIndexes,
          'must be less than or equal to completions',
        ),
      );
    }
    return errors;
  }
  for (const field of ['backoffLimitPerIndex', 'maxFailedIndexes', 'successPolicy'] as const) {
    const value = spec[field];
    if (value !== undefined) {
      errors.push(invalidValue(`${path}.${field}`, value, 'requires indexed completion mode'));
    }
  }
  return errors;
}

function replacementFaults(
  { podReplacementPolicy: policy, podFailurePolicy }: JobSpec,
  path: string,
): FieldError[] {
  const allowed = podFailurePolicy === undefined ? ['Failed', 'TerminatingOrFailed'] : ['Failed'];
  if (policy === undefined || allowed.includes(policy)) return [];
  return [notSupported(`${path}.podReplacementPolicy`, policy, allowed)];
}

/** What of a Job may not change; Pods that never ran may still be sent elsewhere. */
export function jobChangeFaults({ spec: next }: Job, { spec: prev, status }: Job): FieldError[] {
  const isUnstarted = prev.suspend === true && status?.startTime === undefined;
  const errors: FieldError[] = [];
  const isElastic =
    next.completionMode === 'Indexed' &&
    next.completions !== undefined &&
    next.completions === next.parallelism;
  if (!isElastic) errors.push(...immutableFaults('spec.completions', next.completions, prev.completions));
  errors.push(...immutableFaults('spec.selector', next.selector, prev.selector));
  const comparable = isUnstarted ? withoutPlace(next.template) : next.template;
  const before = isUnstarted ? withoutPlace(prev.template) : prev.template;
  if (immutableFaults('', comparable, before).length > 0) {
    errors.push(invalidValue('spec.template', next.template, 'field is immutable'));
  }
  for (const field of [
    'completionMode',
    'podFailurePolicy',
    'backoffLimitPerIndex',
    'managedBy',
    'successPolicy',
  ] as const) {
    errors.push(...immutableFaults(`spec.${field}`, next[field], prev[field]));
  }
  return errors;
}

/** The template without what says where its Pods run. */
function withoutPlace({ metadata, spec }: JobSpec['template']): object {
  const { labels: _1, annotations: _2, ...meta } = metadata ?? {};
  const { nodeSelector: _3, tolerations: _4, schedulingGates: _5, affinity, ...rest } = spec;
  const { nodeAffinity: _6, ...others } = affinity ?? {};
  return { meta, spec: { ...rest, affinity: others } };
}

export const jobStatusFaults = ({ status }: Job): FieldError[] =>
  status === undefined
    ? []
    : nonNegativeFields('status', status, ['active', 'succeeded', 'failed', 'ready', 'terminating']);

const POLICIES = ['Allow', 'Forbid', 'Replace'];
/** The Jobs' names have eleven more characters, and are labels of Pods. */
const MAX_CRON_JOB_NAME = 52;

export function cronJobFaults({ metadata, spec }: CronJob, isNew: boolean): FieldError[] {
  const errors: FieldError[] = [];
  if (isNew && metadata.name.length > MAX_CRON_JOB_NAME) {
    errors.push(invalidValue('metadata.name', metadata.name, 'must be no more than 52 characters'));
  }
  errors.push(...scheduleFaults('spec.schedule', spec.schedule, spec.timeZone !== undefined));
  errors.push(...nonNegativeFaults('spec.startingDeadlineSeconds', spec.startingDeadlineSeconds));
  const { concurrencyPolicy: policy = '' } = spec;
  if (policy === '') errors.push(required('spec.concurrencyPolicy'));
  else if (!POLICIES.includes(policy)) errors.push(notSupported('spec.concurrencyPolicy', policy, POLICIES));
  if (spec.timeZone !== undefined) errors.push(...timeZoneFaults('spec.timeZone', spec.timeZone));
  const { spec: job } = spec.jobTemplate;
  if (job !== undefined) {
    errors.push(...jobSpecFaults(job, 'spec.jobTemplate.spec'));
    if (job.selector !== undefined) {
      const path = 'spec.jobTemplate.spec.selector';
      errors.push(invalidValue(path, job.selector, '`selector` will be auto-generated'));
    }
    if (job.manualSelector === true) {
      errors.push(notSupported('spec.jobTemplate.spec.manualSelector', true, ['nil', 'false']));
    }
  } else errors.push(required('spec.jobTemplate.spec.template.spec.containers'));
  return [
    ...errors,
    ...nonNegativeFields('spec', spec, ['successfulJobsHistoryLimit', 'failedJobsHistoryLimit']),
  ];
}

import { podTemplateSpec } from '../../core/v1/pod-template.ts';
import { objectReference } from '../../core/v1/references.ts';
import { labelsOfTemplate } from '../../core/v1/replication-controller.ts';
import type { Kind } from '../../kind.ts';
import { labelSelector } from '../../meta/v1/label-selector.ts';
import { objectMeta } from '../../meta/v1/object-meta.ts';
import {
  type DefaultRule,
  type Infer,
  bool,
  filled,
  int32,
  int64,
  list,
  message,
  optional,
  partial,
  pointer,
  required,
  set,
  string,
  time,
  typeMeta,
  undefaulted,
} from '../../schema/schema.ts';

/** Rules behind a Job's defaults (pkg/apis/batch/v1/defaults.go). */

/** One Pod, unless completions or parallelism say otherwise. */
const oneWhenAlone: DefaultRule = ({ parallelism }) =>
  parallelism === undefined || parallelism === null ? 1 : undefined;
const MAX_INT32 = 2 ** 31 - 1;
const retries: DefaultRule = ({ backoffLimitPerIndex }) =>
  backoffLimitPerIndex === undefined || backoffLimitPerIndex === null ? 6 : MAX_INT32;
const replacement: DefaultRule = ({ podFailurePolicy }) =>
  podFailurePolicy === undefined || podFailurePolicy === null ? 'TerminatingOrFailed' : 'Failed';

export const podFailurePolicyOnExitCodes = message(
  'io.k8s.api.batch.v1.PodFailurePolicyOnExitCodesRequirement',
  'Which exit codes of containers a rule is about.',
  {
    containerName: pointer([1, string], 'The container; any of them when absent.'),
    operator: required([2, string], 'In or NotIn.', { values: ['In', 'NotIn'] }),
    values: required([3, set(int32)], 'The exit codes, in ascending order; 0 is never looked at.'),
  },
);
export const podFailurePolicyOnPodConditions = message(
  'io.k8s.api.batch.v1.PodFailurePolicyOnPodConditionsPattern',
  'Which condition of the Pod a rule is about.',
  {
    type: required([1, string], 'Type of the condition.'),
    status: optional([2, string], 'Its status.', { default: 'True' }),
  },
);
export const podFailurePolicyRule = message(
  'io.k8s.api.batch.v1.PodFailurePolicyRule',
  'What follows from one sort of failure.',
  {
    action: required([1, string], 'FailJob, FailIndex, Ignore or Count.'),
    onExitCodes: optional([2, podFailurePolicyOnExitCodes], 'Which exit codes it is about.'),
    onPodConditions: optional([3, list(podFailurePolicyOnPodConditions)], 'Which conditions it is about.'),
  },
);
export const podFailurePolicy = message(
  'io.k8s.api.batch.v1.PodFailurePolicy',
  'What follows from a failed Pod; the first rule that fits counts.',
  { rules: required([1, list(podFailurePolicyRule)], 'The rules, at most 20.') },
);
export type PodFailurePolicy = Infer<typeof podFailurePolicy>;

export const successPolicyRule = message(
  'io.k8s.api.batch.v1.SuccessPolicyRule',
  'A number of indexes that is enough.',
  {
    succeededIndexes: pointer([1, string], 'The indexes that count, such as 1,3-5; all when absent.'),
    succeededCount: pointer([2, int32], 'How many of them are enough; all when absent.'),
  },
);
export const successPolicy = message(
  'io.k8s.api.batch.v1.SuccessPolicy',
  'When a Job of numbered Pods has succeeded before all have; any rule is enough.',
  { rules: required([1, list(successPolicyRule)], 'The rules, at most 20.') },
);
export type SuccessPolicy = Infer<typeof successPolicy>;

export const jobSpec = message('io.k8s.api.batch.v1.JobSpec', 'What is to be done, and how often.', {
  // Before parallelism: whether one is the default depends on whether the other was given.
  completions: pointer(
    [2, int32],
    'How many Pods must succeed; when absent, one success is the success of all.',
    { default: oneWhenAlone },
  ),
  parallelism: pointer([1, int32], 'How many Pods may run at a time.', { default: 1 }),
  activeDeadlineSeconds: pointer([3, int64], 'How long the Job may take.'),
  podFailurePolicy: optional([11, podFailurePolicy], 'What follows from a failed Pod.'),
  successPolicy: optional([16, successPolicy], 'When a part of the indexes is enough.'),
  backoffLimit: pointer([7, int32], 'How many Pods may fail before the Job does.', { default: retries }),
  backoffLimitPerIndex: pointer([12, int32], 'How often each index may fail.'),
  maxFailedIndexes: pointer([13, int32], 'How many indexes may fail before the Job does.'),
  selector: optional([4, labelSelector], 'Which Pods belong to it; made by the server.'),
  manualSelector: pointer([5, bool], 'Whether the selector was chosen by hand.'),
  template: required([6, podTemplateSpec], 'The Pod that does it.'),
  ttlSecondsAfterFinished: pointer([8, int32], 'When a finished Job is removed; never when absent.'),
  completionMode: pointer([9, string], 'NonIndexed, or Indexed to give each Pod a number.', {
    default: 'NonIndexed',
    values: ['NonIndexed', 'Indexed'],
  }),
  suspend: pointer([10, bool], 'Whether no Pods run for now.', { default: false }),
  podReplacementPolicy: pointer([14, string], 'Failed, or TerminatingOrFailed to replace Pods that stop.', {
    default: replacement,
    values: ['TerminatingOrFailed', 'Failed'],
  }),
  managedBy: pointer([15, string], 'The controller that looks after it; ours when absent.'),
});
export type JobSpec = Infer<typeof jobSpec>;

export const jobCondition = message('io.k8s.api.batch.v1.JobCondition', "One aspect of a Job's state.", {
  type: required([1, string], 'Complete, Failed, Suspended, FailureTarget or SuccessCriteriaMet.'),
  status: required([2, string], 'True, False or Unknown.'),
  lastProbeTime: optional([3, time], 'When the condition was last looked at.'),
  lastTransitionTime: optional([4, time], 'When the status last changed.'),
  reason: optional([5, string], 'Why it changed last, as one CamelCase word.'),
  message: optional([6, string], 'The same for people.'),
});
export type JobCondition = Infer<typeof jobCondition>;

export const uncountedTerminatedPods = message(
  'io.k8s.api.batch.v1.UncountedTerminatedPods',
  'Pods that have ended and are not in the numbers yet.',
  {
    succeeded: optional([1, set(string)], 'UIDs of Pods that succeeded.'),
    failed: optional([2, set(string)], 'UIDs of Pods that failed.'),
  },
);
export type UncountedTerminatedPods = Infer<typeof uncountedTerminatedPods>;

export const jobStatus = message('io.k8s.api.batch.v1.JobStatus', 'What is known of a Job.', {
  conditions: optional([1, list(jobCondition)], 'Aspects of its state.', { patchMergeKey: 'type' }),
  startTime: optional([2, time], 'When the controller began with it.'),
  completionTime: optional([3, time], 'When it succeeded.'),
  active: optional([4, int32], 'How many Pods wait or run.'),
  succeeded: optional([5, int32], 'How many Pods succeeded.'),
  failed: optional([6, int32], 'How many Pods failed.'),
  terminating: pointer([11, int32], 'How many Pods are stopping.'),
  completedIndexes: optional([7, string], 'The indexes that succeeded, such as 1,3-5.'),
  failedIndexes: pointer([10, string], 'The indexes that failed, such as 1,3-5.'),
  uncountedTerminatedPods: optional([8, uncountedTerminatedPods], 'Pods not in the numbers yet.'),
  ready: pointer([9, int32], 'How many active Pods are ready.'),
});
export type JobStatus = Infer<typeof jobStatus>;

export const job = message('io.k8s.api.batch.v1.Job', 'Runs Pods until enough of them have succeeded.', {
  ...typeMeta,
  metadata: filled([1, objectMeta], 'Name, labels and other standard metadata.'),
  spec: filled([2, jobSpec], 'What is to be done, and how often.'),
  status: optional([3, jobStatus], 'How far it is.'),
});
export type Job = Infer<typeof job>;

export const jobs: Kind<Job> = {
  group: 'batch',
  version: 'v1',
  kind: 'Job',
  plural: 'jobs',
  singular: 'job',
  shortNames: [],
  categories: ['all'],
  isNamespaced: true,
  subresources: ['status'],
  schema: job,
  defaultRules: [labelsOfTemplate],
};

export const jobTemplateSpec = message('io.k8s.api.batch.v1.JobTemplateSpec', 'The Job that is made.', {
  metadata: optional([1, partial(objectMeta)], 'Labels and annotations that the Jobs get.'),
  spec: optional([2, undefaulted(jobSpec)], 'What is to be done, and how often.'),
});
export type JobTemplateSpec = Infer<typeof jobTemplateSpec>;

export const cronJobSpec = message('io.k8s.api.batch.v1.CronJobSpec', 'Which Job is made, and when.', {
  schedule: required([1, string], 'When, as five fields of cron.'),
  timeZone: pointer([8, string], 'The time zone of the schedule, such as Etc/UTC.'),
  startingDeadlineSeconds: pointer([2, int64], 'How late a Job may be made.'),
  concurrencyPolicy: optional([3, string], 'Allow, Forbid or Replace, when the last one still runs.', {
    default: 'Allow',
    values: ['Allow', 'Forbid', 'Replace'],
  }),
  suspend: pointer([4, bool], 'Whether no Jobs are made for now.', { default: false }),
  jobTemplate: required([5, jobTemplateSpec], 'The Job that is made.'),
  successfulJobsHistoryLimit: pointer([6, int32], 'How many Jobs that succeeded are kept.', { default: 3 }),
  failedJobsHistoryLimit: pointer([7, int32], 'How many Jobs that failed are kept.', { default: 1 }),
});
export type CronJobSpec = Infer<typeof cronJobSpec>;

export const cronJobStatus = message('io.k8s.api.batch.v1.CronJobStatus', 'What is known of a CronJob.', {
  active: optional([1, list(objectReference)], 'The Jobs that run.'),
  lastScheduleTime: optional([4, time], 'When a Job was last made.'),
  lastSuccessfulTime: optional([5, time], 'When a Job last succeeded.'),
});
export type CronJobStatus = Infer<typeof cronJobStatus>;

export const cronJob = message('io.k8s.api.batch.v1.CronJob', 'Makes a Job at each time of a schedule.', {
  ...typeMeta,
  metadata: filled([1, objectMeta], 'Name, labels and other standard metadata.'),
  spec: filled([2, cronJobSpec], 'Which Job is made, and when.'),
  status: optional([3, cronJobStatus], 'What was made.'),
});
export type CronJob = Infer<typeof cronJob>;

export const cronJobs: Kind<CronJob> = {
  group: 'batch',
  version: 'v1',
  kind: 'CronJob',
  plural: 'cronjobs',
  singular: 'cronjob',
  shortNames: ['cj'],
  categories: ['all'],
  isNamespaced: true,
  subresources: ['status'],
  schema: cronJob,
};

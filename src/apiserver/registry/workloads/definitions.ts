import {
  controllerRevisions,
  type ControllerRevision,
  type DaemonSet,
  daemonSets,
  type StatefulSet,
  statefulSets,
} from '../../../api/apps/v1/revisioned-workloads.ts';
import { type CronJob, cronJobs, type Job, type JobCondition, jobs } from '../../../api/batch/v1/job.ts';
import {
  type ReplicationController,
  replicationControllers,
} from '../../../api/core/v1/replication-controller.ts';
import { dns1123Label, dns1123Subdomain } from '../../../api/validation/names.ts';
import type { Column } from '../../rest/rest.ts';
import {
  ageColumn,
  agoText,
  column,
  durationText,
  labelsText,
  nameColumn,
  templateColumns,
} from '../columns.ts';
import { anyDefinition, type Definition } from '../generic/definition.ts';
import * as rules from './strategy.ts';

const number = <T>(name: string, description: string, cell: (object: T) => number): Column<T> =>
  column(name, 'integer', [description, cell]);
const text = <T>(name: string, description: string, cell: Column<T>['cell']): Column<T> =>
  column(name, 'string', [description, cell]);

const replicationController: Definition<ReplicationController> = {
  kind: replicationControllers,
  name: dns1123Subdomain,
  strategy: rules.replicationControllerStrategy,
  subresources: { status: rules.replicationControllerStatusStrategy },
  // As the oldest clients expect it.
  deletion: { propagation: 'Orphan' },
  columns: [
    nameColumn(),
    number('Desired', 'How many Pods are wanted.', ({ spec }) => spec.replicas ?? 0),
    number('Current', 'How many Pods there are.', ({ status }) => status?.replicas ?? 0),
    number('Ready', 'How many Pods are ready.', ({ status }) => status?.readyReplicas ?? 0),
    ageColumn(),
    ...templateColumns<ReplicationController>(
      ({ spec }) => spec.template?.spec.containers ?? [],
      ({ spec }) => ({ matchLabels: spec.selector ?? {} }),
    ),
  ],
  fields: { 'status.replicas': ({ status }) => String(status?.replicas ?? 0) },
  resourceVersion: 'optional',
  generationOf: ({ spec }) => spec,
};

const statefulSet: Definition<StatefulSet> = {
  kind: statefulSets,
  name: dns1123Label,
  strategy: rules.statefulSetStrategy,
  subresources: { status: rules.statefulSetStatusStrategy },
  columns: [
    nameColumn(),
    text(
      'Ready',
      'How many Pods are ready, of those wanted.',
      ({ spec, status }) => `${status?.readyReplicas ?? 0}/${spec.replicas ?? 0}`,
    ),
    ageColumn(),
    ...templateColumns<StatefulSet>(
      ({ spec }) => spec.template.spec.containers,
      ({ spec }) => spec.selector,
    ).slice(0, 2),
  ],
  resourceVersion: 'optional',
  generationOf: ({ spec }) => spec,
};

const daemonSet: Definition<DaemonSet> = {
  kind: daemonSets,
  name: dns1123Subdomain,
  strategy: rules.daemonSetStrategy,
  subresources: { status: rules.daemonSetStatusStrategy },
  columns: [
    nameColumn(),
    number(
      'Desired',
      'How many nodes should have the Pod.',
      ({ status }) => status?.desiredNumberScheduled ?? 0,
    ),
    number('Current', 'How many of them have one.', ({ status }) => status?.currentNumberScheduled ?? 0),
    number('Ready', 'How many of them have a ready one.', ({ status }) => status?.numberReady ?? 0),
    number(
      'Up-to-date',
      'How many of them have one of the latest template.',
      ({ status }) => status?.updatedNumberScheduled ?? 0,
    ),
    number(
      'Available',
      'How many of them have one that was ready long enough.',
      ({ status }) => status?.numberAvailable ?? 0,
    ),
    text('Node Selector', 'The labels of nodes that get the Pod.', ({ spec }) =>
      labelsText(spec.template.spec.nodeSelector),
    ),
    ageColumn(),
    ...templateColumns<DaemonSet>(
      ({ spec }) => spec.template.spec.containers,
      ({ spec }) => spec.selector,
    ),
  ],
  resourceVersion: 'optional',
  generationOf: ({ spec }) => spec,
};

const controllerRevision: Definition<ControllerRevision> = {
  kind: controllerRevisions,
  name: dns1123Subdomain,
  strategy: rules.controllerRevisionStrategy,
  columns: [
    nameColumn(),
    text('Controller', 'The workload it is the history of.', ({ metadata }) => {
      const owner = metadata.ownerReferences?.find(({ controller }) => controller === true);
      if (owner === undefined) return '<none>';
      const [group = ''] = owner.apiVersion.includes('/') ? owner.apiVersion.split('/') : [];
      return `${owner.kind.toLowerCase()}${group === '' ? '' : `.${group}`}/${owner.name}`;
    }),
    number('Revision', 'Counts up with each new state.', ({ revision }) => revision),
    ageColumn(),
  ],
  resourceVersion: 'optional',
};

const isTrue = (conditions: readonly JobCondition[] | undefined, type: string): boolean =>
  (conditions ?? []).some((condition) => condition.type === type && condition.status === 'True');

/** The word for a Job's state (upstream: printJob). */
function jobState({ metadata, status }: Job): string {
  const has = (type: string): boolean => isTrue(status?.conditions, type);
  if (has('Complete')) return 'Complete';
  if (has('Failed')) return 'Failed';
  if (metadata.deletionTimestamp !== undefined) return 'Terminating';
  const state = ['Suspended', 'FailureTarget', 'SuccessCriteriaMet'].find(has);
  return state ?? 'Running';
}

function completionsText({ spec, status }: Job): string {
  const succeeded = status?.succeeded ?? 0;
  if (spec.completions !== undefined) return `${succeeded}/${spec.completions}`;
  const { parallelism = 0 } = spec;
  return parallelism > 1 ? `${succeeded}/1 of ${parallelism}` : `${succeeded}/1`;
}

function jobDuration({ status }: Job, now: number): string {
  if (status?.startTime === undefined) return '';
  const failed = status.conditions?.find(({ type, status: value }) => type === 'Failed' && value === 'True');
  const end = status.completionTime ?? failed?.lastTransitionTime;
  return durationText((end === undefined ? now : Date.parse(end)) - Date.parse(status.startTime));
}

const job: Definition<Job> = {
  kind: jobs,
  name: dns1123Subdomain,
  strategy: rules.jobStrategy,
  subresources: { status: rules.jobStatusStrategy },
  // As the oldest clients expect it.
  deletion: { propagation: 'Orphan' },
  columns: [
    nameColumn(),
    text('Status', 'What the Job is doing.', jobState),
    text('Completions', 'How many Pods succeeded, of those wanted.', completionsText),
    text('Duration', 'How long the Job took.', jobDuration),
    ageColumn(),
    ...templateColumns<Job>(
      ({ spec }) => spec.template.spec.containers,
      ({ spec }) => spec.selector ?? {},
    ),
  ],
  fields: { 'status.successful': ({ status }) => String(status?.succeeded ?? 0) },
  resourceVersion: 'optional',
  generationOf: ({ spec }) => spec,
};

const cronJob: Definition<CronJob> = {
  kind: cronJobs,
  name: dns1123Subdomain,
  strategy: rules.cronJobStrategy,
  subresources: { status: rules.cronJobStatusStrategy },
  columns: [
    nameColumn(),
    text('Schedule', 'When Jobs are made, as five fields of cron.', ({ spec }) => spec.schedule),
    text('Timezone', 'The time zone of the schedule.', ({ spec }) => spec.timeZone ?? '<none>'),
    text('Suspend', 'Whether no Jobs are made for now.', ({ spec }) => (spec.suspend ? 'True' : 'False')),
    number('Active', 'How many Jobs run.', ({ status }) => status?.active?.length ?? 0),
    text('Last Schedule', 'When a Job was last made.', ({ status }, now) =>
      status?.lastScheduleTime === undefined ? '<none>' : agoText(status.lastScheduleTime, now),
    ),
    ageColumn(),
    ...templateColumns<CronJob>(
      ({ spec }) => spec.jobTemplate.spec?.template.spec.containers ?? [],
      ({ spec }) => spec.jobTemplate.spec?.selector ?? {},
    ),
  ],
  resourceVersion: 'optional',
  generationOf: ({ spec }) => spec,
};

/** Workloads beside Deployment and ReplicaSet. */
export const workloadDefinitions: readonly Definition[] = [
  anyDefinition(replicationController),
  anyDefinition(controllerRevision),
  anyDefinition(daemonSet),
  anyDefinition(statefulSet),
  anyDefinition(cronJob),
  anyDefinition(job),
];

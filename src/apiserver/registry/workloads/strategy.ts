import type {
  ControllerRevision,
  DaemonSet,
  StatefulSet,
} from '../../../api/apps/v1/revisioned-workloads.ts';
import type { CronJob, Job } from '../../../api/batch/v1/job.ts';
import type { ReplicationController } from '../../../api/core/v1/replication-controller.ts';
import { deepEqual } from '../../../base/deep-equal.ts';
import { replicaStatusFaults } from '../replicasets/validation.ts';
import { type Strategy, statusStrategy, withStatusOf } from '../strategy.ts';
import {
  controllerUidLabel,
  cronJobFaults,
  jobChangeFaults,
  jobFaults,
  jobNameLabel,
  jobStatusFaults,
  oldControllerUidLabel,
  oldJobNameLabel,
} from './job-validation.ts';
import {
  daemonSetChangeFaults,
  daemonSetFaults,
  daemonSetStatusFaults,
  replicationControllerFaults,
  revisionFaults,
  statefulSetChangeFaults,
  statefulSetFaults,
  statefulSetStatusFaults,
} from './validation.ts';

export const replicationControllerStrategy: Strategy<ReplicationController> = {
  prepare: ({ next, prev }) => withStatusOf(next, prev ?? { status: { replicas: 0 } }),
  validate: ({ next }) => replicationControllerFaults(next),
};
export const replicationControllerStatusStrategy = statusStrategy<ReplicationController>(({ next }) =>
  replicaStatusFaults(next),
);

export const statefulSetStrategy: Strategy<StatefulSet> = {
  prepare: ({ next, prev }) => withStatusOf(next, prev ?? { status: { replicas: 0 } }),
  validate: ({ next, prev }) => [
    ...statefulSetFaults(next),
    ...(prev === undefined ? [] : statefulSetChangeFaults(next, prev)),
  ],
};
export const statefulSetStatusStrategy = statusStrategy<StatefulSet>(({ next, prev }) =>
  statefulSetStatusFaults(next, prev),
);

/** Counts the templates a DaemonSet has had; once a field, today an annotation that upstream still writes. */
export const templateGenerationAnnotation = 'deprecated.daemonset.template.generation';
const noDaemons = {
  currentNumberScheduled: 0,
  numberMisscheduled: 0,
  desiredNumberScheduled: 0,
  numberReady: 0,
};

export const daemonSetStrategy: Strategy<DaemonSet> = {
  prepare: ({ next, prev }) => {
    const known = Number(prev?.metadata.annotations?.[templateGenerationAnnotation] ?? 0);
    const isSame = prev !== undefined && deepEqual(next.spec.template, prev.spec.template);
    const annotations = {
      ...next.metadata.annotations,
      [templateGenerationAnnotation]: String(isSame ? known : known + 1),
    };
    const metadata = { ...next.metadata, annotations };
    return withStatusOf({ ...next, metadata }, prev ?? { status: noDaemons });
  },
  validate: ({ next, prev }) => [
    ...daemonSetFaults(next),
    ...(prev === undefined ? [] : daemonSetChangeFaults(next, prev)),
  ],
};
export const daemonSetStatusStrategy = statusStrategy<DaemonSet>(({ next, prev }) =>
  daemonSetStatusFaults(next, prev),
);

export const controllerRevisionStrategy: Strategy<ControllerRevision> = {
  prepare: ({ next }) => next,
  validate: ({ next, prev }) => revisionFaults(next, prev),
};

/** Labels by which no two Jobs share a Pod, unless somebody chose their own. */
function withSelector(job: Job): Job {
  const { metadata, spec } = job;
  if (spec.manualSelector === true) return job;
  const uid = metadata.uid ?? '';
  const { name } = metadata;
  const made = {
    [oldControllerUidLabel]: uid,
    [oldJobNameLabel]: name,
    [controllerUidLabel]: uid,
    [jobNameLabel]: name,
  };
  const template = {
    ...spec.template,
    metadata: { ...spec.template.metadata, labels: { ...made, ...spec.template.metadata?.labels } },
  };
  const matchLabels = { [controllerUidLabel]: uid, ...spec.selector?.matchLabels };
  return { ...job, spec: { ...spec, template, selector: { ...spec.selector, matchLabels } } };
}

export const jobStrategy: Strategy<Job> = {
  prepare: ({ next, prev }) =>
    prev === undefined ? withStatusOf(withSelector(next), { status: {} }) : withStatusOf(next, prev),
  validate: ({ next, prev }) => [
    ...jobFaults(next),
    ...(prev === undefined ? [] : jobChangeFaults(next, prev)),
  ],
};
export const jobStatusStrategy = statusStrategy<Job>(({ next }) => jobStatusFaults(next));

export const cronJobStrategy: Strategy<CronJob> = {
  prepare: ({ next, prev }) => withStatusOf(next, prev ?? { status: {} }),
  validate: ({ next, prev }) => cronJobFaults(next, prev === undefined),
};
export const cronJobStatusStrategy = statusStrategy<CronJob>();

import { jobs as jobKind } from '../../api/batch/v1/job.ts';
import type { Job } from '../../api/batch/v1/job.ts';
import { pods as podKind } from '../../api/core/v1/pod.ts';
import type { Pod } from '../../api/core/v1/pod.ts';
import { isNotFound } from '../../api/errors/api-error.ts';
import { parseObjectKey } from '../../api/kind.ts';
import { messageOf } from '../../base/thrown.ts';
import type { Client } from '../../client/client.ts';
import { alongside, createController } from '../controller.ts';
import type { Controller, ControllerDeps } from '../controller.ts';
import { behindMs } from '../own-writes.ts';
import { controllerOf } from '../ownership.ts';
import { slowStart } from '../replicaset/slow-start.ts';
import { createWorkloadPods, settleAll, statusWriter } from '../workload-pods.ts';
import type { WorkloadPods } from '../workload-pods.ts';
import { controllerUidLabel, isTracked, jobNameLabel, podOf, trackingFinalizer } from './model.ts';
import { isJobFinished, planJob } from './plan.ts';
import type { JobPlan } from './plan.ts';

/** A Job with another value in `managedBy` is somebody else's. */
const ourName = 'kubernetes.io/job-controller';

/** Runs the Pods of each Job until enough of them have succeeded; `cleaner` deletes Jobs whose time is over. */
export function createJobController(deps: ControllerDeps, cleaner = deps.client): Controller {
  const { client, clock } = deps;
  const workload = createWorkloadPods<Job>(deps, {
    kind: jobKind,
    component: 'job-controller',
    selectorOf: ({ spec }) => spec.selector,
  });
  const updateStatus = statusWriter(client, jobKind);
  /** Whose predecessors of the same name have been looked for. */
  const seen = new Map<string, string | undefined>();

  const { release, releaseStrays } = createReleaser(client, workload);

  const reconcile = async (key: string): Promise<number | void> => {
    const job = workload.owners.get(key);
    if (job === undefined) {
      workload.forget(key);
      seen.delete(key);
      return releaseStrays(key, undefined);
    }
    if ((job.spec.managedBy ?? ourName) !== ourName) return;
    const pods = await workload.claim(job);
    if (workload.isBehind(job)) return behindMs;
    if (job.metadata.deletionTimestamp !== undefined) {
      await settleAll(pods.filter(isTracked).map(release));
      return releaseStrays(key, undefined);
    }
    if (seen.get(key) !== job.metadata.uid) {
      await releaseStrays(key, job.metadata.uid);
      seen.set(key, job.metadata.uid);
    }
    const plan = planJob({ job, pods, now: clock.now() });
    if (plan.isExpired) return cleaner.delete(jobKind, job.metadata, { propagationPolicy: 'Background' });
    await movePods(workload, job, plan);
    // The numbers first: a Pod that is released before they are stored would be counted by nobody.
    await updateStatus(job, plan.status);
    tell(workload, job, plan);
    await settleAll(plan.release.map(release));
    return workload.isBehind(job) ? behindMs : plan.againMs;
  };

  const controller = createController(deps, {
    name: 'job',
    reads: [workload.owners, workload.pods],
    reconcile,
    connect: (queue) => workload.connect((key) => queue.add(key)),
  });
  return alongside(controller, workload.recorder);
}

/** Lets go of Pods that are counted, or that nobody counts. */
function createReleaser(client: Client, workload: WorkloadPods<Job>) {
  const release = async (pod: Pod): Promise<void> => {
    const finalizers = (pod.metadata.finalizers ?? []).filter((name) => name !== trackingFinalizer);
    const { uid, resourceVersion } = pod.metadata;
    const body = { metadata: { uid, resourceVersion, finalizers } };
    try {
      await client.patch(podKind, pod.metadata, { type: 'merge', body });
    } catch (error) {
      if (!isNotFound(error)) throw error;
    }
  };

  /** Nobody counts the Pods of a Job that is gone or going, whether they are its own still or were let go. */
  const releaseStrays = (key: string, uid: string | undefined): Promise<void> => {
    const { namespace, name } = parseObjectKey(key);
    const isStray = (pod: Pod): boolean => {
      const owner = controllerOf(pod);
      const isOwned = owner?.kind === jobKind.kind && owner.name === name && owner.uid !== uid;
      const { [jobNameLabel]: of, [controllerUidLabel]: by } = pod.metadata.labels ?? {};
      return isTracked(pod) && (isOwned || (owner === undefined && of === name && by !== uid));
    };
    return settleAll(workload.pods.by('namespace', namespace).filter(isStray).map(release));
  };

  return { release, releaseStrays };
}

async function movePods({ write, recorder }: WorkloadPods<Job>, job: Job, plan: JobPlan): Promise<void> {
  const note = (type: 'Normal' | 'Warning', reason: string, message: string): void =>
    recorder.record(jobKind, job, { type, reason, message });
  await settleAll(
    plan.deletes.map(async (pod) => {
      await write.delete(job, pod);
      note('Normal', 'SuccessfulDelete', `Deleted pod: ${pod.metadata.name}`);
    }),
  );
  const left = [...plan.creates];
  try {
    await slowStart(plan.creates.length, async () => {
      const created = await write.create(job, podOf(job, left.shift()));
      if (created !== undefined) note('Normal', 'SuccessfulCreate', `Created pod: ${created.metadata.name}`);
    });
  } catch (error) {
    note('Warning', 'FailedCreate', `Error creating: ${messageOf(error)}`);
    throw error;
  }
}

/** Says what became of the Job, once. */
function tell({ recorder }: WorkloadPods<Job>, job: Job, { status }: JobPlan): void {
  const isTrue = (conditions: typeof status.conditions, type: string): boolean =>
    (conditions ?? []).some((condition) => condition.type === type && condition.status === 'True');
  const isNews = (type: string): boolean =>
    isTrue(status.conditions, type) && !isTrue(job.status?.conditions, type);
  if (isJobFinished(job)) return;
  if (isNews('Complete')) {
    recorder.record(jobKind, job, { type: 'Normal', reason: 'Completed', message: 'Job completed' });
  }
  if (isNews('Failed')) {
    const { reason = '', message = '' } = status.conditions?.find(({ type }) => type === 'Failed') ?? {};
    recorder.record(jobKind, job, { type: 'Warning', reason, message });
  }
  if (isNews('Suspended')) {
    recorder.record(jobKind, job, { type: 'Normal', reason: 'Suspended', message: 'Job suspended' });
  }
  if (isTrue(job.status?.conditions, 'Suspended') && !isTrue(status.conditions, 'Suspended')) {
    recorder.record(jobKind, job, { type: 'Normal', reason: 'Resumed', message: 'Job resumed' });
  }
}

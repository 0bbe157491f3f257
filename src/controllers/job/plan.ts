import type { Job, JobCondition, JobStatus } from '../../api/batch/v1/job.ts';
import type { Pod } from '../../api/core/v1/pod.ts';
import { formatTime } from '../../api/schema/time.ts';
import { withCondition } from '../conditions.ts';
import { isPodActive, isPodFinished, isPodReady, isPodTerminating } from '../pod-state.ts';
import { endedAt, formatIndexes, indexOf, isTracked, parseIndexes } from './model.ts';

export interface JobPlanInput {
  readonly job: Job;
  /** All Pods that belong to it. */
  readonly pods: readonly Pod[];
  readonly now: number;
}

export interface JobPlan {
  /** Pods to be made: their numbers, or undefined for a Job without. */
  readonly creates: readonly (number | undefined)[];
  readonly deletes: readonly Pod[];
  /** Pods that are in the stored numbers and may go. */
  readonly release: readonly Pod[];
  readonly status: JobStatus;
  /** Finished for longer than it is to be kept. */
  readonly isExpired: boolean;
  /** Milliseconds until time alone changes something. */
  readonly againMs: number | undefined;
}

/** Upstream's defaults of the Job controller's back-off. */
const backoffMs = 10_000;
const maxBackoffMs = 10 * 60_000;

const isTrue = ({ status }: Job, type: string): boolean =>
  (status?.conditions ?? []).some((condition) => condition.type === type && condition.status === 'True');
export const isJobFinished = (job: Job): boolean => isTrue(job, 'Complete') || isTrue(job, 'Failed');

interface Counts {
  readonly active: readonly Pod[];
  readonly terminating: number;
  readonly succeeded: number;
  readonly failed: number;
  readonly completed: ReadonlySet<number>;
  readonly uncounted: { readonly succeeded: readonly string[]; readonly failed: readonly string[] };
  /** What has been counted for good. */
  readonly stored: { readonly succeeded: number; readonly failed: number };
}

/** One step of upstream's Job controller; a Pod is in the numbers exactly once, whoever deletes it. */
export function planJob(input: JobPlanInput): JobPlan {
  const { job, pods, now } = input;
  if (isJobFinished(job)) return finishedPlan(input);
  const counts = countPods(job, pods);
  const isSuspended = job.spec.suspend === true;
  const verdict = isSuspended ? undefined : verdictOf(job, counts, now);
  const isOver = verdict !== undefined && counts.active.length === 0 && counts.terminating === 0;
  const isSettled = counts.uncounted.succeeded.length + counts.uncounted.failed.length === 0;
  const conditions = conditionsOf(input, { verdict, isEnd: isOver && isSettled });
  const work = verdict === undefined && !isSuspended ? workOf(input, counts) : undefined;
  const startTime = isSuspended ? undefined : (job.status?.startTime ?? formatTime(now));
  const isComplete = conditions.some(({ type, status }) => type === 'Complete' && status === 'True');
  const status: JobStatus = {
    conditions,
    ...(startTime === undefined ? {} : { startTime }),
    ...(isComplete ? { completionTime: formatTime(now) } : {}),
    active: counts.active.length,
    ready: counts.active.filter(isPodReady).length,
    terminating: counts.terminating,
    succeeded: job.spec.completionMode === 'Indexed' ? counts.completed.size : counts.stored.succeeded,
    failed: counts.stored.failed,
    ...(counts.completed.size === 0 ? {} : { completedIndexes: formatIndexes(counts.completed) }),
    uncountedTerminatedPods: counts.uncounted,
  };
  return {
    creates: work?.creates ?? [],
    deletes: work?.deletes ?? counts.active,
    release: releasable(job, pods),
    status,
    isExpired: false,
    againMs: work === undefined ? undefined : soonest(work.waitMs, deadlineMs(job, now)),
  };
}

const soonest = (...times: readonly (number | undefined)[]): number | undefined => {
  const known = times.filter((ms) => ms !== undefined);
  return known.length === 0 ? undefined : Math.max(0, Math.min(...known));
};

/** A finished Job holds no Pod back. */
function finishedPlan({ job, pods, now }: JobPlanInput): JobPlan {
  const { ttlSecondsAfterFinished: ttl } = job.spec;
  const end = job.status?.conditions?.find(
    ({ type, status }) => (type === 'Complete' || type === 'Failed') && status === 'True',
  );
  const since = Date.parse(end?.lastTransitionTime ?? '');
  const leftMs = ttl === undefined || Number.isNaN(since) ? undefined : since + ttl * 1000 - now;
  return {
    creates: [],
    deletes: pods.filter(isPodActive),
    release: pods.filter(isTracked),
    status: job.status ?? {},
    isExpired: leftMs !== undefined && leftMs <= 0,
    againMs: leftMs !== undefined && leftMs > 0 ? leftMs : undefined,
  };
}

/** A Pod that stops has failed, unless the Job waits for how it ends. */
const hasFailed = ({ spec }: Job, pod: Pod): boolean =>
  pod.status?.phase === 'Failed' ||
  (spec.podReplacementPolicy !== 'Failed' && isPodTerminating(pod) && pod.status?.phase !== 'Succeeded');

function countPods(job: Job, pods: readonly Pod[]): Counts {
  const { status = {}, spec } = job;
  const isIndexed = spec.completionMode === 'Indexed';
  const byUid = new Map(pods.map((pod) => [pod.metadata.uid ?? '', pod]));
  const known = status.uncountedTerminatedPods ?? {};
  const waits = (uid: string): boolean => {
    const pod = byUid.get(uid);
    return pod !== undefined && isTracked(pod);
  };
  const fresh = pods.filter((pod) => {
    const uid = pod.metadata.uid ?? '';
    return isTracked(pod) && !known.succeeded?.includes(uid) && !known.failed?.includes(uid);
  });
  const uidOf = ({ metadata }: Pod): string => metadata.uid ?? '';
  const won = isIndexed ? [] : fresh.filter((pod) => pod.status?.phase === 'Succeeded').map(uidOf);
  const lost = fresh.filter((pod) => hasFailed(job, pod)).map(uidOf);
  const uncounted = {
    succeeded: [...(known.succeeded ?? []).filter(waits), ...won],
    failed: [...(known.failed ?? []).filter(waits), ...lost],
  };
  const stored = {
    succeeded: (status.succeeded ?? 0) + (known.succeeded ?? []).filter((uid) => !waits(uid)).length,
    failed: (status.failed ?? 0) + (known.failed ?? []).filter((uid) => !waits(uid)).length,
  };
  const completed = new Set(isIndexed ? parseIndexes(status.completedIndexes ?? '') : []);
  for (const pod of isIndexed ? pods : []) {
    const index = indexOf(pod);
    const isWanted = index !== undefined && index < (spec.completions ?? 0);
    if (pod.status?.phase === 'Succeeded' && isWanted) completed.add(index);
  }
  return {
    active: pods.filter(isPodActive),
    terminating: pods.filter((pod) => isPodTerminating(pod) && !isPodFinished(pod)).length,
    succeeded: isIndexed ? completed.size : stored.succeeded + uncounted.succeeded.length,
    failed: stored.failed + uncounted.failed.length,
    completed,
    uncounted,
    stored,
  };
}

/** Pods whose end is in the status that is stored. */
function releasable({ status = {}, spec }: Job, pods: readonly Pod[]): readonly Pod[] {
  const { succeeded = [], failed = [] } = status.uncountedTerminatedPods ?? {};
  const counted = new Set([...succeeded, ...failed]);
  const completed = parseIndexes(spec.completionMode === 'Indexed' ? (status.completedIndexes ?? '') : '');
  return pods.filter((pod) => {
    if (!isTracked(pod)) return false;
    const isCompleted = pod.status?.phase === 'Succeeded' && completed.has(indexOf(pod) ?? -1);
    return counted.has(pod.metadata.uid ?? '') || isCompleted;
  });
}

interface Verdict {
  readonly isSuccess: boolean;
  readonly reason: string;
  readonly message: string;
}

function verdictOf(job: Job, counts: Counts, now: number): Verdict | undefined {
  const { spec } = job;
  const decided = ['FailureTarget', 'SuccessCriteriaMet'].find((type) => isTrue(job, type));
  if (decided !== undefined) {
    const before = job.status?.conditions?.find(({ type }) => type === decided);
    const { reason = '', message = '' } = before ?? {};
    return { isSuccess: decided === 'SuccessCriteriaMet', reason, message };
  }
  const limit = spec.backoffLimit ?? 6;
  if (counts.failed > limit || hasRestartedTooOften(job, counts.active)) {
    return {
      isSuccess: false,
      reason: 'BackoffLimitExceeded',
      message: 'Job has reached the specified backoff limit',
    };
  }
  if ((deadlineMs(job, now) ?? 1) <= 0) {
    return {
      isSuccess: false,
      reason: 'DeadlineExceeded',
      message: 'Job was active longer than specified deadline',
    };
  }
  const isDone =
    spec.completions === undefined
      ? counts.succeeded > 0 && counts.active.length === 0
      : counts.succeeded >= spec.completions;
  if (!isDone) return undefined;
  const message = 'Reached expected number of succeeded pods';
  return { isSuccess: true, reason: 'CompletionsReached', message };
}

/** With OnFailure the containers are started again in the same Pod; that counts, too. */
function hasRestartedTooOften({ spec }: Job, active: readonly Pod[]): boolean {
  if (spec.template.spec.restartPolicy !== 'OnFailure') return false;
  const statuses = active.flatMap(({ status }) => [
    ...(status?.initContainerStatuses ?? []),
    ...(status?.containerStatuses ?? []),
  ]);
  const restarts = statuses.reduce((sum, { restartCount }) => sum + restartCount, 0);
  const limit = spec.backoffLimit ?? 6;
  return limit === 0 ? restarts > 0 : restarts >= limit;
}

/** Milliseconds until the Job has taken too long; undefined when it may take as long as it likes. */
function deadlineMs({ spec, status }: Job, now: number): number | undefined {
  const since = Date.parse(status?.startTime ?? '');
  if (spec.activeDeadlineSeconds === undefined || Number.isNaN(since)) return undefined;
  return since + spec.activeDeadlineSeconds * 1000 - now;
}

interface End {
  readonly verdict: Verdict | undefined;
  /** Nothing of the Job runs any more, and all is counted. */
  readonly isEnd: boolean;
}

function conditionsOf({ job, now }: JobPlanInput, { verdict, isEnd }: End): readonly JobCondition[] {
  const at = formatTime(now);
  let conditions: readonly JobCondition[] = job.status?.conditions ?? [];
  const set = (type: string, status: string, [reason, message]: readonly [string, string]): void => {
    const next = { type, status, reason, message, lastProbeTime: at, lastTransitionTime: at };
    conditions = withCondition(conditions, next);
  };
  if (job.spec.suspend === true) set('Suspended', 'True', ['JobSuspended', 'Job suspended']);
  else if (conditions.some(({ type, status }) => type === 'Suspended' && status === 'True')) {
    set('Suspended', 'False', ['JobResumed', 'Job resumed']);
  }
  if (verdict === undefined) return conditions;
  const { isSuccess, reason, message } = verdict;
  set(isSuccess ? 'SuccessCriteriaMet' : 'FailureTarget', 'True', [reason, message]);
  if (isEnd) set(isSuccess ? 'Complete' : 'Failed', 'True', [reason, message]);
  return conditions;
}

interface Work {
  readonly creates: readonly (number | undefined)[];
  readonly deletes: readonly Pod[];
  readonly waitMs: number | undefined;
}

/** Upstream's manageJob: as many Pods as may run at a time and are still needed, later after failures. */
function workOf({ job, pods, now }: JobPlanInput, counts: Counts): Work {
  const { spec } = job;
  const { parallelism = 1, completions } = spec;
  const { active, succeeded, terminating } = counts;
  const needed =
    completions === undefined ? (succeeded > 0 ? active.length : parallelism) : completions - succeeded;
  const wanted = Math.max(0, Math.min(parallelism, needed));
  const surplus = active.length - wanted;
  if (surplus > 0) {
    const leastReady = [...active].sort((a, b) => Number(isPodReady(a)) - Number(isPodReady(b)));
    return { creates: [], deletes: leastReady.slice(0, surplus), waitMs: undefined };
  }
  const occupied = active.length + (spec.podReplacementPolicy === 'Failed' ? terminating : 0);
  const missing = Math.max(0, wanted - occupied);
  const waitMs = missing === 0 ? undefined : backoffLeftMs(pods, now);
  if (missing === 0 || waitMs !== undefined) return { creates: [], deletes: [], waitMs };
  if (spec.completionMode !== 'Indexed') {
    return { creates: Array.from({ length: missing }, () => undefined), deletes: [], waitMs };
  }
  const taken = new Set([...counts.completed, ...active.map((pod) => indexOf(pod) ?? -1)]);
  const free = Array.from({ length: completions ?? 0 }, (_, i) => i).filter((i) => !taken.has(i));
  return { creates: free.slice(0, missing), deletes: [], waitMs };
}

/** Ten seconds after the last failure, twice as long after each further one since the last success. */
function backoffLeftMs(pods: readonly Pod[], now: number): number | undefined {
  const ends = (phase: string): readonly number[] =>
    pods.filter(({ status }) => status?.phase === phase).flatMap((pod) => endedAt(pod) ?? []);
  const lastSuccess = Math.max(0, ...ends('Succeeded'));
  const failures = ends('Failed').filter((ms) => ms > lastSuccess);
  if (failures.length === 0) return undefined;
  const delay = Math.min(maxBackoffMs, backoffMs * 2 ** (failures.length - 1));
  const left = Math.max(...failures) + delay - now;
  return left > 0 ? left : undefined;
}

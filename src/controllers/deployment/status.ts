import type { Deployment, DeploymentCondition, DeploymentStatus } from '../../api/apps/v1/deployment.ts';
import type { ReplicaSet } from '../../api/apps/v1/replica-set.ts';
import { formatTime } from '../../api/schema/time.ts';
import { withCondition, withoutCondition } from '../conditions.ts';
import { replicasOf, rollingLimits, total } from './scaling.ts';

/** What upstream stores for "no deadline". */
const noDeadline = 2_147_483_647;

export interface StatusInput {
  readonly deployment: Deployment;
  /** The ReplicaSet of the current template, when there is one. */
  readonly next: ReplicaSet | undefined;
  readonly all: readonly ReplicaSet[];
  /** Whether `next` was just made. */
  readonly isNew: boolean;
  readonly now: number;
}

type Conditions = readonly DeploymentCondition[];

/** The status as `kubectl rollout status` and `kubectl wait` read it; reasons and messages are upstream's. */
export function statusOf(input: StatusInput): DeploymentStatus {
  const { deployment, next, all } = input;
  const replicas = total(all, ({ status }) => status?.replicas ?? 0);
  const availableReplicas = total(all, ({ status }) => status?.availableReplicas ?? 0);
  const status: DeploymentStatus = {
    observedGeneration: deployment.metadata.generation,
    replicas,
    updatedReplicas: next?.status?.replicas ?? 0,
    readyReplicas: total(all, ({ status }) => status?.readyReplicas ?? 0),
    availableReplicas,
    unavailableReplicas: Math.max(0, total(all) - availableReplicas),
    collisionCount: deployment.status?.collisionCount,
  };
  let conditions: Conditions = deployment.status?.conditions ?? [];
  conditions = withCondition(conditions, availability(input, availableReplicas));
  conditions = withFailure(conditions, input);
  return { ...status, conditions: withProgress(conditions, input, status) };
}

function availability({ deployment, now }: StatusInput, nAvailable: number): DeploymentCondition {
  const isAvailable = nAvailable >= replicasOf(deployment) - rollingLimits(deployment).maxUnavailable;
  const [status, reason, message] = isAvailable
    ? ['True', 'MinimumReplicasAvailable', 'Deployment has minimum availability.']
    : ['False', 'MinimumReplicasUnavailable', 'Deployment does not have minimum availability.'];
  return { type: 'Available', status, reason, message, ...times(now) };
}

const times = (now: number) => ({ lastUpdateTime: formatTime(now), lastTransitionTime: formatTime(now) });

/** What keeps a ReplicaSet from making Pods is told by the Deployment too. */
function withFailure(conditions: Conditions, { next, all, now }: StatusInput): Conditions {
  const failing = [...(next === undefined ? [] : [next]), ...all]
    .flatMap(({ status }) => status?.conditions ?? [])
    .find(({ type, status }) => type === 'ReplicaFailure' && status === 'True');
  if (failing === undefined) return withoutCondition(conditions, 'ReplicaFailure');
  const { type, status, reason, message } = failing;
  return withCondition(conditions, { type, status, reason, message, ...times(now) });
}

function withProgress(conditions: Conditions, input: StatusInput, status: DeploymentStatus): Conditions {
  const { deployment, next, isNew, now } = input;
  const deadline = deployment.spec.progressDeadlineSeconds ?? noDeadline;
  if (deadline === noDeadline) return withoutCondition(conditions, 'Progressing');
  const current = conditions.find(({ type }) => type === 'Progressing');
  const set = (value: string, reason: string, message: string): Conditions =>
    withCondition(conditions, { type: 'Progressing', status: value, reason, message, ...times(now) });
  if (deployment.spec.paused === true) {
    return current?.reason === 'DeploymentPaused'
      ? conditions
      : set('Unknown', 'DeploymentPaused', 'Deployment is paused');
  }
  if (current?.reason === 'DeploymentPaused')
    return set('Unknown', 'DeploymentResumed', 'Deployment is resumed');
  if (next === undefined) return conditions;
  const { name } = next.metadata;
  if (isNew) return set('True', 'NewReplicaSetCreated', `Created new replica set "${name}"`);
  const wasComplete =
    current?.reason === 'NewReplicaSetAvailable' && status.replicas === status.updatedReplicas;
  if (wasComplete) return conditions;
  if (isComplete(deployment, status)) {
    return set('True', 'NewReplicaSetAvailable', `ReplicaSet "${name}" has successfully progressed.`);
  }
  if (hasProgressed(deployment.status ?? {}, status)) return refreshed(set, conditions, { name, now });
  if (current === undefined) return set('True', 'FoundNewReplicaSet', `Found new replica set "${name}"`);
  if ((deadlineInMs(deployment, conditions, now) ?? 1) <= 0) {
    return set('False', 'ProgressDeadlineExceeded', `ReplicaSet "${name}" has timed out progressing.`);
  }
  return conditions;
}

/** Progress moves `lastUpdateTime` even when nothing else of the condition changes: the deadline counts from it. */
function refreshed(
  set: (value: string, reason: string, message: string) => Conditions,
  before: Conditions,
  { name, now }: { readonly name: string; readonly now: number },
): Conditions {
  const next = set('True', 'ReplicaSetUpdated', `ReplicaSet "${name}" is progressing.`);
  if (next !== before) return next;
  return next.map((c) => (c.type === 'Progressing' ? { ...c, lastUpdateTime: formatTime(now) } : c));
}

/** Every replica is of the current template and available. */
export function isComplete(deployment: Deployment, status: DeploymentStatus): boolean {
  const wanted = replicasOf(deployment);
  return (
    (status.updatedReplicas ?? 0) === wanted &&
    (status.replicas ?? 0) === wanted &&
    (status.availableReplicas ?? 0) === wanted &&
    (status.observedGeneration ?? 0) >= (deployment.metadata.generation ?? 0)
  );
}

function hasProgressed(before: DeploymentStatus, after: DeploymentStatus): boolean {
  const n = (value: number | undefined): number => value ?? 0;
  const nOld = (status: DeploymentStatus): number => n(status.replicas) - n(status.updatedReplicas);
  return (
    n(after.updatedReplicas) > n(before.updatedReplicas) ||
    nOld(after) < nOld(before) ||
    n(after.readyReplicas) > n(before.readyReplicas) ||
    n(after.availableReplicas) > n(before.availableReplicas)
  );
}

/** Milliseconds until the progress deadline; undefined when none is running. */
export function deadlineInMs(
  deployment: Deployment,
  conditions: Conditions,
  now: number,
): number | undefined {
  const deadline = deployment.spec.progressDeadlineSeconds ?? noDeadline;
  const current = conditions.find(({ type }) => type === 'Progressing');
  const isRunning = current?.status === 'True' && current.reason !== 'NewReplicaSetAvailable';
  const isResumed = current?.reason === 'DeploymentResumed';
  const since = Date.parse(current?.lastUpdateTime ?? '');
  if (deadline === noDeadline || !(isRunning || isResumed) || Number.isNaN(since)) return undefined;
  return since + deadline * 1000 - now;
}

import { deployments } from '../../api/apps/v1/deployment.ts';
import type { Deployment, DeploymentStatus } from '../../api/apps/v1/deployment.ts';
import type { ReplicaSet } from '../../api/apps/v1/replica-set.ts';
import { controllerRef } from '../ownership.ts';
import {
  byAge,
  desiredReplicasAnnotation,
  isScaled,
  maxReplicasAnnotation,
  newReplicas,
  replicasOf,
  rollingLimits,
  scaleDownOld,
  scaleProportionally,
  total,
} from './scaling.ts';
import type { Scales } from './scaling.ts';
import { deadlineInMs, isComplete, statusOf } from './status.ts';
import { isSameTemplate, templateHash, templateHashLabel } from './template-hash.ts';

export const revisionAnnotation = 'deployment.kubernetes.io/revision';
const historyAnnotation = 'deployment.kubernetes.io/revision-history';
/** Annotations of the Deployment that say nothing about its ReplicaSets. */
const ownAnnotations = [
  'kubectl.kubernetes.io/last-applied-configuration',
  revisionAnnotation,
  historyAnnotation,
  desiredReplicasAnnotation,
  maxReplicasAnnotation,
  'deprecated.deployment.rollback.to',
];

export interface DeploymentPlanInput {
  readonly deployment: Deployment;
  /** Those that belong to it. */
  readonly replicaSets: readonly ReplicaSet[];
  /** Pods of old ReplicaSets that have not ended yet; Recreate waits for them. */
  readonly nOldPods: number;
  readonly now: number;
}

/** One step of a rollout; the next one is planned when the result of this one is seen. */
export interface DeploymentPlan {
  readonly create: ReplicaSet | undefined;
  readonly updates: readonly ReplicaSet[];
  readonly deletes: readonly ReplicaSet[];
  /** What the Deployment's own revision annotation has to say; undefined to leave it. */
  readonly revision: string | undefined;
  readonly status: DeploymentStatus;
  /** Milliseconds until the progress deadline has to be looked at. */
  readonly againMs: number | undefined;
}

export function planDeployment(input: DeploymentPlanInput): DeploymentPlan {
  const { deployment, replicaSets, now } = input;
  const next = byAge(replicaSets).find(({ spec }) => isSameTemplate(spec.template, deployment.spec.template));
  const old = replicaSets.filter((set) => set !== next);
  const isPaused = deployment.spec.paused === true;
  const revision = revisionOf(next, old);
  const mustCreate = next === undefined && !isPaused && mayCreate(input);
  const create = mustCreate ? newReplicaSet(deployment, replicaSets, revision) : undefined;
  const scales = stepOf(input, next, old);
  const current = next ?? create;
  const status = statusOf({
    deployment,
    next: current,
    all: replicaSets,
    isNew: create !== undefined,
    now,
  });
  const isDone = isComplete(deployment, status);
  const kept = next === undefined || isPaused ? [] : [next];
  const deadline = deadlineInMs(deployment, status.conditions ?? [], now);
  return {
    create,
    updates: [
      ...new Set([...kept, ...scales.keys(), ...(isScaled(deployment, old) ? active(old) : [])]),
    ].flatMap((set) =>
      updateOf(deployment, set, { replicas: scales.get(set), revision: set === next ? revision : undefined }),
    ),
    deletes: isDone && !isPaused ? expiredHistory(deployment, old) : [],
    revision: current === undefined || isPaused ? undefined : String(revision),
    status,
    againMs: deadline === undefined ? undefined : Math.max(1_000, deadline + 1_000),
  };
}

const active = (sets: readonly ReplicaSet[]): readonly ReplicaSet[] =>
  sets.filter((set) => replicasOf(set) > 0);

/** With Recreate nothing new begins before all that is old has ended. */
const mayCreate = ({ deployment, replicaSets, nOldPods }: DeploymentPlanInput): boolean =>
  deployment.spec.strategy?.type !== 'Recreate' || (total(replicaSets) === 0 && nOldPods === 0);

function stepOf(
  { deployment, nOldPods, replicaSets }: DeploymentPlanInput,
  next: ReplicaSet | undefined,
  old: readonly ReplicaSet[],
): Scales {
  if (deployment.spec.paused === true || isScaled(deployment, replicaSets)) {
    return scaleProportionally(deployment, next, old);
  }
  if (deployment.spec.strategy?.type === 'Recreate') {
    if (active(old).length > 0) return new Map(active(old).map((set) => [set, 0]));
    const mayStart = next !== undefined && nOldPods === 0 && replicasOf(next) !== replicasOf(deployment);
    return mayStart ? new Map([[next, replicasOf(deployment)]]) : new Map();
  }
  if (next === undefined) return new Map();
  const size = newReplicas(deployment, [next, ...old], replicasOf(next));
  if (size !== replicasOf(next)) return new Map([[next, size]]);
  return scaleDownOld(deployment, next, old);
}

const revisionNumber = (set: ReplicaSet | undefined): number =>
  Number(set?.metadata.annotations?.[revisionAnnotation] ?? 0) || 0;

/** A template that returns becomes the newest revision. */
const revisionOf = (next: ReplicaSet | undefined, old: readonly ReplicaSet[]): number =>
  Math.max(revisionNumber(next), 1 + Math.max(0, ...old.map(revisionNumber)));

function annotationsFor(
  deployment: Deployment,
  before: Readonly<Record<string, string>>,
  revision: number | undefined,
): Readonly<Record<string, string>> {
  const copied = Object.entries(deployment.metadata.annotations ?? {}).filter(
    ([key]) => !ownAnnotations.includes(key),
  );
  const last = before[revisionAnnotation];
  const isMoved = revision !== undefined && last !== undefined && last !== String(revision);
  const history = [before[historyAnnotation], last]
    .filter((part) => part !== undefined && part !== '')
    .join(',');
  return {
    ...before,
    ...(revision === undefined
      ? {}
      : { ...Object.fromEntries(copied), [revisionAnnotation]: String(revision) }),
    ...(isMoved ? { [historyAnnotation]: history } : {}),
    [desiredReplicasAnnotation]: String(replicasOf(deployment)),
    [maxReplicasAnnotation]: String(replicasOf(deployment) + rollingLimits(deployment).maxSurge),
  };
}

interface Update {
  readonly replicas: number | undefined;
  readonly revision: number | undefined;
}

/** The ReplicaSet with its new size and annotations; none when it is as it should be. */
function updateOf(
  deployment: Deployment,
  set: ReplicaSet,
  { replicas, revision }: Update,
): readonly ReplicaSet[] {
  const before = set.metadata.annotations ?? {};
  const annotations = annotationsFor(deployment, before, revision);
  const minReadySeconds = revision === undefined ? set.spec.minReadySeconds : deployment.spec.minReadySeconds;
  const isSame =
    (replicas === undefined || replicas === replicasOf(set)) &&
    (minReadySeconds ?? 0) === (set.spec.minReadySeconds ?? 0) &&
    Object.entries(annotations).every(([key, value]) => before[key] === value);
  if (isSame) return [];
  const spec = { ...set.spec, minReadySeconds, replicas: replicas ?? replicasOf(set) };
  return [{ ...set, metadata: { ...set.metadata, annotations }, spec }];
}

function newReplicaSet(deployment: Deployment, all: readonly ReplicaSet[], revision: number): ReplicaSet {
  const { template, selector, minReadySeconds } = deployment.spec;
  const hash = templateHash(template, deployment.status?.collisionCount ?? 0);
  const labels = { ...template.metadata?.labels, [templateHashLabel]: hash };
  return {
    metadata: {
      name: `${deployment.metadata.name}-${hash}`,
      namespace: deployment.metadata.namespace,
      labels,
      annotations: annotationsFor(deployment, {}, revision),
      ownerReferences: [controllerRef(deployments, deployment)],
    },
    spec: {
      replicas: newReplicas(deployment, all, 0),
      ...(minReadySeconds === undefined ? {} : { minReadySeconds }),
      selector: { ...selector, matchLabels: { ...selector.matchLabels, [templateHashLabel]: hash } },
      template: { ...template, metadata: { ...template.metadata, labels } },
    },
  };
}

/** Old ReplicaSets past the history limit that hold nothing, the oldest revisions first. */
function expiredHistory(deployment: Deployment, old: readonly ReplicaSet[]): readonly ReplicaSet[] {
  const limit = deployment.spec.revisionHistoryLimit ?? 10;
  const alive = old.filter(({ metadata }) => metadata.deletionTimestamp === undefined);
  const nExtra = alive.length - limit;
  if (nExtra <= 0) return [];
  return [...alive]
    .sort((a, b) => revisionNumber(a) - revisionNumber(b))
    .slice(0, nExtra)
    .filter(
      (set) =>
        (set.status?.replicas ?? 0) === 0 &&
        replicasOf(set) === 0 &&
        (set.status?.observedGeneration ?? 0) >= (set.metadata.generation ?? 0),
    );
}

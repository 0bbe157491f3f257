import { replicaSets as replicaSetKind } from '../../api/apps/v1/replica-set.ts';
import type { ReplicaSet, ReplicaSetStatus } from '../../api/apps/v1/replica-set.ts';
import { pods as podKind } from '../../api/core/v1/pod.ts';
import type { Pod } from '../../api/core/v1/pod.ts';
import { replicationControllers } from '../../api/core/v1/replication-controller.ts';
import { objectKey } from '../../api/kind.ts';
import type { Kind } from '../../api/kind.ts';
import { formatTime } from '../../api/schema/time.ts';
import { fromLabelSelector, fromMap, matchesLabels } from '../../api/selectors/label-selector.ts';
import type { LabelRequirement } from '../../api/selectors/label-selector.ts';
import { messageOf } from '../../base/thrown.ts';
import { createEventRecorder } from '../../client/event-recorder.ts';
import type { Informer } from '../../client/informer.ts';
import { createIndex } from '../../client/object-index.ts';
import { settleClaims } from '../adoption.ts';
import { claim } from '../claims.ts';
import { isSameStatus, withCondition, withoutCondition } from '../conditions.ts';
import { alongside, createController } from '../controller.ts';
import type { Controller, ControllerDeps } from '../controller.ts';
import { behindMs, createOwnWrites } from '../own-writes.ts';
import { controllerOf } from '../ownership.ts';
import { isPodActive } from '../pod-state.ts';
import { planReplicas } from './plan.ts';
import { createPodWriter } from './pod-writer.ts';
import type { Failure } from './pod-writer.ts';

/** A kind whose objects keep a number of equal Pods. */
interface ReplicasKind {
  readonly name: string;
  readonly component: string;
  readonly kind: Kind<ReplicaSet>;
  readonly selectorOf: (object: ReplicaSet) => readonly LabelRequirement[];
}

const ofReplicaSets: ReplicasKind = {
  name: 'replicaset',
  component: 'replicaset-controller',
  kind: replicaSetKind,
  selectorOf: ({ spec }) => fromLabelSelector(spec.selector),
};

/** A ReplicationController is a ReplicaSet of old, but for its selector, which is plain labels. */
const ofReplicationControllers: ReplicasKind = {
  name: 'replicationcontroller',
  component: 'replication-controller',
  kind: replicationControllers as unknown as Kind<ReplicaSet>,
  selectorOf: ({ spec }) => fromMap(spec.selector as Readonly<Record<string, string>>),
};

/** Keeps as many Pods of each ReplicaSet as it asks for. */
export const createReplicaSetController = (deps: ControllerDeps): Controller =>
  createReplicasController(deps, ofReplicaSets);

/** The same for each ReplicationController. */
export const createReplicationController = (deps: ControllerDeps): Controller =>
  createReplicasController(deps, ofReplicationControllers);

function createReplicasController(deps: ControllerDeps, of: ReplicasKind): Controller {
  const { client, informers, clock, logger } = deps;
  const replicaSets = informers.for(of.kind);
  const pods = informers.for(podKind);
  const ownWrites = createOwnWrites(clock);
  const recorder = createEventRecorder({ client, component: of.component, clock, logger });
  const managePods = createPodWriter({ client, recorder, ownWrites, kind: of.kind });
  const orphans = createIndex((pod: Pod) =>
    controllerOf(pod) === undefined ? [pod.metadata.namespace ?? ''] : [],
  );

  const orphansIn = (namespace = ''): readonly Pod[] =>
    [...orphans.keys(namespace)].flatMap((key) => pods.get(key) ?? []);

  const related = (replicaSet: ReplicaSet): readonly Pod[] => {
    const owner = controllerOf(replicaSet)?.uid;
    const siblings = owner === undefined ? [replicaSet] : replicaSets.by('owner', owner);
    return siblings.flatMap(({ metadata }) => pods.by('owner', metadata.uid ?? '').filter(isPodActive));
  };

  const reconcile = async (key: string): Promise<number | void> => {
    const replicaSet = replicaSets.get(key);
    if (replicaSet === undefined) return ownWrites.forget(key);
    const { uid = '', namespace, deletionTimestamp } = replicaSet.metadata;
    const known = pods.by('owner', uid);
    const selector = of.selectorOf(replicaSet);
    const claims = claim(replicaSet, selector, [...known, ...orphansIn(namespace).filter(isPodActive)]);
    const owned = await settleClaims({
      client,
      ownerKind: of.kind,
      owner: replicaSet,
      kind: podKind,
      claims,
    });
    const plan = planReplicas({ replicaSet, pods: owned, related: related(replicaSet), now: clock.now() });
    const mayManage = deletionTimestamp === undefined && !ownWrites.isBehind(key, known);
    const failure = mayManage ? await managePods(replicaSet, plan) : undefined;
    const status = withFailure(plan.status, failure, clock.now());
    if (!isSameStatus(replicaSet.status ?? {}, status)) {
      await client.update(of.kind, { ...replicaSet, status }, { subresource: 'status' });
    }
    if (failure !== undefined) {
      const message = `Error: ${String(failure.error)}`;
      recorder.record(of.kind, replicaSet, { type: 'Warning', reason: failure.reason, message });
      throw failure.error;
    }
    return ownWrites.isBehind(key, pods.by('owner', uid)) ? behindMs : plan.againMs;
  };

  const controller = createController(deps, {
    name: of.name,
    reads: [replicaSets, pods],
    reconcile,
    connect: (queue) => [
      replicaSets.onChange(({ key }) => queue.add(key)),
      pods.onChange(({ key, prev, next }) => {
        orphans.move(key, prev, next);
        for (const pod of [prev, next])
          if (pod !== undefined) for (const owner of ownersOf(of, replicaSets, pod)) queue.add(owner);
      }),
    ],
  });
  return alongside(controller, recorder);
}

function withFailure(status: ReplicaSetStatus, failure: Failure | undefined, now: number): ReplicaSetStatus {
  const conditions = status.conditions ?? [];
  if (failure === undefined) return { ...status, conditions: withoutCondition(conditions, 'ReplicaFailure') };
  const condition = {
    type: 'ReplicaFailure',
    status: 'True',
    reason: failure.reason,
    message: messageOf(failure.error),
    lastTransitionTime: formatTime(now),
  };
  return { ...status, conditions: withCondition(conditions, condition) };
}

/** The ReplicaSets that a Pod concerns: its owner, or, when it has none, those that might adopt it. */
function ownersOf(
  { kind, selectorOf }: ReplicasKind,
  replicaSets: Informer<ReplicaSet>,
  pod: Pod,
): readonly string[] {
  const { namespace = '', labels } = pod.metadata;
  const owner = controllerOf(pod);
  if (owner !== undefined) return owner.kind === kind.kind ? [`${namespace}/${owner.name}`] : [];
  return replicaSets
    .by('namespace', namespace)
    .filter((object) => matchesLabels(selectorOf(object), labels))
    .map(objectKey);
}

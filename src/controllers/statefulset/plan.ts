import type { StatefulSet, StatefulSetStatus } from '../../api/apps/v1/revisioned-workloads.ts';
import type { Pod } from '../../api/core/v1/pod.ts';
import { revisionLabel } from '../history/plan.ts';
import { availableInMs, isPodFinished, isPodReady, isPodTerminating } from '../pod-state.ts';
import { firstOrdinal, ordinalOf } from './model.ts';

export interface StatefulPlanInput {
  readonly set: StatefulSet;
  /** All Pods that belong to it. */
  readonly pods: readonly Pod[];
  /** Names of the revisions before and after the update. */
  readonly currentRevision: string;
  readonly updateRevision: string;
  readonly nCollisions: number;
  readonly now: number;
}

export interface StatefulPlan {
  /** Numbers to be made, and of which revision. */
  readonly creates: readonly { readonly ordinal: number; readonly revision: string }[];
  readonly deletes: readonly Pod[];
  readonly status: StatefulSetStatus;
  /** Milliseconds until a ready Pod becomes available without another event. */
  readonly againMs: number | undefined;
}

interface View {
  readonly input: StatefulPlanInput;
  readonly isOrdered: boolean;
  readonly first: number;
  readonly replicas: number;
  /** By number; what is not among the wanted numbers is to go. */
  readonly byOrdinal: ReadonlyMap<number, Pod>;
  readonly isAvailable: (pod: Pod) => boolean;
}

const revisionOf = (pod: Pod): string | undefined => pod.metadata.labels?.[revisionLabel];
const isRunningAndReady = (pod: Pod): boolean => pod.status?.phase === 'Running' && isPodReady(pod);

/**
 * One step of upstream's updateStatefulSet. OrderedReady takes one Pod at a time: from the lowest number up while Pods
 * are missing, from the highest down while there are too many, and each time only when the others are well. Then, from
 * the highest number down to the partition, Pods of an old revision are deleted, as many as may be unavailable.
 */
export function planStatefulSet(input: StatefulPlanInput): StatefulPlan {
  const { set, pods, now } = input;
  const { minReadySeconds = 0 } = set.spec;
  const waits = pods.map((pod) => (isRunningAndReady(pod) ? availableInMs(pod, minReadySeconds, now) : 0));
  const pending = waits.filter((ms): ms is number => ms !== undefined && ms > 0);
  const view: View = {
    input,
    isOrdered: set.spec.podManagementPolicy !== 'Parallel',
    first: firstOrdinal(set),
    replicas: set.spec.replicas ?? 1,
    byOrdinal: new Map(
      pods.flatMap((pod): [number, Pod][] => {
        const ordinal = ordinalOf(set, pod);
        return ordinal === undefined ? [] : [[ordinal, pod]];
      }),
    ),
    isAvailable: (pod) =>
      isRunningAndReady(pod) && !isPodTerminating(pod) && availableInMs(pod, minReadySeconds, now) === 0,
  };
  const actions = set.metadata.deletionTimestamp === undefined ? actionsOf(view) : none;
  return {
    ...actions,
    status: statusOf(view),
    againMs: pending.length === 0 ? undefined : Math.min(...pending),
  };
}

type Actions = Pick<StatefulPlan, 'creates' | 'deletes'>;
const none: Actions = { creates: [], deletes: [] };

function actionsOf(view: View): Actions {
  const filled = fillActions(view);
  if (filled.isWaiting) return filled;
  const condemned = condemnActions(view);
  if (condemned.isWaiting) return join(filled, condemned);
  return join(filled, condemned, { creates: [], deletes: updateDeletes(view) });
}

const join = (...parts: readonly Actions[]): Actions => ({
  creates: parts.flatMap(({ creates }) => creates),
  deletes: parts.flatMap(({ deletes }) => deletes),
});

interface Step extends Actions {
  /** Nothing else may be done before this has come to pass. */
  readonly isWaiting: boolean;
}

/** Makes what is missing, and replaces Pods that have ended. */
function fillActions(view: View): Step {
  const { byOrdinal, isOrdered, first, replicas } = view;
  const creates: { ordinal: number; revision: string }[] = [];
  const deletes: Pod[] = [];
  const step = (isWaiting: boolean): Step => ({ creates, deletes, isWaiting });
  for (let ordinal = first; ordinal < first + replicas; ordinal++) {
    const pod = byOrdinal.get(ordinal);
    if (pod === undefined) creates.push({ ordinal, revision: revisionFor(view, ordinal) });
    else if (isPodFinished(pod) && !isPodTerminating(pod)) deletes.push(pod);
    else if (view.isAvailable(pod)) continue;
    if (isOrdered) return step(true);
  }
  return step(creates.length > 0);
}

/** Pods below the partition come back as they were. */
function revisionFor({ input, first }: View, ordinal: number): string {
  const { set, currentRevision, updateRevision } = input;
  const { type, rollingUpdate } = set.spec.updateStrategy ?? {};
  if (type !== 'RollingUpdate') return updateRevision;
  return ordinal < first + (rollingUpdate?.partition ?? 0) ? currentRevision : updateRevision;
}

/** Takes away what is too much, the highest number first. */
function condemnActions(view: View): Step {
  const { byOrdinal, isOrdered, first, replicas } = view;
  const condemned = [...byOrdinal]
    .filter(([ordinal]) => ordinal < first || ordinal >= first + replicas)
    .sort(([a], [b]) => b - a)
    .map(([, pod]) => pod);
  if (!isOrdered) {
    return { creates: [], deletes: condemned.filter((pod) => !isPodTerminating(pod)), isWaiting: false };
  }
  const [highest] = condemned;
  if (highest === undefined) return { ...none, isWaiting: false };
  if (isPodTerminating(highest)) return { ...none, isWaiting: true };
  // A Pod that is not well goes only when it is the first that is not: another might need the rest of them.
  const unwell = [...condemned].reverse().find((pod) => !view.isAvailable(pod));
  const mayGo = view.isAvailable(highest) || highest === unwell;
  return { creates: [], deletes: mayGo ? [highest] : [], isWaiting: true };
}

function updateDeletes(view: View): readonly Pod[] {
  const { input, byOrdinal, first, replicas } = view;
  const { type, rollingUpdate } = input.set.spec.updateStrategy ?? {};
  if (type !== 'RollingUpdate') return [];
  const wanted = Array.from({ length: replicas }, (_, i) => byOrdinal.get(first + i));
  const nUnavailable = wanted.filter((pod) => pod === undefined || !view.isAvailable(pod)).length;
  let budget = maxUnavailable(rollingUpdate?.maxUnavailable ?? 1, replicas) - nUnavailable;
  const deletes: Pod[] = [];
  for (const pod of wanted.slice(rollingUpdate?.partition ?? 0).reverse()) {
    const isUpdated = pod !== undefined && revisionOf(pod) === input.updateRevision;
    const isAvailable = pod !== undefined && view.isAvailable(pod);
    if (pod !== undefined && !isUpdated && !isPodTerminating(pod)) {
      // One that serves nobody may go whatever the budget is.
      if (isAvailable && budget-- <= 0) continue;
      deletes.push(pod);
    } else if (!isAvailable && budget <= 0) return deletes;
  }
  return deletes;
}

/** A percentage is rounded down, to one Pod at least. */
function maxUnavailable(amount: number | string, replicas: number): number {
  const scaled = typeof amount === 'number' ? amount : Math.floor((parseInt(amount, 10) * replicas) / 100);
  return Math.max(1, scaled);
}

function statusOf({ input, replicas, isAvailable }: View): StatefulSetStatus {
  const { set, pods, currentRevision, updateRevision, nCollisions } = input;
  const count = (isCounted: (pod: Pod) => boolean): number => pods.filter(isCounted).length;
  const of = (revision: string): number =>
    count((pod) => revisionOf(pod) === revision && !isPodTerminating(pod));
  const readyReplicas = count(isRunningAndReady);
  const updatedReplicas = of(updateRevision);
  const isRolling = set.spec.updateStrategy?.type === 'RollingUpdate';
  const isComplete =
    isRolling && updatedReplicas === replicas && readyReplicas === replicas && pods.length === replicas;
  return {
    observedGeneration: set.metadata.generation,
    replicas: pods.length,
    readyReplicas,
    availableReplicas: count((pod) => isAvailable(pod)),
    currentReplicas: isComplete ? updatedReplicas : of(currentRevision),
    updatedReplicas,
    currentRevision: isComplete ? updateRevision : currentRevision,
    updateRevision,
    collisionCount: nCollisions,
    conditions: set.status?.conditions,
  };
}

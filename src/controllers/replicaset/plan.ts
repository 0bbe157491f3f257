import type { Pod } from '../../api/core/v1/pod.ts';
import type { ReplicaSet, ReplicaSetStatus } from '../../api/apps/v1/replica-set.ts';
import type { Kind } from '../../api/kind.ts';
import { fromMap, matchesLabels } from '../../api/selectors/label-selector.ts';
import { controllerRef } from '../ownership.ts';
import { availableInMs, isPodActive, isPodReady, podCondition } from '../pod-state.ts';

/** Upstream's limit of creations and deletions in one go. */
const burst = 500;
const deletionCostAnnotation = 'controller.kubernetes.io/pod-deletion-cost';

export interface ReplicasPlanInput {
  readonly replicaSet: ReplicaSet;
  /** All Pods that belong to it. */
  readonly pods: readonly Pod[];
  /** Active Pods of all ReplicaSets of the same owner, for spreading. */
  readonly related: readonly Pod[];
  readonly now: number;
}

export interface ReplicasPlan {
  readonly nCreate: number;
  /** The least wanted first. */
  readonly deletes: readonly Pod[];
  readonly status: ReplicaSetStatus;
  /** Milliseconds until a ready Pod becomes available without another event. */
  readonly againMs: number | undefined;
}

export function planReplicas({ replicaSet, pods, related, now }: ReplicasPlanInput): ReplicasPlan {
  const active = pods.filter(isPodActive);
  const wanted = replicaSet.spec.replicas ?? 1;
  const surplus = active.length - wanted;
  const { minReadySeconds = 0, template } = replicaSet.spec;
  const waits = active.map((pod) => availableInMs(pod, minReadySeconds, now));
  const pending = waits.filter((ms): ms is number => ms !== undefined && ms > 0);
  const templateLabels = fromMap(template?.metadata?.labels ?? {});
  const count = (isCounted: (pod: Pod) => boolean): number => active.filter(isCounted).length;
  return {
    nCreate: Math.min(burst, Math.max(0, -surplus)),
    deletes: surplus > 0 ? leastWanted(active, related).slice(0, Math.min(burst, surplus)) : [],
    status: {
      replicas: active.length,
      fullyLabeledReplicas: count((pod) => matchesLabels(templateLabels, pod.metadata.labels)),
      readyReplicas: count(isPodReady),
      availableReplicas: waits.filter((ms) => ms === 0).length,
      observedGeneration: replicaSet.metadata.generation,
      conditions: replicaSet.status?.conditions,
    },
    againMs: pending.length === 0 ? undefined : Math.min(...pending),
  };
}

type Rank = (pod: Pod) => number | string;

/**
 * Upstream's order of deletion (ActivePodsWithRanks): unassigned, pending, not ready, cheap, crowded on its node, ready
 * for a shorter time, restarted more often, younger.
 */
function leastWanted(active: readonly Pod[], related: readonly Pod[]): readonly Pod[] {
  const perNode = new Map<string, number>();
  for (const { spec } of related)
    perNode.set(spec.nodeName ?? '', (perNode.get(spec.nodeName ?? '') ?? 0) + 1);
  const ranks: Rank[] = [
    ({ spec }) => (spec.nodeName === undefined || spec.nodeName === '' ? 0 : 1),
    ({ status }) => ['Pending', 'Unknown', 'Running'].indexOf(status?.phase ?? 'Pending'),
    (pod) => (isPodReady(pod) ? 1 : 0),
    ({ metadata }) => Number(metadata.annotations?.[deletionCostAnnotation] ?? 0) || 0,
    ({ spec }) => -(perNode.get(spec.nodeName ?? '') ?? 0),
    (pod) => -Date.parse(podCondition(pod, 'Ready')?.lastTransitionTime ?? '') || 0,
    ({ status }) =>
      -Math.max(0, ...(status?.containerStatuses ?? []).map(({ restartCount }) => restartCount)),
    ({ metadata }) => -Date.parse(metadata.creationTimestamp ?? '') || 0,
    ({ metadata }) => metadata.name,
  ];
  const ranked = active.map((pod) => ({ pod, rank: ranks.map((rank) => rank(pod)) }));
  ranked.sort((a, b) => {
    const at = a.rank.findIndex((value, i) => value !== b.rank[i]);
    return at < 0 ? 0 : (a.rank[at] ?? 0) < (b.rank[at] ?? 0) ? -1 : 1;
  });
  return ranked.map(({ pod }) => pod);
}

/** A Pod as the template says, without a name yet. */
export function podFromTemplate(kind: Kind<ReplicaSet>, replicaSet: ReplicaSet): Pod {
  const { template } = replicaSet.spec;
  const { labels, annotations, finalizers } = template?.metadata ?? {};
  const { name, namespace } = replicaSet.metadata;
  return {
    metadata: {
      name: '',
      generateName: `${name}-`,
      namespace,
      ...(labels === undefined ? {} : { labels }),
      ...(annotations === undefined ? {} : { annotations }),
      ...(finalizers === undefined ? {} : { finalizers }),
      ownerReferences: [controllerRef(kind, replicaSet)],
    },
    spec: template?.spec ?? { containers: [] },
  };
}

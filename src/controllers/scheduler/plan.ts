import type { Node } from '../../api/core/v1/node.ts';
import type { Pod } from '../../api/core/v1/pod.ts';
import { deepEqual } from '../../base/deep-equal.ts';
import { controllerOf } from '../ownership.ts';
import { misfit } from './fit.ts';

export interface SchedulePlanInput {
  readonly pod: Pod;
  readonly nodes: readonly Node[];
  /** Pods that take room on a node: bound, and not finished. */
  readonly podsOn: (node: string) => readonly Pod[];
}

export type SchedulePlan =
  | { readonly node: string }
  /** `message` tells for how many nodes each reason holds, as kube-scheduler does. */
  | { readonly node: undefined; readonly message: string };

/**
 * The node for a Pod: of those it fits, the one with the fewest Pods of its kind (same controller, or same labels when
 * it has none), then with the fewest Pods, then the first by name.
 */
export function planBinding({ pod, nodes, podsOn }: SchedulePlanInput): SchedulePlan {
  const reasons = new Map<string, number>();
  const fitting = nodes.flatMap((node) => {
    const others = podsOn(node.metadata.name);
    const reason = misfit(pod, node, others);
    if (reason !== undefined) reasons.set(reason, (reasons.get(reason) ?? 0) + 1);
    return reason === undefined ? [{ node, others }] : [];
  });
  const ranked = fitting
    .map(({ node, others }) => ({
      name: node.metadata.name,
      rank: [others.filter((other) => isAlike(pod, other)).length, nPreferNot(node, pod), others.length],
    }))
    .sort((a, b) => compare(a.rank, b.rank) || (a.name < b.name ? -1 : 1));
  const [best] = ranked;
  if (best !== undefined) return { node: best.name };
  const parts = [...reasons].map(([reason, n]) => `${n} ${reason}`).sort();
  const details =
    parts.length === 0
      ? 'no nodes available to schedule pods'
      : `0/${nodes.length} nodes are available: ${parts.join(', ')}.`;
  return { node: undefined, message: details };
}

function compare(a: readonly number[], b: readonly number[]): number {
  const at = a.findIndex((value, i) => value !== b[i]);
  return at < 0 ? 0 : (a[at] ?? 0) - (b[at] ?? 0);
}

const nPreferNot = ({ spec }: Node, pod: Pod): number =>
  (spec.taints ?? []).filter(
    ({ key, effect }) =>
      effect === 'PreferNoSchedule' &&
      !(pod.spec.tolerations ?? []).some((toleration) => toleration.key === key),
  ).length;

function isAlike(a: Pod, b: Pod): boolean {
  if (a.metadata.namespace !== b.metadata.namespace || b.metadata.deletionTimestamp !== undefined)
    return false;
  const owner = controllerOf(a)?.uid;
  if (owner !== undefined) return controllerOf(b)?.uid === owner;
  const labels = a.metadata.labels ?? {};
  return Object.keys(labels).length > 0 && deepEqual(labels, b.metadata.labels ?? {});
}

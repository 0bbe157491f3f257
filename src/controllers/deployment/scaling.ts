import type { Deployment } from '../../api/apps/v1/deployment.ts';
import type { ReplicaSet } from '../../api/apps/v1/replica-set.ts';

export const desiredReplicasAnnotation = 'deployment.kubernetes.io/desired-replicas';
export const maxReplicasAnnotation = 'deployment.kubernetes.io/max-replicas';

export const replicasOf = (object: Deployment | ReplicaSet): number => object.spec.replicas ?? 1;
const availableOf = ({ status }: ReplicaSet): number => status?.availableReplicas ?? 0;

export const total = (sets: readonly ReplicaSet[], n: (set: ReplicaSet) => number = replicasOf): number =>
  sets.reduce((sum, set) => sum + n(set), 0);

/** A new number of replicas for a ReplicaSet; only those that change are listed. */
export type Scales = ReadonlyMap<ReplicaSet, number>;

/** The numbers of a rolling update; both zero would never move, so one may then be unavailable. */
export function rollingLimits(deployment: Deployment): {
  readonly maxSurge: number;
  readonly maxUnavailable: number;
} {
  const { strategy } = deployment.spec;
  if (strategy?.type === 'Recreate') return { maxSurge: 0, maxUnavailable: 0 };
  const replicas = replicasOf(deployment);
  const { maxSurge = '25%', maxUnavailable = '25%' } = strategy?.rollingUpdate ?? {};
  const surge = resolve(maxSurge, replicas, Math.ceil);
  const unavailable = resolve(maxUnavailable, replicas, Math.floor);
  return {
    maxSurge: surge,
    maxUnavailable: surge === 0 && unavailable === 0 ? 1 : Math.min(unavailable, replicas),
  };
}

function resolve(value: number | string, replicas: number, round: (n: number) => number): number {
  if (typeof value === 'number') return value;
  const percent = /^(\d+)%$/.exec(value)?.[1];
  return percent === undefined ? 0 : round((Number(percent) * replicas) / 100);
}

/** How many replicas the new ReplicaSet may have now. */
export function newReplicas(deployment: Deployment, all: readonly ReplicaSet[], current: number): number {
  const wanted = replicasOf(deployment);
  if (deployment.spec.strategy?.type === 'Recreate') return wanted;
  const room = wanted + rollingLimits(deployment).maxSurge - total(all);
  if (current > wanted) return wanted;
  return room <= 0 ? current : current + Math.min(room, wanted - current);
}

/** Takes from the old ReplicaSets what may be missing: first what is broken anyway, then what works. */
export function scaleDownOld(deployment: Deployment, next: ReplicaSet, old: readonly ReplicaSet[]): Scales {
  const scales = new Map<ReplicaSet, number>();
  const all = [next, ...old];
  const minAvailable = replicasOf(deployment) - rollingLimits(deployment).maxUnavailable;
  const nNewUnavailable = replicasOf(next) - availableOf(next);
  let mayGo = total(all) - minAvailable - nNewUnavailable;
  if (mayGo <= 0 || total(old) === 0) return scales;
  const take = (set: ReplicaSet, n: number): void => {
    if (n > 0) scales.set(set, (scales.get(set) ?? replicasOf(set)) - n);
  };
  for (const set of byAge(old)) {
    const nBroken = Math.min(mayGo, replicasOf(set) - availableOf(set));
    take(set, nBroken);
    mayGo -= Math.max(0, nBroken);
  }
  let nSpare = Math.min(mayGo, total(all, availableOf) - minAvailable);
  for (const set of byAge(old)) {
    const n = Math.min(nSpare, scales.get(set) ?? replicasOf(set));
    take(set, n);
    nSpare -= Math.max(0, n);
  }
  return scales;
}

const born = ({ metadata }: ReplicaSet): string => metadata.creationTimestamp ?? '';
export const byAge = (sets: readonly ReplicaSet[]): readonly ReplicaSet[] =>
  [...sets].sort((a, b) =>
    born(a) < born(b) ? -1 : born(a) > born(b) ? 1 : a.metadata.name < b.metadata.name ? -1 : 1,
  );

/** Whether the number of replicas was changed since the ReplicaSets were last scaled. */
export function isScaled(deployment: Deployment, sets: readonly ReplicaSet[]): boolean {
  return sets.some((set) => {
    const desired = set.metadata.annotations?.[desiredReplicasAnnotation];
    return replicasOf(set) > 0 && desired !== undefined && Number(desired) !== replicasOf(deployment);
  });
}

/** Gives a change of the number of replicas to the ReplicaSets in proportion to their size (upstream's `scale`). */
export function scaleProportionally(
  deployment: Deployment,
  next: ReplicaSet | undefined,
  old: readonly ReplicaSet[],
): Scales {
  const wanted = replicasOf(deployment);
  const active = [...old, ...(next === undefined ? [] : [next])].filter((set) => replicasOf(set) > 0);
  const single =
    active.length === 0 ? (next ?? byAge(old).at(-1)) : active.length === 1 ? active[0] : undefined;
  if (single !== undefined) return changed([[single, wanted]]);
  if (active.length === 0) return new Map();
  if (next !== undefined && isSaturated(deployment, next)) return changed(old.map((set) => [set, 0]));
  if (deployment.spec.strategy?.type === 'Recreate') return new Map();
  const allowed = wanted > 0 ? wanted + rollingLimits(deployment).maxSurge : 0;
  const toAdd = allowed - total(active);
  const aged = byAge(active);
  const bySize = (toAdd > 0 ? [...aged].reverse() : aged).toSorted((a, b) => replicasOf(b) - replicasOf(a));
  const sizes = new Map<ReplicaSet, number>();
  let added = 0;
  for (const set of bySize) {
    const share = fraction(deployment, set);
    const part = toAdd > 0 ? Math.min(share, toAdd - added) : Math.max(share, toAdd - added);
    sizes.set(set, toAdd === 0 ? replicasOf(set) : replicasOf(set) + part);
    if (toAdd !== 0) added += part;
  }
  const [largest] = bySize;
  if (largest !== undefined && toAdd !== 0) {
    sizes.set(largest, Math.max(0, (sizes.get(largest) ?? 0) + toAdd - added));
  }
  return changed([...sizes]);
}

const changed = (sizes: readonly (readonly [ReplicaSet, number])[]): Scales =>
  new Map(sizes.filter(([set, size]) => size !== replicasOf(set)));

function isSaturated(deployment: Deployment, set: ReplicaSet): boolean {
  const wanted = replicasOf(deployment);
  const desired = Number(set.metadata.annotations?.[desiredReplicasAnnotation]);
  return replicasOf(set) === wanted && desired === wanted && availableOf(set) === wanted;
}

/** By how much a ReplicaSet grows when it keeps its share of the whole. */
function fraction(deployment: Deployment, set: ReplicaSet): number {
  const size = replicasOf(set);
  if (replicasOf(deployment) === 0) return -size;
  const before =
    Number(set.metadata.annotations?.[maxReplicasAnnotation]) || (deployment.status?.replicas ?? 0);
  if (before === 0) return 0;
  const allowed = replicasOf(deployment) + rollingLimits(deployment).maxSurge;
  return Math.round((size * allowed) / before) - size;
}

import type { Pod } from '../api/core/v1/pod.ts';
import type { PodCondition } from '../api/core/v1/pod.ts';

export const podCondition = (pod: Pod, type: string): PodCondition | undefined =>
  pod.status?.conditions?.find((condition) => condition.type === type);

export const isPodReady = (pod: Pod): boolean => podCondition(pod, 'Ready')?.status === 'True';

/** Succeeded or Failed: it will never run again. */
export const isPodFinished = (pod: Pod): boolean =>
  pod.status?.phase === 'Succeeded' || pod.status?.phase === 'Failed';

/** Asked to stop; it may serve until its grace period is over. */
export const isPodTerminating = (pod: Pod): boolean => pod.metadata.deletionTimestamp !== undefined;

/** Neither finished nor asked to stop: what a ReplicaSet counts. */
export const isPodActive = (pod: Pod): boolean => !isPodFinished(pod) && !isPodTerminating(pod);

/** Ready for at least `minReadySeconds`; milliseconds until then, or undefined while it is not ready. */
export function availableInMs(pod: Pod, minReadySeconds: number, now: number): number | undefined {
  const ready = podCondition(pod, 'Ready');
  if (ready?.status !== 'True') return undefined;
  if (minReadySeconds === 0) return 0;
  const since = Date.parse(ready.lastTransitionTime ?? '');
  return Number.isNaN(since) ? undefined : Math.max(0, since + minReadySeconds * 1000 - now);
}

/** Every address of the Pod, the first one first; empty before it has one. */
export function podAddresses(pod: Pod): readonly string[] {
  const listed = pod.status?.podIPs?.map(({ ip }) => ip).filter((ip) => ip !== '') ?? [];
  if (listed.length > 0) return listed;
  const single = pod.status?.podIP;
  return single === undefined || single === '' ? [] : [single];
}

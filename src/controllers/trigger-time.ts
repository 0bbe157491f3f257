import type { Pod } from '../api/core/v1/pod.ts';
import type { Service } from '../api/core/v1/service.ts';
import { podCondition } from './pod-state.ts';

/** When the change happened that a write of endpoints answers; proxies measure their delay from it. */
export const triggerTimeAnnotation = 'endpoints.kubernetes.io/last-change-trigger-time';

/** Remembers what triggered the last write of each Service. */
export interface TriggerTimes {
  /**
   * The earliest time among the Pods and the Service that changed since the last call for this Service (RFC 3339), or
   * undefined when the cause has no time, such as a deleted Pod.
   */
  next(key: string, service: Service, pods: readonly Pod[]): string | undefined;
  forget(key: string): void;
}

export function createTriggerTimes(): TriggerTimes {
  const known = new Map<string, ReadonlyMap<string, string>>();
  return {
    next: (key, service, pods) => {
      const times = timesOf(service, pods);
      const before = known.get(key);
      known.set(key, times);
      const changed = [...times].filter(([who, time]) => before?.get(who) !== time).map(([, time]) => time);
      return changed.sort()[0];
    },
    forget: (key) => void known.delete(key),
  };
}

function timesOf(service: Service, pods: readonly Pod[]): ReadonlyMap<string, string> {
  const times = new Map<string, string>();
  if (service.metadata.creationTimestamp !== undefined) times.set('', service.metadata.creationTimestamp);
  for (const pod of pods) {
    const time = podCondition(pod, 'Ready')?.lastTransitionTime;
    if (time !== undefined) times.set(pod.metadata.name, time);
  }
  return times;
}

import type { Pod } from '../api/core/v1/pod.ts';
import { pods as podKind } from '../api/core/v1/pod.ts';
import { services as serviceKind } from '../api/core/v1/service.ts';
import { deepEqual } from '../base/deep-equal.ts';
import type { WorkQueue } from '../base/work-queue.ts';
import type { Informers } from '../client/informers.ts';
import { isPodFinished, isPodReady, podAddresses, podCondition } from './pod-state.ts';
import type { ServicePods } from './service-pods.ts';

/** What of a Pod shows in the endpoints of its Services; a change of anything else needs no work. */
const factsOf = (pod: Pod): unknown => ({
  labels: pod.metadata.labels,
  isTerminating: pod.metadata.deletionTimestamp !== undefined,
  isReady: isPodReady(pod),
  readySince: podCondition(pod, 'Ready')?.lastTransitionTime,
  isFinished: isPodFinished(pod),
  addresses: podAddresses(pod),
  nodeName: pod.spec.nodeName,
  hostname: pod.spec.hostname,
  subdomain: pod.spec.subdomain,
});

export interface Batching {
  readonly queue: Pick<WorkQueue<string>, 'add' | 'addAfter'>;
  /** How long changes of Pods are collected before endpoints are written. */
  readonly batchMs: number;
}

/**
 * Queues the key of every Service whose endpoints a change of a Service or a Pod may touch; a change of a Service at
 * once, that of a Pod after `batchMs`.
 */
export function onServiceOrPodChange(
  informers: Informers,
  servicePods: ServicePods,
  { queue, batchMs }: Batching,
): readonly (() => void)[] {
  const addPod = (key: string): void => (batchMs > 0 ? queue.addAfter(key, batchMs) : queue.add(key));
  const services = informers.for(serviceKind);
  const pods = informers.for(podKind);
  return [
    services.onChange(({ key }) => queue.add(key)),
    pods.onChange(({ prev, next }) => {
      if (prev !== undefined && next !== undefined && deepEqual(factsOf(prev), factsOf(next))) return;
      const keys = [prev, next].flatMap((pod) => (pod === undefined ? [] : servicePods.servicesOf(pod)));
      for (const key of new Set(keys)) addPod(key);
    }),
  ];
}

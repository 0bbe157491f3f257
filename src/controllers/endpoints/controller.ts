import { endpoints as endpointsKind } from '../../api/core/v1/endpoints.ts';
import type { Endpoints } from '../../api/core/v1/endpoints.ts';
import { pods as podKind } from '../../api/core/v1/pod.ts';
import { services as serviceKind } from '../../api/core/v1/service.ts';
import { isNotFound } from '../../api/errors/api-error.ts';
import { parseObjectKey } from '../../api/kind.ts';
import { createController } from '../controller.ts';
import type { Controller, ControllerDeps } from '../controller.ts';
import { behindMs, createOwnWrites } from '../own-writes.ts';
import type { ServicePods } from '../service-pods.ts';
import { onServiceOrPodChange } from '../service-triggers.ts';
import { createTriggerTimes } from '../trigger-time.ts';
import { managedByLabel, planEndpoints } from './plan.ts';

/** Endpoints that components of old elected their leader with. */
const leaderAnnotation = 'control-plane.alpha.kubernetes.io/leader';

/** Keeps the Endpoints object of every Service with a selector, and removes it with its Service. */
export function createEndpointsController(deps: ControllerDeps, servicePods: ServicePods): Controller {
  const { client, informers, clock, endpointLimits: { endpointUpdatesBatchMs: batchMs = 0 } = {} } = deps;
  const services = informers.for(serviceKind);
  const endpoints = informers.for(endpointsKind);
  const triggerTimes = createTriggerTimes();
  const ownWrites = createOwnWrites(clock);

  let isStarting = true;

  const remove = async (key: string): Promise<void> => {
    triggerTimes.forget(key);
    ownWrites.forget(key);
    if (endpoints.get(key) === undefined) return;
    try {
      await client.delete(endpointsKind, parseObjectKey(key));
    } catch (error) {
      if (!isNotFound(error)) throw error;
    }
  };

  const write = async (next: Endpoints, key: string): Promise<void> => {
    const isNew = next.metadata.resourceVersion === undefined;
    const written = isNew
      ? await client.create(endpointsKind, next)
      : await client.update(endpointsKind, next);
    ownWrites.wrote(key, written);
  };

  const reconcile = async (key: string): Promise<number | void> => {
    const service = services.get(key);
    if (service === undefined) return remove(key);
    if (service.spec.selector === undefined || service.spec.type === 'ExternalName') return;
    const current = endpoints.get(key);
    if (ownWrites.isBehind(key, current === undefined ? [] : [current])) return behindMs;
    const pods = servicePods.podsOf(service);
    const triggerTime = triggerTimes.next(key, service, pods);
    const next = planEndpoints({ service, pods, current, triggerTime });
    if (next === undefined) return;
    await write(next, key);
    return behindMs;
  };

  return createController(deps, {
    name: 'endpoints',
    reads: [services, informers.for(podKind), endpoints],
    reconcile,
    connect: (queue) => {
      void endpoints.firstSync.then(() => (isStarting = false));
      return [
        ...onServiceOrPodChange(informers, servicePods, { queue, batchMs }),
        endpoints.onChange(({ key, next }) => {
          // What stands without a Service when the controller starts is left over from one; later, hand-written Endpoints
          // may come before theirs. A leader election lock is no endpoint (upstream: checkLeftoverEndpoints).
          const { labels, annotations } = next?.metadata ?? {};
          const isLeftOver = isStarting && annotations?.[leaderAnnotation] === undefined;
          const isManaged = labels?.[managedByLabel] !== undefined;
          if (isLeftOver || isManaged || services.get(key) !== undefined) queue.add(key);
        }),
      ];
    },
  });
}

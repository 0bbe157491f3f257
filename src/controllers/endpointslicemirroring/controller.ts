import { endpoints as endpointsKind } from '../../api/core/v1/endpoints.ts';
import type { Endpoints } from '../../api/core/v1/endpoints.ts';
import { services as serviceKind } from '../../api/core/v1/service.ts';
import { endpointSlices } from '../../api/discovery/v1/endpoint-slice.ts';
import type { EndpointSlice } from '../../api/discovery/v1/endpoint-slice.ts';
import { deepEqual } from '../../base/deep-equal.ts';
import { createEventRecorder } from '../../client/event-recorder.ts';
import { alongside, createController } from '../controller.ts';
import type { Controller, ControllerDeps } from '../controller.ts';
import { createManagedSlices } from '../endpointslice/apply.ts';
import { managedByLabel, serviceNameLabel } from '../endpointslice/plan.ts';
import { behindMs } from '../own-writes.ts';
import { maxPerSubset, mirroredBy, needsMirror, planMirror } from './plan.ts';
import type { MirrorPlan } from './plan.ts';

const endpointsKeyOf = ({ metadata: { namespace, labels } }: EndpointSlice): readonly string[] => {
  const name = labels?.[serviceNameLabel];
  return name === undefined || labels?.[managedByLabel] !== mirroredBy ? [] : [`${namespace}/${name}`];
};

/** Mirrors hand-written Endpoints of Services without selector into slices, which is all that proxies read. */
export function createEndpointSliceMirroringController(deps: ControllerDeps): Controller {
  const { client, informers, clock, logger, endpointLimits = {} } = deps;
  const { mirroringMaxEndpointsPerSubset: most = maxPerSubset, mirroringUpdatesBatchMs: batchMs = 0 } =
    endpointLimits;
  const services = informers.for(serviceKind);
  const endpoints = informers.for(endpointsKind);
  const slices = informers.for(endpointSlices);
  const managed = createManagedSlices(deps, slices, endpointsKeyOf);
  const component = 'endpoint-slice-mirroring-controller';
  const recorder = createEventRecorder({ client, component, clock, logger });

  const warn = (object: Endpoints, reason: string, message: string): void =>
    recorder.record(endpointsKind, object, { type: 'Warning', reason, message });

  const report = (object: Endpoints, { invalid, nSkipped }: MirrorPlan): void => {
    if (invalid.length > 0) {
      const message = `Skipped ${invalid.length} invalid IP addresses when mirroring to EndpointSlices`;
      warn(object, 'InvalidIPAddress', message);
    }
    if (nSkipped > 0) {
      const message = `A max of ${most} addresses can be mirrored to EndpointSlices per Endpoints subset. ${nSkipped} addresses were skipped`;
      warn(object, 'TooManyAddressesToMirror', message);
    }
  };

  const reconcile = async (key: string): Promise<number | void> => {
    const current = managed.current(key);
    if (current === undefined) return behindMs;
    const object = endpoints.get(key);
    if (object === undefined || !needsMirror(object, services.get(key))) {
      await managed.apply(key, { creates: [], updates: [], deletes: current });
      if (object === undefined) managed.forget(key);
      return;
    }
    const plan = planMirror(object, current, most);
    report(object, plan);
    await managed.apply(key, plan);
    return managed.current(key) === undefined ? behindMs : undefined;
  };

  const controller = createController(deps, {
    name: 'endpointslicemirroring',
    reads: [services, endpoints, slices],
    reconcile,
    connect: (queue) => [
      managed.connect((key) => queue.add(key)),
      endpoints.onChange(({ key }) => (batchMs > 0 ? queue.addAfter(key, batchMs) : queue.add(key))),
      services.onChange(({ key, prev, next }) => {
        // Most changes of a Service say nothing about its selector.
        const isNews =
          prev === undefined || next === undefined || !deepEqual(prev.spec.selector, next.spec.selector);
        if (isNews && endpoints.get(key) !== undefined) queue.add(key);
      }),
    ],
  });
  return alongside(controller, recorder);
}

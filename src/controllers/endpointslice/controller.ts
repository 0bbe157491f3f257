import { nodes as nodeKind } from '../../api/core/v1/node.ts';
import type { Node } from '../../api/core/v1/node.ts';
import { pods as podKind } from '../../api/core/v1/pod.ts';
import { services as serviceKind } from '../../api/core/v1/service.ts';
import type { Service } from '../../api/core/v1/service.ts';
import { endpointSlices } from '../../api/discovery/v1/endpoint-slice.ts';
import type { EndpointSlice } from '../../api/discovery/v1/endpoint-slice.ts';
import { createController } from '../controller.ts';
import type { Controller, ControllerDeps } from '../controller.ts';
import type { ServicePods } from '../service-pods.ts';
import { onServiceOrPodChange } from '../service-triggers.ts';
import { behindMs } from '../own-writes.ts';
import { createTriggerTimes } from '../trigger-time.ts';
import { createManagedSlices } from './apply.ts';
import { managedBy, managedByLabel, planSlices, serviceNameLabel, zoneOf } from './plan.ts';

const serviceKeyOf = ({ metadata: { namespace, labels } }: EndpointSlice): readonly string[] => {
  const name = labels?.[serviceNameLabel];
  return name === undefined || labels?.[managedByLabel] !== managedBy ? [] : [`${namespace}/${name}`];
};

/** An ExternalName has no endpoints, and without a selector they are written by hand. */
const hasManagedSlices = ({ spec }: Service): boolean =>
  spec.selector !== undefined && spec.type !== 'ExternalName';

/** Keeps the EndpointSlices of every Service with a selector. Slices of a deleted Service are garbage collected. */
export function createEndpointSliceController(deps: ControllerDeps, servicePods: ServicePods): Controller {
  const { informers } = deps;
  const services = informers.for(serviceKind);
  const pods = informers.for(podKind);
  const nodes = informers.for(nodeKind);
  const slices = informers.for(endpointSlices);
  const managed = createManagedSlices(deps, slices, serviceKeyOf);
  const triggerTimes = createTriggerTimes();

  const reconcile = async (key: string): Promise<number | void> => {
    const service = services.get(key);
    if (service === undefined) {
      triggerTimes.forget(key);
      managed.forget(key);
      return;
    }
    if (!hasManagedSlices(service)) return;
    const current = managed.current(key);
    if (current === undefined) return behindMs;
    const selected = servicePods.podsOf(service);
    const nodeOf = (name: string): Node | undefined => nodes.get(name);
    const triggerTime = triggerTimes.next(key, service, selected);
    await managed.apply(key, planSlices({ service, pods: selected, nodeOf, slices: current, triggerTime }));
    return managed.current(key) === undefined ? behindMs : undefined;
  };

  /** Services with a Pod on the node. */
  const servicesOn = (node: Node | undefined): ReadonlySet<string> => {
    const here = pods.list().filter(({ spec }) => spec.nodeName === node?.metadata.name);
    return new Set(here.flatMap((pod) => servicePods.servicesOf(pod)));
  };

  return createController(deps, {
    name: 'endpointslice',
    reads: [services, pods, nodes, slices],
    reconcile,
    connect: (queue) => [
      managed.connect((key) => queue.add(key)),
      ...onServiceOrPodChange(informers, servicePods, (key) => queue.add(key)),
      nodes.onChange(({ prev, next }) => {
        if (zoneOf(prev) !== zoneOf(next)) for (const key of servicesOn(next ?? prev)) queue.add(key);
      }),
    ],
  });
}

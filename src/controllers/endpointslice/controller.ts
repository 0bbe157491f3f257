import { nodes as nodeKind } from '../../api/core/v1/node.ts';
import type { Node } from '../../api/core/v1/node.ts';
import { pods as podKind } from '../../api/core/v1/pod.ts';
import { services as serviceKind } from '../../api/core/v1/service.ts';
import type { Service } from '../../api/core/v1/service.ts';
import { createEventRecorder } from '../../client/event-recorder.ts';
import type { EventRecorder } from '../../client/event-recorder.ts';
import { endpointSlices } from '../../api/discovery/v1/endpoint-slice.ts';
import type { EndpointSlice } from '../../api/discovery/v1/endpoint-slice.ts';
import { objectKey } from '../../api/kind.ts';
import { deepEqual } from '../../base/deep-equal.ts';
import { alongside, createController } from '../controller.ts';
import type { Controller, ControllerDeps } from '../controller.ts';
import type { ServicePods } from '../service-pods.ts';
import { onServiceOrPodChange } from '../service-triggers.ts';
import { behindMs } from '../own-writes.ts';
import { createTriggerTimes } from '../trigger-time.ts';
import { createManagedSlices } from './apply.ts';
import { familiesOf, managedBy, managedByLabel, planService, serviceNameLabel, zoneOf } from './plan.ts';
import type { SlicePlan } from './plan.ts';
import { wantsTopologyHints, zoneRatios } from './topology-hints.ts';

const serviceKeyOf = ({ metadata: { namespace, labels } }: EndpointSlice): readonly string[] => {
  const name = labels?.[serviceNameLabel];
  return name === undefined || labels?.[managedByLabel] !== managedBy ? [] : [`${namespace}/${name}`];
};

/** An ExternalName has no endpoints, and without a selector they are written by hand. */
const hasManagedSlices = ({ spec }: Service): boolean =>
  spec.selector !== undefined && spec.type !== 'ExternalName';

/** Keeps the EndpointSlices of every Service with a selector. Slices of a deleted Service are garbage collected. */
export function createEndpointSliceController(deps: ControllerDeps, servicePods: ServicePods): Controller {
  const { client, informers, clock, logger, endpointLimits = {} } = deps;
  const { maxEndpointsPerSlice: maxPerSlice, endpointSliceUpdatesBatchMs: batchMs = 0 } = endpointLimits;
  const component = 'endpoint-slice-controller';
  const recorder = createEventRecorder({ client, component, clock, logger });
  const hints = createHintReporter(recorder);
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
      hints.forget(key);
      return;
    }
    if (!hasManagedSlices(service)) return;
    const current = managed.current(key);
    if (current === undefined) return behindMs;
    const selected = servicePods.podsOf(service);
    const triggerTime = triggerTimes.next(key, service, selected);
    const plan = planService({
      service,
      pods: selected,
      nodeOf: (name) => nodes.get(name),
      slices: current,
      triggerTime,
      maxPerSlice,
      zoneRatios: wantsTopologyHints(service) ? zoneRatios(nodes.list()) : undefined,
    });
    await managed.apply(key, plan.writes);
    hints.tell(key, service, plan);
    return managed.current(key) === undefined ? behindMs : undefined;
  };

  /** Services with a Pod on the node. */
  const servicesOn = (node: Node | undefined): ReadonlySet<string> => {
    const here = pods.list().filter(({ spec }) => spec.nodeName === node?.metadata.name);
    return new Set(here.flatMap((pod) => servicePods.servicesOf(pod)));
  };

  const onNode = (prev: Node | undefined, next: Node | undefined, add: (key: string) => void): void => {
    const isMoved = (prev === undefined) !== (next === undefined) || zoneOf(prev) !== zoneOf(next);
    if (isMoved) for (const key of servicesOn(next ?? prev)) add(key);
    if (prev !== undefined && next !== undefined && deepEqual(weightOf(prev), weightOf(next))) return;
    for (const service of services.list()) if (wantsTopologyHints(service)) add(objectKey(service));
  };

  const controller = createController(deps, {
    name: 'endpointslice',
    reads: [services, pods, nodes, slices],
    reconcile,
    connect: (queue) => [
      managed.connect((key) => queue.add(key)),
      ...onServiceOrPodChange(informers, servicePods, { queue, batchMs }),
      nodes.onChange(({ prev, next }) => onNode(prev, next, (key) => queue.add(key))),
    ],
  });
  return alongside(controller, recorder);
}

/** What of a node decides about the share of its zone. */
const weightOf = ({ metadata, status }: Node): unknown => ({
  labels: metadata.labels,
  cpu: status?.allocatable?.cpu,
  ready: status?.conditions?.find(({ type }) => type === 'Ready')?.status,
});

/** Tells when hints by zone begin, end or are refused. */
function createHintReporter(recorder: EventRecorder) {
  const withHints = new Set<string>();
  const tell = (key: string, service: Service, { hasTopologyHints, refusals }: SlicePlan): void => {
    const note = (reason: string, message: string): void =>
      recorder.record(serviceKind, service, { type: 'Normal', reason, message });
    const had = withHints.has(key);
    for (const refusal of refusals) recorder.record(serviceKind, service, refusal);
    if (hasTopologyHints && !had) {
      for (const family of familiesOf(service)) {
        note('TopologyAwareHintsEnabled', `Topology Aware Hints has been enabled, addressType: ${family}`);
      }
    }
    if (had && !wantsTopologyHints(service)) {
      for (const family of familiesOf(service)) {
        note('TopologyAwareHintsDisabled', `Topology Aware Hints has been disabled, addressType: ${family}`);
      }
    }
    if (hasTopologyHints) withHints.add(key);
    else withHints.delete(key);
  };
  return { tell, forget: (key: string) => void withHints.delete(key) };
}

import type { Node } from '../../api/core/v1/node.ts';
import type { Pod } from '../../api/core/v1/pod.ts';
import { services } from '../../api/core/v1/service.ts';
import type { Service } from '../../api/core/v1/service.ts';
import type { Endpoint, EndpointPort, EndpointSlice } from '../../api/discovery/v1/endpoint-slice.ts';
import { deepEqual } from '../../base/deep-equal.ts';
import type { EventNote } from '../../client/event-recorder.ts';
import { parseIp } from '../../net/ip.ts';
import type { IpFamily } from '../../net/ip.ts';
import { controllerOf, controllerRef } from '../ownership.ts';
import { isPodFinished, isPodReady, isPodTerminating, podAddresses } from '../pod-state.ts';
import { isHeadless, resolvePorts } from '../service-ports.ts';
import { triggerTimeAnnotation } from '../trigger-time.ts';
import { endpointKey, packSlices, portsKey } from './packing.ts';
import type { PortGroup, SliceWrites } from './packing.ts';
import { addTopologyHints, wantsTopologyHints } from './topology-hints.ts';
import type { Hinted, ZoneRatios } from './topology-hints.ts';

export const serviceNameLabel = 'kubernetes.io/service-name';
export const managedByLabel = 'endpointslice.kubernetes.io/managed-by';
export const managedBy = 'endpointslice-controller.k8s.io';
export const headlessLabel = 'service.kubernetes.io/headless';
/** Upstream's default of --max-endpoints-per-slice. */
export const maxEndpointsPerSlice = 100;

export const zoneOf = (node: Node | undefined): string | undefined =>
  node?.metadata.labels?.['topology.kubernetes.io/zone'];

export interface SlicePlanInput {
  readonly service: Service;
  /** Those the selector selects. */
  readonly pods: readonly Pod[];
  readonly nodeOf: (name: string) => Node | undefined;
  /** The Service's slices that this controller manages. */
  readonly slices: readonly EndpointSlice[];
  /** RFC 3339; undefined when the cause has no time. */
  readonly triggerTime: string | undefined;
  /** Each zone's share of the CPU, for Services that ask for hints by it; undefined when it is not known. */
  readonly zoneRatios?: ZoneRatios;
  /** How many endpoints a slice holds; 100 when left out. */
  readonly maxPerSlice?: number;
}

export interface SlicePlan {
  readonly writes: SliceWrites;
  /** Whether hints by zone stand on all of its slices. */
  readonly hasTopologyHints: boolean;
  /** Why there are no hints although the Service asks for them. */
  readonly refusals: readonly EventNote[];
}

/** The writes that make the slices of a Service say what its Pods are, and what is to be told about hints. */
export function planService(input: SlicePlanInput): SlicePlan {
  const { service, slices } = input;
  const families = familiesOf(service);
  const isOurs = (slice: EndpointSlice): boolean => controllerOf(slice)?.uid === service.metadata.uid;
  const foreign = slices.filter((slice) => !isOurs(slice) || !families.some((f) => f === slice.addressType));
  const parts = families.map((family) =>
    planFamily(
      input,
      family,
      slices.filter((slice) => isOurs(slice) && slice.addressType === family),
    ),
  );
  const isGoing = service.metadata.deletionTimestamp !== undefined;
  return {
    writes: {
      creates: isGoing ? [] : parts.flatMap(({ writes }) => writes.creates),
      updates: parts.flatMap(({ writes }) => writes.updates),
      deletes: [...foreign, ...parts.flatMap(({ writes }) => writes.deletes)],
    },
    hasTopologyHints: parts.every(({ hasHints }) => hasHints),
    refusals: parts.flatMap(({ refusal }) => refusal ?? []),
  };
}

function planFamily(input: SlicePlanInput, family: IpFamily, existing: readonly EndpointSlice[]): Hinted {
  const { service, triggerTime } = input;
  const labels = labelsOf(service);
  const newSlice = (ports: readonly EndpointPort[], endpoints: readonly Endpoint[]): EndpointSlice => ({
    metadata: {
      name: '',
      generateName: `${service.metadata.name}-`,
      namespace: service.metadata.namespace,
      labels,
      ...(triggerTime === undefined ? {} : { annotations: { [triggerTimeAnnotation]: triggerTime } }),
      ownerReferences: [controllerRef(services, service)],
    },
    addressType: family,
    endpoints,
    ports,
  });
  const refresh = (slice: EndpointSlice): EndpointSlice =>
    deepEqual(slice.metadata.labels, labels) ? slice : { ...slice, metadata: { ...slice.metadata, labels } };
  const isByZone = wantsTopologyHints(service);
  const groups = groupsOf(input, family);
  const packed = packSlices({
    existing,
    groups: isByZone ? withStandingHints(groups, existing) : groups,
    maxPerSlice: input.maxPerSlice ?? maxEndpointsPerSlice,
    newSlice,
    refresh,
  });
  const writes = withPlaceholder(packed, existing, newSlice([], []));
  const written = new Set([...writes.updates, ...writes.deletes].map(({ metadata }) => metadata.name));
  const unchanged = existing.filter(({ metadata }) => !written.has(metadata.name));
  const hinted = isByZone
    ? addTopologyHints({ writes, unchanged, ratios: input.zoneRatios, addressType: family })
    : { writes, hasHints: false, refusal: undefined };
  return { ...hinted, writes: withTriggerTime(hinted.writes, triggerTime) };
}

/** Endpoints keep the hint they have, so that hints alone are no reason to write a slice. */
function withStandingHints(
  groups: readonly PortGroup[],
  existing: readonly EndpointSlice[],
): readonly PortGroup[] {
  const all = existing.flatMap(({ endpoints }) => endpoints);
  const standing = new Map(all.map((endpoint) => [endpointKey(endpoint), endpoint.hints]));
  return groups.map(({ ports, endpoints }) => ({
    ports,
    endpoints: endpoints.map((endpoint) => {
      const hints = standing.get(endpointKey(endpoint));
      return hints === undefined ? endpoint : { ...endpoint, hints };
    }),
  }));
}

/** A Service always has a slice, so that clients can tell "no endpoints" from "not looked at yet". */
function withPlaceholder(
  writes: SliceWrites,
  existing: readonly EndpointSlice[],
  placeholder: EndpointSlice,
): SliceWrites {
  if (writes.creates.length > 0 || writes.deletes.length < existing.length) return writes;
  const [last, ...others] = writes.deletes;
  if (last === undefined) return { ...writes, creates: [placeholder] };
  const { name, uid, resourceVersion, generateName } = last.metadata;
  const metadata = { ...placeholder.metadata, name, uid, resourceVersion, generateName };
  const isThere =
    last.endpoints.length === 0 &&
    (last.ports ?? []).length === 0 &&
    deepEqual(last.metadata.labels, placeholder.metadata.labels);
  return {
    creates: [],
    updates: isThere ? writes.updates : [...writes.updates, { ...placeholder, metadata }],
    deletes: others,
  };
}

function withTriggerTime(writes: SliceWrites, triggerTime: string | undefined): SliceWrites {
  const stamp = (slice: EndpointSlice): EndpointSlice => {
    const { [triggerTimeAnnotation]: _, ...others } = slice.metadata.annotations ?? {};
    const annotations =
      triggerTime === undefined ? others : { ...others, [triggerTimeAnnotation]: triggerTime };
    return { ...slice, metadata: { ...slice.metadata, annotations } };
  };
  return { ...writes, updates: writes.updates.map(stamp) };
}

/** The families of the Service; one that says nothing, as a server without the field stores it, has its IP's. */
export function familiesOf(service: Service): readonly IpFamily[] {
  const listed = (service.spec.ipFamilies ?? []).filter((f): f is IpFamily => f === 'IPv4' || f === 'IPv6');
  if (listed.length > 0) return listed;
  return [parseIp(service.spec.clusterIP ?? '')?.family ?? 'IPv4'];
}

function labelsOf(service: Service): Readonly<Record<string, string>> {
  const reserved = [serviceNameLabel, managedByLabel, headlessLabel];
  const own = Object.entries(service.metadata.labels ?? {}).filter(([key]) => !reserved.includes(key));
  return {
    ...Object.fromEntries(own),
    ...(isHeadless(service) ? { [headlessLabel]: '' } : {}),
    [serviceNameLabel]: service.metadata.name,
    [managedByLabel]: managedBy,
  };
}

function groupsOf(input: SlicePlanInput, family: IpFamily): readonly PortGroup[] {
  const groups = new Map<string, { ports: readonly EndpointPort[]; endpoints: Endpoint[] }>();
  for (const pod of input.pods) {
    if (isPodFinished(pod) || isNowhere(input, pod)) continue;
    const endpoint = endpointOf(input, pod, family);
    if (endpoint === undefined) continue;
    const ports = resolvePorts(input.service, pod);
    const key = portsKey(ports);
    const group = groups.get(key);
    if (group === undefined) groups.set(key, { ports, endpoints: [endpoint] });
    else group.endpoints.push(endpoint);
  }
  return [...groups.values()];
}

/** A Pod whose node is no more is about to go; it counts only for those who take Pods in any state. */
const isNowhere = ({ service, nodeOf }: SlicePlanInput, { spec: { nodeName = '' } }: Pod): boolean =>
  nodeName !== '' && nodeOf(nodeName) === undefined && service.spec.publishNotReadyAddresses !== true;

/** Undefined while the Pod has no address of the family. */
function endpointOf(input: SlicePlanInput, pod: Pod, family: IpFamily): Endpoint | undefined {
  const { service, nodeOf } = input;
  const addresses = podAddresses(pod).filter((ip) => parseIp(ip)?.family === family);
  if (addresses.length === 0) return undefined;
  const { name, namespace, uid } = pod.metadata;
  const { nodeName, hostname, subdomain } = pod.spec;
  const serving = isPodReady(pod);
  const terminating = isPodTerminating(pod);
  const ready = service.spec.publishNotReadyAddresses === true || (serving && !terminating);
  const zone = nodeName === undefined ? undefined : zoneOf(nodeOf(nodeName));
  const hasHostname = hostname !== undefined && hostname !== '' && subdomain === service.metadata.name;
  const isByZone = wantsTopologyHints(service);
  const hints = ready && !isByZone ? hintsOf(service.spec.trafficDistribution, nodeName, zone) : undefined;
  return {
    addresses,
    conditions: { ready, serving, terminating },
    ...(hasHostname ? { hostname } : {}),
    targetRef: { kind: 'Pod', namespace, name, uid },
    ...(nodeName === undefined || nodeName === '' ? {} : { nodeName }),
    ...(zone === undefined ? {} : { zone }),
    ...(hints === undefined ? {} : { hints }),
  };
}

/** KEP-4444 and KEP-3015: clients near the endpoint prefer it. */
function hintsOf(
  distribution: string | undefined,
  nodeName: string | undefined,
  zone: string | undefined,
): Endpoint['hints'] {
  const isByNode = distribution === 'PreferSameNode';
  if (!isByNode && distribution !== 'PreferClose' && distribution !== 'PreferSameZone') return undefined;
  const forZones = zone === undefined ? {} : { forZones: [{ name: zone }] };
  const forNodes = isByNode && nodeName !== undefined ? { forNodes: [{ name: nodeName }] } : {};
  const hints = { ...forZones, ...forNodes };
  return Object.keys(hints).length === 0 ? undefined : hints;
}

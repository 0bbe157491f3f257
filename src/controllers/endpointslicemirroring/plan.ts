import { endpoints as endpointsKind } from '../../api/core/v1/endpoints.ts';
import type { EndpointAddress, Endpoints, EndpointSubset } from '../../api/core/v1/endpoints.ts';
import type { Service } from '../../api/core/v1/service.ts';
import type { Endpoint, EndpointPort, EndpointSlice } from '../../api/discovery/v1/endpoint-slice.ts';
import { deepEqual } from '../../base/deep-equal.ts';
import { parseIp } from '../../net/ip.ts';
import type { IpFamily } from '../../net/ip.ts';
import { packSlices, portsKey } from '../endpointslice/packing.ts';
import type { PortGroup, SliceWrites } from '../endpointslice/packing.ts';
import { managedByLabel, serviceNameLabel } from '../endpointslice/plan.ts';
import { controllerOf, controllerRef } from '../ownership.ts';
import { triggerTimeAnnotation } from '../trigger-time.ts';

export const mirroredBy = 'endpointslicemirroring-controller.k8s.io';
const skipMirrorLabel = 'endpointslice.kubernetes.io/skip-mirror';
const leaderAnnotation = 'control-plane.alpha.kubernetes.io/leader';
const lastAppliedAnnotation = 'kubectl.kubernetes.io/last-applied-configuration';
/** Upstream's default of --mirroring-max-endpoints-per-subset; also the most a slice may hold. */
export const maxPerSubset = 1000;

export interface MirrorPlan extends SliceWrites {
  /** Addresses that are no IP address. */
  readonly invalid: readonly string[];
  /** Addresses left out because a subset held too many. */
  readonly nSkipped: number;
}

/** Whether the Endpoints are written by hand for a Service without selector, and so need slices. */
export function needsMirror(endpoints: Endpoints, service: Service | undefined): boolean {
  const { labels, annotations } = endpoints.metadata;
  if (service === undefined || service.spec.selector !== undefined) return false;
  return labels?.[skipMirrorLabel] !== 'true' && annotations?.[leaderAnnotation] === undefined;
}

/** The writes that make `slices`, those that mirror these Endpoints, equal to them. */
export function planMirror(
  endpoints: Endpoints,
  slices: readonly EndpointSlice[],
  most = maxPerSubset,
): MirrorPlan {
  const isOurs = (slice: EndpointSlice): boolean => controllerOf(slice)?.uid === endpoints.metadata.uid;
  const invalid: string[] = [];
  let nSkipped = 0;
  const groups = { IPv4: new Map<string, PortGroup>(), IPv6: new Map<string, PortGroup>() };
  for (const subset of endpoints.subsets ?? []) {
    const ports = portsOf(subset);
    let nTaken = 0;
    for (const { address, isReady } of addressesOf(subset)) {
      const family = parseIp(address.ip)?.family;
      if (family === undefined) invalid.push(address.ip);
      else if (nTaken >= most) nSkipped++;
      else {
        nTaken++;
        addTo(groups[family], ports, endpointOf(address, isReady));
      }
    }
  }
  const writes = (['IPv4', 'IPv6'] as const).map((family) =>
    packSlices({
      existing: slices.filter((slice) => isOurs(slice) && slice.addressType === family),
      groups: [...groups[family].values()],
      maxPerSlice: most,
      newSlice: (ports, list) => sliceOf(endpoints, family, { ports, endpoints: list }),
      refresh: (slice) => refreshed(slice, sliceOf(endpoints, family, { ports: [], endpoints: [] })),
    }),
  );
  return {
    creates: writes.flatMap(({ creates }) => creates),
    updates: writes.flatMap(({ updates }) => updates),
    deletes: [...slices.filter((slice) => !isOurs(slice)), ...writes.flatMap(({ deletes }) => deletes)],
    invalid,
    nSkipped,
  };
}

function addTo(groups: Map<string, PortGroup>, ports: readonly EndpointPort[], endpoint: Endpoint): void {
  const key = portsKey(ports);
  const known = groups.get(key)?.endpoints ?? [];
  const isKnown = known.some(({ addresses }) => addresses[0] === endpoint.addresses[0]);
  if (!isKnown) groups.set(key, { ports, endpoints: [...known, endpoint] });
}

const addressesOf = ({ addresses = [], notReadyAddresses = [] }: EndpointSubset) => [
  ...addresses.map((address) => ({ address, isReady: true })),
  ...notReadyAddresses.map((address) => ({ address, isReady: false })),
];

const portsOf = ({ ports = [] }: EndpointSubset): readonly EndpointPort[] =>
  ports.map(({ name = '', protocol = 'TCP', port, appProtocol }) => ({
    name,
    protocol,
    port,
    ...(appProtocol === undefined ? {} : { appProtocol }),
  }));

function endpointOf(address: EndpointAddress, isReady: boolean): Endpoint {
  const { ip, hostname, nodeName, targetRef } = address;
  return {
    addresses: [parseIp(ip)?.text ?? ip],
    conditions: { ready: isReady },
    ...(hostname === undefined || hostname === '' ? {} : { hostname }),
    ...(nodeName === undefined || nodeName === '' ? {} : { nodeName }),
    ...(targetRef === undefined ? {} : { targetRef }),
  };
}

function sliceOf(endpoints: Endpoints, addressType: IpFamily, group: PortGroup): EndpointSlice {
  const { name, namespace, labels } = endpoints.metadata;
  const annotations = annotationsOf(endpoints);
  return {
    metadata: {
      name: '',
      generateName: `${name}-`,
      namespace,
      labels: { ...labels, [serviceNameLabel]: name, [managedByLabel]: mirroredBy },
      ...(Object.keys(annotations).length === 0 ? {} : { annotations }),
      ownerReferences: [controllerRef(endpointsKind, endpoints)],
    },
    addressType,
    ...group,
  };
}

/** All but what speaks of the Endpoints object itself. */
function annotationsOf(endpoints: Endpoints): Readonly<Record<string, string>> {
  const { [lastAppliedAnnotation]: _, ...rest } = endpoints.metadata.annotations ?? {};
  return rest;
}

/** The trigger time alone is no reason to write. */
function refreshed(slice: EndpointSlice, model: EndpointSlice): EndpointSlice {
  const { labels, annotations } = model.metadata;
  const without = (all: Readonly<Record<string, string>> = {}): object => {
    const { [triggerTimeAnnotation]: _, ...rest } = all;
    return rest;
  };
  const isSame =
    deepEqual(slice.metadata.labels, labels) &&
    deepEqual(without(slice.metadata.annotations), without(annotations));
  return isSame ? slice : { ...slice, metadata: { ...slice.metadata, labels, annotations } };
}

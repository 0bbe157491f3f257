import type { Service } from '../../api/core/v1/service.ts';
import type { EndpointSlice } from '../../api/discovery/v1/endpoint-slice.ts';
import { createMultiMap } from '../../base/multi-map.ts';
import type { MultiMap } from '../../base/multi-map.ts';
import { parseIp } from '../../net/ip.ts';
import { endpointSetOf } from './endpoint-set.ts';
import type { EndpointSet } from './endpoint-set.ts';
import { serviceNames } from './service-names.ts';
import type { ServiceNames } from './service-names.ts';

const LABEL_SERVICE_NAME = 'kubernetes.io/service-name';

/**
 * What the cluster's names are made of, kept while objects come and go in any order. Keys are `namespace/name`, as the
 * API spells them: lower case. undefined = gone. A setter does next to nothing; answers are put together when asked.
 */
export interface ClusterIndex {
  setService(key: string, service: Service | undefined): void;
  setSlice(key: string, slice: EndpointSlice | undefined): void;
  setNamespace(name: string, isThere: boolean): void;
  /** What lookups read. */
  readonly view: ClusterView;
}

export interface ClusterView {
  hasNamespace(name: string): boolean;
  service(key: string): ServiceNames | undefined;
  /** The ready endpoints of a Service; empty for one without slices. */
  endpoints(key: string): EndpointSet;
  /** The Service with this cluster IP (canonical text). */
  serviceAt(address: string): ServiceNames | undefined;
  /** Services that have a ready endpoint at the address, in the order of their names. */
  servicesWithEndpoint(address: string): readonly ServiceNames[];
  /** Goes up with every change that an answer could show. */
  changes(): number;
}

interface Index {
  readonly services: Map<string, ServiceNames>;
  readonly namespaces: Set<string>;
  readonly slices: Map<string, EndpointSlice>;
  /** Service -> its slices. */
  readonly slicesOf: MultiMap;
  /** Endpoint address -> slices that name it. */
  readonly slicesAt: MultiMap;
  /** Cluster IP -> Services. */
  readonly servicesAt: MultiMap;
  /** Made on demand, dropped when a slice of the Service changes. */
  readonly endpointSets: Map<string, EndpointSet>;
  nChanges: number;
}

const NO_ENDPOINTS: EndpointSet = endpointSetOf([]);

export function createClusterIndex(): ClusterIndex {
  const index: Index = {
    services: new Map(),
    namespaces: new Set(),
    slices: new Map(),
    slicesOf: createMultiMap(),
    slicesAt: createMultiMap(),
    servicesAt: createMultiMap(),
    endpointSets: new Map(),
    nChanges: 0,
  };
  return {
    setService: (key, service) => setService(index, key, service),
    setSlice: (key, slice) => setSlice(index, key, slice),
    setNamespace: (name, isThere) => {
      if (index.namespaces.has(name) === isThere) return;
      index.nChanges++;
      if (isThere) index.namespaces.add(name);
      else index.namespaces.delete(name);
    },
    view: {
      hasNamespace: (name) => index.namespaces.has(name),
      service: (key) => index.services.get(key),
      endpoints: (key) => endpointsOf(index, key),
      serviceAt: (address) => {
        const [first] = [...index.servicesAt.values(address)].sort();
        return first === undefined ? undefined : index.services.get(first);
      },
      servicesWithEndpoint: (address) => servicesWithEndpoint(index, address),
      changes: () => index.nChanges,
    },
  };
}

function setService(index: Index, key: string, service: Service | undefined): void {
  const before = index.services.get(key);
  const after = service === undefined ? undefined : serviceNames(service);
  if (JSON.stringify(before) === JSON.stringify(after)) return;
  index.nChanges++;
  for (const address of addressesOf(before)) index.servicesAt.remove(address, key);
  for (const address of addressesOf(after)) index.servicesAt.add(address, key);
  if (after === undefined) index.services.delete(key);
  else index.services.set(key, after);
}

const addressesOf = (names: ServiceNames | undefined): readonly string[] =>
  names?.kind === 'clusterIP' ? [...names.ipv4, ...names.ipv6] : [];

function setSlice(index: Index, key: string, slice: EndpointSlice | undefined): void {
  const before = index.slices.get(key);
  if (before !== undefined) {
    const owner = ownerOf(before);
    index.slicesOf.remove(owner, key);
    index.endpointSets.delete(owner);
    for (const address of endpointAddresses(before)) index.slicesAt.remove(address, key);
  }
  if (slice === undefined) index.slices.delete(key);
  else {
    const owner = ownerOf(slice);
    index.slices.set(key, slice);
    index.slicesOf.add(owner, key);
    index.endpointSets.delete(owner);
    for (const address of endpointAddresses(slice)) index.slicesAt.add(address, key);
  }
  if (shown(before) !== shown(slice)) index.nChanges++;
}

/** What of a slice an answer can show: its readiness conditions, not who reported them when. */
function shown(slice: EndpointSlice | undefined): string {
  if (slice === undefined) return '';
  const { endpoints, ports, addressType } = slice;
  const ready = (endpoints ?? []).map((e) => [e.addresses, e.hostname, e.conditions?.ready ?? true]);
  return JSON.stringify([ownerOf(slice), addressType, ports, ready]);
}

/** '' when it belongs to no Service. */
function ownerOf(slice: EndpointSlice): string {
  const name = slice.metadata.labels?.[LABEL_SERVICE_NAME];
  return name === undefined ? '' : `${slice.metadata.namespace ?? ''}/${name}`;
}

function endpointAddresses(slice: EndpointSlice): readonly string[] {
  return (slice.endpoints ?? []).flatMap((endpoint) =>
    endpoint.addresses.map((text) => parseIp(text)?.text ?? text),
  );
}

function endpointsOf(index: Index, key: string): EndpointSet {
  const known = index.endpointSets.get(key);
  if (known !== undefined) return known;
  const slices = [...index.slicesOf.values(key)].sort().map((slice) => index.slices.get(slice));
  if (slices.length === 0) return NO_ENDPOINTS;
  const made = endpointSetOf(slices.filter((slice) => slice !== undefined));
  index.endpointSets.set(key, made);
  return made;
}

function servicesWithEndpoint(index: Index, address: string): readonly ServiceNames[] {
  const keys = new Set<string>();
  for (const sliceKey of index.slicesAt.values(address)) {
    const slice = index.slices.get(sliceKey);
    if (slice !== undefined) keys.add(ownerOf(slice));
  }
  return [...keys]
    .sort()
    .filter((key) => endpointsOf(index, key).byAddress.has(address))
    .map((key) => index.services.get(key))
    .filter((names) => names !== undefined);
}

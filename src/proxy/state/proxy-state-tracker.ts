import type { Service } from '../../api/core/v1/service.ts';
import type { EndpointSlice } from '../../api/discovery/v1/endpoint-slice.ts';
import { deepEqual } from '../../base/deep-equal.ts';
import { createMultiMap } from '../../base/multi-map.ts';
import type { MultiMap } from '../../base/multi-map.ts';
import type { IpFamily } from '../../net/ip.ts';
import { createClaims } from './claims.ts';
import type { Claim, Claims } from './claims.ts';
import { decideFrontends, endpointCandidates } from './endpoints.ts';
import type { ProxyNode, ProxyState, ServicePort } from './model.ts';
import { clusterIpsOf, servicePortIds, servicePortSpecs } from './service-port.ts';
import type { ServicePortSpec } from './service-port.ts';
import { createSliceIndex } from './slice-index.ts';
import type { SliceIndex } from './slice-index.ts';

export interface ProxyStateChange {
  /** `services` is a live view without an order: it changes with the next `take`, not before. */
  readonly state: ProxyState;
  /** Ids that are new, different or gone since the last `take`; undefined = the node changed: look at everything. */
  readonly changed: ReadonlySet<string> | undefined;
}

/**
 * Keeps the ProxyState of one family while Services and slices come and go in any order. The setters only note what was
 * touched; `take` decides again for those Services alone, so a change costs what it touches.
 * Keys are `namespace/name` of the object; undefined = it is gone.
 */
export interface ProxyStateTracker {
  setService(key: string, service: Service | undefined): void;
  setSlice(key: string, slice: EndpointSlice | undefined): void;
  setNode(node: ProxyNode): void;
  take(): ProxyStateChange;
}

interface Tracking {
  readonly family: IpFamily;
  node: ProxyNode;
  hasNewNode: boolean;
  /** By key, as last set. */
  readonly objects: Map<string, Service>;
  readonly slices: SliceIndex;
  /** Cluster IP -> Services that own it. */
  readonly virtualIps: MultiMap;
  readonly claims: Claims;
  readonly services: Map<string, ServicePort>;
  /** Services to decide again. */
  readonly dirty: Set<string>;
  /** Ids of Services removed or replaced since the last `take`. */
  readonly stale: Set<string>;
}

export function createProxyStateTracker(options: {
  readonly family: IpFamily;
  readonly node: ProxyNode;
}): ProxyStateTracker {
  const tracking: Tracking = {
    ...options,
    hasNewNode: false,
    objects: new Map(),
    slices: createSliceIndex(options.family),
    virtualIps: createMultiMap(),
    claims: createClaims(),
    services: new Map(),
    dirty: new Set(),
    stale: new Set(),
  };
  return {
    setService: (key, service) => setService(tracking, key, service),
    setSlice: (key, slice) => {
      for (const service of tracking.slices.set(key, slice)) tracking.dirty.add(service);
    },
    setNode: (node) => setNode(tracking, node),
    take: () => take(tracking),
  };
}

function setService(tracking: Tracking, key: string, service: Service | undefined): void {
  const { family, objects, stale, dirty } = tracking;
  const previous = objects.get(key);
  const before = previous === undefined ? [] : clusterIpsOf(previous, family);
  const after = service === undefined ? [] : clusterIpsOf(service, family);
  for (const ip of before) if (!after.includes(ip)) setVirtual(tracking, ip, { key, isVirtual: false });
  for (const ip of after) if (!before.includes(ip)) setVirtual(tracking, ip, { key, isVirtual: true });
  if (previous !== undefined) for (const id of servicePortIds(previous)) stale.add(id);
  if (service === undefined) objects.delete(key);
  else objects.set(key, service);
  dirty.add(key);
}

/** Whoever has an address as an endpoint that becomes or ceases to be virtual must decide again. */
function setVirtual(tracking: Tracking, ip: string, change: { key: string; isVirtual: boolean }): void {
  if (change.isVirtual) tracking.virtualIps.add(ip, change.key);
  else tracking.virtualIps.remove(ip, change.key);
  for (const owner of tracking.slices.servicesAt(ip)) tracking.dirty.add(owner);
}

function setNode(tracking: Tracking, next: ProxyNode): void {
  if (deepEqual(tracking.node, next)) return;
  // Only the name decides which endpoints are local.
  if (next.name !== tracking.node.name) for (const key of tracking.objects.keys()) tracking.dirty.add(key);
  tracking.node = next;
  tracking.hasNewNode = true;
}

function take(tracking: Tracking): ProxyStateChange {
  const { family, node, objects, services, dirty, stale, claims } = tracking;
  const specsOf = (key: string): readonly ServicePortSpec[] => {
    const service = objects.get(key);
    return service === undefined ? [] : servicePortSpecs(service, family);
  };
  // First all claims, then all decisions: a claim that changes hands concerns Services that were not touched. The specs
  // are made twice rather than kept: tens of thousands of them would outlive the young generation.
  for (const key of [...dirty]) {
    const created = objects.get(key)?.metadata.creationTimestamp ?? '';
    for (const other of claims.replace(key, claimsOf(specsOf(key), { owner: key, created })))
      dirty.add(other);
  }
  const changed = new Set<string>();
  for (const key of dirty) {
    for (const spec of specsOf(key)) {
      stale.delete(spec.id);
      const next = decide(tracking, key, spec);
      if (deepEqual(services.get(spec.id), next)) continue;
      services.set(spec.id, next);
      changed.add(spec.id);
    }
  }
  for (const id of stale) if (services.delete(id)) changed.add(id);
  dirty.clear();
  stale.clear();
  const result = { state: { family, node, services }, changed: tracking.hasNewNode ? undefined : changed };
  tracking.hasNewNode = false;
  return result;
}

function claimsOf(specs: readonly ServicePortSpec[], by: { owner: string; created: string }): Claim[] {
  const claims: Claim[] = [];
  for (const { id, frontends, keys } of specs) {
    for (const [i, frontend] of frontends.entries()) {
      const key = keys[i] ?? '';
      claims.push({
        owner: by.owner,
        id,
        key,
        isClusterIp: frontend.kind === 'clusterIP',
        created: by.created,
      });
    }
  }
  return claims;
}

function decide(tracking: Tracking, key: string, spec: ServicePortSpec): ServicePort {
  const { family, node, slices, claims, virtualIps } = tracking;
  const { id, namespace, name, portName, protocol, affinitySeconds } = spec;
  const held = spec.frontends.filter((_, i) => claims.holder(spec.keys[i] ?? '') === id);
  const isVirtual = (address: string): boolean => virtualIps.has(address);
  const query = { family, portName, protocol, nodeName: node.name, isVirtual };
  const frontends = decideFrontends(spec, held, endpointCandidates(slices.of(key), query));
  return { id, namespace, name, portName, protocol, affinitySeconds, frontends };
}

import type { Service } from '../../api/core/v1/service.ts';
import type { EndpointSlice } from '../../api/discovery/v1/endpoint-slice.ts';
import { deepEqual } from '../../base/deep-equal.ts';
import { createMultiMap } from '../../base/multi-map.ts';
import type { MultiMap } from '../../base/multi-map.ts';
import type { IpFamily } from '../../net/ip.ts';
import { createClaims } from './claims.ts';
import type { Claim, Claims } from './claims.ts';
import { decideFrontends } from './decision.ts';
import { endpointCandidates } from './endpoints.ts';
import type { EndpointCandidate } from './endpoints.ts';
import { explainService } from './explain.ts';
import type { ServiceExplanation } from './explain.ts';
import { healthCheckOf } from './health-check.ts';
import type { HealthCheck } from './health-check.ts';
import type { ProxyNode, ProxyState, ServicePort } from './model.ts';
import { problemsOf } from './problems.ts';
import { claimedOwner, isOfAnother, serviceFault, sliceFault } from './shape.ts';
import { clusterIpsOf, servicePortIds, serviceSpec } from './service-port.ts';
import type { ServicePortSpec, ServiceSpec, ServiceView } from './service-port.ts';
import { createSliceIndex } from './slice-index.ts';
import type { SliceIndex } from './slice-index.ts';

export interface ProxyStateChange {
  /** `services` is a live view without an order: it changes with the next `settle` or `take`, not before. */
  readonly state: ProxyState;
  /** Ids that are new, different or gone since the last `take`; undefined = the node changed: look at everything. */
  readonly changed: ReadonlySet<string> | undefined;
  /** Services with a health-check node port, by key; a live view as `services`. */
  readonly healthChecks: ReadonlyMap<string, HealthCheck>;
  /** What is newly ignored, by Service, for the log and the Service's events. */
  readonly problems: readonly ServiceProblem[];
}

export interface ServiceProblem {
  /** `namespace/name`. */
  readonly service: string;
  /** A sentence without its full stop. */
  readonly message: string;
}

/**
 * Keeps the ProxyState of one family while Services and slices come and go in any order. The setters only note what was
 * touched; `settle` and `take` decide again for those Services alone, so a change costs what it touches.
 * Keys are `namespace/name` of the object; undefined = it is gone.
 */
export interface ProxyStateTracker {
  setService(key: string, service: Service | undefined): void;
  setSlice(key: string, slice: EndpointSlice | undefined): void;
  setNode(node: ProxyNode): void;
  /** Decides again about at most so many Services of those that were touched, and says whether none is left. */
  settle(nServices: number): boolean;
  /** Decides about all that are left. */
  take(): ProxyStateChange;
  /** Why everything about a Service is as it was last taken; undefined = there is no such Service. */
  explain(key: string): ServiceExplanation | undefined;
}

export interface ProxyStateTrackerOptions {
  readonly family: IpFamily;
  readonly node: ProxyNode;
  /** Serves Services labelled service.kubernetes.io/service-proxy-name with this; default: those without the label. */
  readonly serviceProxyName?: string;
}

interface Tracking {
  view: ServiceView;
  node: ProxyNode;
  hasNewNode: boolean;
  /** By key, as last set. */
  readonly objects: Map<string, Service>;
  readonly slices: SliceIndex;
  /** Cluster IP -> Services that own it. */
  readonly virtualIps: MultiMap;
  readonly claims: Claims;
  readonly services: Map<string, ServicePort>;
  readonly healthChecks: Map<string, HealthCheck>;
  /** Of those Services alone that have some. */
  readonly problems: Map<string, readonly string[]>;
  /** Services whose claims may differ. */
  readonly unclaimed: Set<string>;
  /** Services to decide again. */
  readonly dirty: Set<string>;
  /** Ids that were decided otherwise since the last `take`. */
  changed: Set<string>;
  newProblems: ServiceProblem[];
  /** Ids of Services removed or replaced since the last `take`. */
  readonly stale: Set<string>;
}

const viewOf = ({ family, node, serviceProxyName }: ProxyStateTrackerOptions): ServiceView => ({
  family,
  ...(serviceProxyName === undefined ? {} : { serviceProxyName }),
  ...(node.ip === undefined ? {} : { nodeIp: node.ip }),
});

export function createProxyStateTracker(options: ProxyStateTrackerOptions): ProxyStateTracker {
  const { family } = options;
  const tracking: Tracking = {
    view: viewOf(options),
    node: options.node,
    hasNewNode: false,
    objects: new Map(),
    slices: createSliceIndex(family),
    virtualIps: createMultiMap(),
    claims: createClaims(),
    services: new Map(),
    healthChecks: new Map(),
    problems: new Map(),
    unclaimed: new Set(),
    dirty: new Set(),
    changed: new Set(),
    newProblems: [],
    stale: new Set(),
  };
  return {
    setService: (key, service) => {
      const fault = service && serviceFault(service);
      if (fault !== undefined)
        ignore(tracking, key, `the Service is ignored: ${fault} is not as the API has it`);
      setService(tracking, key, fault === undefined ? service : undefined);
    },
    setSlice: (key, told) => {
      // Who serves the other family looks at those of the other family.
      const fault = told === undefined || isOfAnother(family, told) ? undefined : sliceFault(told);
      if (told !== undefined && fault !== undefined) {
        const message = `EndpointSlice ${key} is ignored: ${fault} is not as the API has it`;
        ignore(tracking, claimedOwner(told) ?? key, message);
      }
      const slice = fault === undefined ? told : undefined;
      for (const service of tracking.slices.set(key, slice)) tracking.dirty.add(service);
    },
    setNode: (node) => {
      setNode(tracking, node);
      tracking.view = viewOf({ ...options, node });
    },
    settle: (nServices) => settle(tracking, nServices),
    take: () => take(tracking),
    explain: (key) => explain(tracking, key),
  };
}

/** What cannot be looked at as a whole. */
function ignore({ newProblems }: Tracking, service: string, message: string): void {
  newProblems.push({ service, message });
}

function setService(tracking: Tracking, key: string, service: Service | undefined): void {
  const { view, objects, stale, dirty, unclaimed } = tracking;
  const previous = objects.get(key);
  const before = previous === undefined ? [] : clusterIpsOf(previous, view);
  const after = service === undefined ? [] : clusterIpsOf(service, view);
  for (const ip of before) if (!after.includes(ip)) setVirtual(tracking, ip, { key, isVirtual: false });
  for (const ip of after) if (!before.includes(ip)) setVirtual(tracking, ip, { key, isVirtual: true });
  if (previous !== undefined) for (const id of servicePortIds(previous)) stale.add(id);
  if (service === undefined) objects.delete(key);
  else objects.set(key, service);
  unclaimed.add(key);
  dirty.add(key);
}

/** Whoever has an address as an endpoint that becomes or ceases to be virtual must decide again. */
function setVirtual(tracking: Tracking, ip: string, change: { key: string; isVirtual: boolean }): void {
  if (change.isVirtual) tracking.virtualIps.add(ip, change.key);
  else tracking.virtualIps.remove(ip, change.key);
  for (const owner of tracking.slices.servicesAt(ip)) tracking.dirty.add(owner);
}

/** What of the node the decisions look at. */
const decisive = ['name', 'zone', 'ip', 'masqueradesAll'] as const;

function setNode(tracking: Tracking, next: ProxyNode): void {
  if (deepEqual(tracking.node, next)) return;
  if (decisive.some((key) => next[key] !== tracking.node[key]))
    for (const key of tracking.objects.keys()) tracking.dirty.add(key);
  tracking.node = next;
  tracking.hasNewNode = true;
}

const noSpec: ServiceSpec = { ports: [], weights: new Map(), problems: [] };

function specOf({ objects, view }: Tracking, key: string): ServiceSpec {
  const service = objects.get(key);
  return service === undefined ? noSpec : serviceSpec(service, view);
}

/**
 * First all claims, then all decisions: a claim that changes hands concerns Services that were not touched. The specs are made twice
 * rather than kept: tens of thousands of them would outlive the young generation.
 */
function settle(tracking: Tracking, nServices: number): boolean {
  const { objects, unclaimed, dirty, claims } = tracking;
  let left = nServices;
  for (const key of unclaimed) {
    if (left-- <= 0) return false;
    unclaimed.delete(key);
    const created = objects.get(key)?.metadata.creationTimestamp ?? '';
    const wanted = claimsOf(specOf(tracking, key).ports, { owner: key, created });
    for (const other of claims.replace(key, wanted)) dirty.add(other);
  }
  for (const key of dirty) {
    if (left-- <= 0) return false;
    dirty.delete(key);
    decide(tracking, key);
  }
  return true;
}

function take(tracking: Tracking): ProxyStateChange {
  settle(tracking, Infinity);
  const { view, node, services, healthChecks, stale, changed, newProblems: problems } = tracking;
  for (const id of stale) if (services.delete(id)) changed.add(id);
  stale.clear();
  const state = { family: view.family, node, services };
  const result = { state, changed: tracking.hasNewNode ? undefined : changed, healthChecks, problems };
  tracking.hasNewNode = false;
  tracking.changed = new Set();
  tracking.newProblems = [];
  return result;
}

function claimsOf(
  specs: readonly ServicePortSpec[],
  by: { readonly owner: string; readonly created: string },
): Claim[] {
  return specs.flatMap(({ id, protocol, frontends }) =>
    frontends.map((frontend) => ({ ...by, id, protocol, frontend })),
  );
}

/** Brings all that is known of one Service up to date, and notes what is new. */
function decide(tracking: Tracking, key: string): void {
  const { services, stale, healthChecks, objects } = tracking;
  const spec = specOf(tracking, key);
  const offered: EndpointCandidate[][] = [];
  for (const port of spec.ports) {
    stale.delete(port.id);
    const candidates = candidatesOf(tracking, { key, port, weights: spec.weights });
    offered.push(candidates);
    const next = decidePort(tracking, port, candidates);
    if (deepEqual(services.get(port.id), next)) continue;
    services.set(port.id, next);
    tracking.changed.add(port.id);
  }
  const service = objects.get(key);
  const check = service && spec.ports.length > 0 ? healthCheckOf(service, offered) : undefined;
  if (check === undefined) healthChecks.delete(key);
  else healthChecks.set(key, check);
  noteProblems(tracking, key, { spec, offered });
}

function noteProblems(
  { claims, slices, problems, newProblems }: Tracking,
  key: string,
  { spec, offered }: { readonly spec: ServiceSpec; readonly offered: readonly EndpointCandidate[][] },
): void {
  const before = problems.get(key) ?? [];
  const after =
    spec.ports.length === 0 ? spec.problems : problemsOf(spec, { offered, claims, slices: slices.of(key) });
  for (const message of after) if (!before.includes(message)) newProblems.push({ service: key, message });
  if (after.length === 0) problems.delete(key);
  else problems.set(key, after);
}

interface PortOfService {
  readonly key: string;
  readonly port: ServicePortSpec;
  readonly weights: ReadonlyMap<string, number>;
}

function candidatesOf(
  { view: { family }, node, slices, virtualIps }: Tracking,
  { key, port: { portName, protocol }, weights }: PortOfService,
): EndpointCandidate[] {
  const isVirtual = (address: string): boolean => virtualIps.has(address);
  return endpointCandidates(slices.of(key), {
    family,
    portName,
    protocol,
    nodeName: node.name,
    weights,
    isVirtual,
    isLoopbackUsable: node.hasLoopbackEndpoints,
  });
}

function decidePort(
  { node, claims }: Tracking,
  spec: ServicePortSpec,
  candidates: readonly EndpointCandidate[],
): ServicePort {
  const { id, namespace, name, portName, protocol, affinitySeconds, healthCheckPort, balancing } = spec;
  const held = spec.frontends.filter((frontend) => claims.holder(protocol, frontend) === id);
  const frontends = decideFrontends(spec, held, { candidates, node });
  return {
    id,
    namespace,
    name,
    portName,
    protocol,
    affinitySeconds,
    ...(healthCheckPort === undefined ? {} : { healthCheckPort }),
    ...(balancing === undefined ? {} : { balancing }),
    frontends,
  };
}

function explain(tracking: Tracking, key: string): ServiceExplanation | undefined {
  const { objects, node, view, claims, problems } = tracking;
  const service = objects.get(key);
  if (service === undefined) return undefined;
  const spec = specOf(tracking, key);
  return explainService(service, {
    spec,
    view,
    node,
    problems: problems.get(key) ?? [],
    candidates: (port) => candidatesOf(tracking, { key, port, weights: spec.weights }),
    holder: (protocol, frontend) => claims.holder(protocol, frontend),
  });
}

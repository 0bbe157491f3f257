import type { Service } from '../../../api/core/v1/service.ts';
import { invalidValue, type FieldError } from '../../../api/errors/field-error.ts';
import { type IPAddress, ipAddresses } from '../../../api/networking/v1/ip-address.ts';
import { apiVersionOf } from '../../../api/kind.ts';
import { familyOf } from '../../../net/ip.ts';
import type { IpFamily } from '../../../net/ip.ts';
import { sloppyIp } from '../rules/addresses.ts';
import { objectPrefix } from '../../cache/stored-object.ts';
import type { Change, Claim, ClaimPlan } from '../strategy.ts';
import {
  allocatesNodePorts,
  clusterIPsOf,
  isHeadless,
  needsClusterIP,
  needsHealthCheckNodePort,
  needsNodePort,
  portsOf,
  withSpec,
} from './service-type.ts';

/**
 * Addresses and node ports belong to the Service that holds their key in the store: an address's key is that of its
 * IPAddress object. The keys are written in the same commit as the Service and only where they are absent, so two
 * servers can never hand out the same one, and nothing has to be rolled back.
 */
const ADDRESS_PREFIX = objectPrefix(ipAddresses);
export const NODE_PORT_PREFIX = '/claims/nodeports/';
export const addressKey = (ip: string): string => ADDRESS_PREFIX + ip;
export const nodePortKey = (port: number): string => `${NODE_PORT_PREFIX}${port}`;

/** A number of 0 to n - 1. */
export type Random = (n: number) => number;

/** Who manages the IPAddress objects of Services, as their label says it. */
export const ALLOCATOR = 'ipallocator.k8s.io';
export const MANAGED_BY_LABEL = 'ipaddress.kubernetes.io/managed-by';
export const FAMILY_LABEL = 'ipaddress.kubernetes.io/ip-family';

/** The object that says that the address is the Service's; the server adds uid and time when it writes it. */
export const addressObject = (ip: string, { metadata }: Service): IPAddress => ({
  apiVersion: apiVersionOf(ipAddresses),
  kind: ipAddresses.kind,
  metadata: {
    name: ip,
    labels: { [FAMILY_LABEL]: familyOf(ip), [MANAGED_BY_LABEL]: ALLOCATOR },
  },
  spec: {
    parentRef: {
      resource: 'services',
      ...(metadata.namespace === undefined ? {} : { namespace: metadata.namespace }),
      name: metadata.name,
    },
  },
});

/** Whether the object says that its address is this Service's. */
export function isHeldBy({ spec: { parentRef = {} } }: IPAddress, { metadata }: Service): boolean {
  const { group = '', resource, namespace, name } = parentRef;
  return (
    group === '' && resource === 'services' && namespace === metadata.namespace && name === metadata.name
  );
}

/** What is free, as far as this server has heard. Being wrong costs a second try, never a double allocation. */
export interface Pool<V> {
  /** As upstream's messages show it: 10.96.0.0/12, 30000-32767. */
  readonly range: string;
  contains(value: V): boolean;
  /**
   * A free value outside of the part kept for explicit choices, or inside when all else is taken; from a random start
   * upwards. `isTried` excludes more. Undefined when nothing is free.
   */
  findFree(isTried: (value: V) => boolean): V | undefined;
}

export interface AllocationContext {
  readonly addresses: Readonly<Partial<Record<IpFamily, Pool<string>>>>;
  /** Who has the address, as far as this server has heard; undefined: nobody. */
  readonly addressHolder: (ip: string) => IPAddress | undefined;
  readonly nodePorts: Pool<number>;
}

interface Planning extends AllocationContext {
  readonly tried: ReadonlySet<string>;
}

/** The keys a stored Service holds. */
export function claimKeysOf(service: Service): readonly string[] {
  const keys = new Set<string>();
  if (needsClusterIP(service)) {
    for (const ip of clusterIPsOf(service)) if (ip !== 'None') keys.add(addressKey(canonical(ip)));
  }
  if (needsNodePort(service)) {
    for (const { nodePort } of portsOf(service)) if (nodePort) keys.add(nodePortKey(nodePort));
  }
  const { healthCheckNodePort } = service.spec;
  if (needsHealthCheckNodePort(service) && healthCheckNodePort) keys.add(nodePortKey(healthCheckNodePort));
  return [...keys];
}

/** The keys that go with the Service: those it holds, save addresses that meanwhile are another object's. */
export function releasableKeysOf(
  service: Service,
  { addressHolder }: Pick<AllocationContext, 'addressHolder'>,
): readonly string[] {
  return claimKeysOf(service).filter((key) => {
    if (!key.startsWith(ADDRESS_PREFIX)) return true;
    const holder = addressHolder(key.slice(ADDRESS_PREFIX.length));
    return holder === undefined || isHeldBy(holder, service);
  });
}

export const canonical = (ip: string): string => sloppyIp(ip)?.text ?? ip;

/** A plan under way: what is held already, what is taken now, what went wrong. */
class Draft {
  readonly take = new Map<string, Claim>();
  readonly errors: FieldError[] = [];
  exhausted: string | undefined;
  private readonly held: ReadonlySet<string>;
  private readonly planning: Planning;

  constructor(prev: Service | undefined, planning: Planning) {
    this.held = new Set(prev === undefined ? [] : claimKeysOf(prev));
    this.planning = planning;
  }

  holds(key: string): boolean {
    return this.held.has(key);
  }

  has(key: string): boolean {
    return this.held.has(key) || this.take.has(key);
  }

  /** A key to take. */
  choose(claim: Claim): void {
    this.take.set(claim.key, claim);
  }

  /** Any free value; undefined (and `exhausted` set) when there is none. */
  pick<V>(pool: Pool<V>, keyOf: (value: V) => string, failure: string): V | undefined {
    const value = pool.findFree((v) => this.planning.tried.has(keyOf(v)) || this.has(keyOf(v)));
    if (value === undefined) this.exhausted ??= `${failure}: range is full`;
    else this.choose({ key: keyOf(value) });
    return value;
  }
}

/** The keys the change needs and those it gives up, with chosen values filled in. Expects a valid Service. */
export function planClaims({ next, prev }: Change<Service>, planning: Planning): ClaimPlan<Service> {
  const draft = new Draft(prev, planning);
  const withIPs = planClusterIPs(next, draft, planning);
  const withPorts = !needsNodePort(withIPs)
    ? withIPs
    : prev === undefined
      ? planNewNodePorts(withIPs, draft, planning)
      : planChangedNodePorts(withIPs, draft, planning);
  const object = planHealthCheckNodePort(withPorts, draft, planning);
  if (draft.errors.length > 0) return { refused: draft.errors };
  if (draft.exhausted !== undefined) return { exhausted: draft.exhausted };
  const kept = new Set(claimKeysOf(object));
  const release = prev === undefined ? [] : releasableKeysOf(prev, planning).filter((key) => !kept.has(key));
  return { object, take: [...draft.take.values()], release };
}

const addressClaim = (ip: string, service: Service): Claim => ({
  key: addressKey(ip),
  object: addressObject(ip, service),
});

function planClusterIPs(service: Service, draft: Draft, { addresses }: Planning): Service {
  if (!needsClusterIP(service) || isHeadless(service)) return service;
  const chosen = clusterIPsOf(service);
  const refuse = (ip: string, why: string): FieldError =>
    invalidValue('spec.clusterIPs', [...chosen], `failed to allocate IP ${ip}: ${why}`);
  const clusterIPs = (service.spec.ipFamilies ?? []).flatMap((family, i) => {
    const pool = family === 'IPv4' || family === 'IPv6' ? addresses[family] : undefined;
    const ip = chosen[i] ?? '';
    if (ip === '') {
      const free = pool && draft.pick(pool, addressKey, 'failed to allocate a serviceIP');
      if (free === undefined) return [];
      draft.choose(addressClaim(free, service));
      return [free];
    }
    const key = addressKey(canonical(ip));
    if (draft.holds(key)) return [ip];
    if (pool === undefined || !pool.contains(canonical(ip))) {
      const range = pool === undefined ? '' : ` The range of valid IPs is ${pool.range}`;
      draft.errors.push(refuse(ip, `the provided IP (${ip}) is not in the valid range.${range}`));
    } else {
      draft.choose({
        ...addressClaim(canonical(ip), service),
        refusal: refuse(ip, 'provided IP is already allocated'),
      });
    }
    return [ip];
  });
  return clusterIPs.length === 0 ? service : withSpec(service, { clusterIP: clusterIPs[0], clusterIPs });
}

/** Takes a node port the client asked for, unless it cannot be had. */
function chooseNodePort(
  draft: Draft,
  path: string,
  [port, { nodePorts }]: readonly [number, Planning],
): void {
  const refuse = (why: string): FieldError => invalidValue(path, port, why);
  if (!nodePorts.contains(port)) {
    const why = `provided port is not in the valid range. The range of valid ports is ${nodePorts.range}`;
    draft.errors.push(refuse(why));
    return;
  }
  const taken = refuse('provided port is already allocated');
  if (draft.has(nodePortKey(port))) draft.errors.push(taken);
  else draft.choose({ key: nodePortKey(port), refusal: taken });
}

/**
 * A new Service: one port number under several protocols shares one node port; one node port under two port numbers
 * is refused (upstream: initNodePorts).
 */
function planNewNodePorts(service: Service, draft: Draft, planning: Planning): Service {
  const byPort = new Map<number, number>();
  const requested = new Map<number, number>();
  for (const { port, nodePort } of portsOf(service)) {
    if (nodePort && !requested.has(port)) requested.set(port, nodePort);
  }
  const ports = portsOf(service).map((port, i) => {
    const path = `spec.ports[${i}].nodePort`;
    if (!port.nodePort && !allocatesNodePorts(service)) return port;
    const shared = byPort.get(port.port);
    if (shared !== undefined) {
      if (port.nodePort && port.nodePort !== shared) chooseNodePort(draft, path, [port.nodePort, planning]);
      return { ...port, nodePort: port.nodePort || shared };
    }
    const wanted = requested.get(port.port);
    if (wanted !== undefined) chooseNodePort(draft, path, [wanted, planning]);
    const nodePort = wanted ?? draft.pick(planning.nodePorts, nodePortKey, 'failed to allocate a nodePort');
    if (nodePort === undefined) return port;
    byPort.set(port.port, nodePort);
    return { ...port, nodePort };
  });
  return withSpec(service, { ports });
}

/** A changed Service: each port without a node port gets its own (upstream: updateNodePorts). */
function planChangedNodePorts(service: Service, draft: Draft, planning: Planning): Service {
  const ports = portsOf(service).map((port, i) => {
    if (port.nodePort) {
      if (!draft.has(nodePortKey(port.nodePort))) {
        chooseNodePort(draft, `spec.ports[${i}].nodePort`, [port.nodePort, planning]);
      }
      return port;
    }
    if (!allocatesNodePorts(service)) return port;
    const nodePort = draft.pick(planning.nodePorts, nodePortKey, 'failed to allocate a nodePort');
    return nodePort === undefined ? port : { ...port, nodePort };
  });
  return withSpec(service, { ports });
}

function planHealthCheckNodePort(service: Service, draft: Draft, planning: Planning): Service {
  if (!needsHealthCheckNodePort(service)) return service;
  const { healthCheckNodePort: chosen = 0 } = service.spec;
  if (chosen !== 0) {
    if (!draft.holds(nodePortKey(chosen)))
      chooseNodePort(draft, 'spec.healthCheckNodePort', [chosen, planning]);
    return service;
  }
  const port = draft.pick(planning.nodePorts, nodePortKey, 'failed to allocate a HealthCheck NodePort');
  return port === undefined ? service : withSpec(service, { healthCheckNodePort: port });
}

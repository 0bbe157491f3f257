import type { Service } from '../../api/core/v1/service.ts';
import { cidrContains, parseCidr } from '../../net/cidr.ts';
import { familyOf, parseIp } from '../../net/ip.ts';
import { isPort } from '../../net/port.ts';
import type { IpFamily } from '../../net/ip.ts';
import { formatPortRange, portRangeContains } from '../../net/port-range.ts';
import { ANNOTATION_PORT_RANGES, serviceSettings } from './annotations.ts';
import type { ServiceSettings } from './annotations.ts';
import { healthCheckPortOf } from './health-check.ts';
import type { Balancing, Frontend, Protocol } from './model.ts';

/** What a Service says about one of its ports, before any endpoint is looked at. */
export interface ServicePortSpec {
  readonly id: string;
  readonly namespace: string;
  readonly name: string;
  readonly portName: string;
  readonly protocol: Protocol;
  readonly affinitySeconds: number;
  readonly isInternalLocal: boolean;
  readonly isExternalLocal: boolean;
  readonly healthCheckPort?: number;
  readonly balancing?: Balancing;
  readonly frontends: readonly Frontend[];
  /** Who may use the frontends of kind loadBalancerIP; absent = everybody. */
  readonly allowedSources?: readonly string[];
}

/** The ports of a Service in one family, and what its annotations ask for. */
export interface ServiceSpec {
  readonly ports: readonly ServicePortSpec[];
  readonly weights: ReadonlyMap<string, number>;
  /** What was ignored, in words. */
  readonly problems: readonly string[];
}

/** Which Services are looked at, and for whom. */
export interface ServiceView {
  readonly family: IpFamily;
  /** Serves the Services that name this proxy, in place of those that name none. */
  readonly serviceProxyName?: string;
  /** The node's own address. */
  readonly nodeIp?: string;
}

/** Another proxy is responsible for Services and EndpointSlices that carry this label (kube-proxy's rule). */
export const LABEL_SERVICE_PROXY_NAME = 'service.kubernetes.io/service-proxy-name';
/** Marks the Endpoints and slices of headless Services, which no proxy serves. */
export const LABEL_HEADLESS = 'service.kubernetes.io/headless';

/** Kubernetes' default of sessionAffinityConfig.clientIP.timeoutSeconds: three hours. */
const DEFAULT_AFFINITY_SECONDS = 10800;
/** The API's limit: a day. */
const MAX_AFFINITY_SECONDS = 86_400;

/** Why a proxy has nothing to do for a Service; undefined: it has. */
export function whyNotProxied(
  { spec, metadata: { labels } }: Service,
  serviceProxyName: string | undefined,
): string | undefined {
  if (spec.type === 'ExternalName') return 'it is an ExternalName, which only DNS answers for';
  if (spec.clusterIP === 'None') return 'it is headless: clients reach its Pods directly';
  if (isAbsentAddress(spec.clusterIP)) return 'it has no cluster IP yet';
  const name = labels?.[LABEL_SERVICE_PROXY_NAME];
  if (name !== serviceProxyName) {
    return name === undefined
      ? `it is not labelled for this proxy, ${LABEL_SERVICE_PROXY_NAME}=${serviceProxyName}`
      : `its label ${LABEL_SERVICE_PROXY_NAME} leaves it to another proxy, ${name}`;
  }
  return labels?.[LABEL_HEADLESS] === undefined ? undefined : `it is labelled ${LABEL_HEADLESS}`;
}

const isAbsentAddress = (ip: string | undefined): boolean => ip === undefined || ip === '' || ip === 'None';

/** The canonical text of an address of this family; undefined for anything else. */
export function addressOf(family: IpFamily, text: string | undefined): string | undefined {
  if (text === undefined || familyOf(text) !== family) return undefined;
  return parseIp(text)?.text;
}

/** The cluster IPs of a proxied Service in one family; empty when it has none there. */
export function clusterIpsOf(service: Service, { family, serviceProxyName }: ServiceView): readonly string[] {
  if (whyNotProxied(service, serviceProxyName) !== undefined) return [];
  const { clusterIPs, clusterIP } = service.spec;
  const all = clusterIPs !== undefined && clusterIPs.length > 0 ? clusterIPs : [clusterIP];
  return canonical(family, all);
}

function canonical(family: IpFamily, texts: readonly (string | undefined)[]): string[] {
  const addresses: string[] = [];
  for (const text of texts) {
    const address = addressOf(family, text);
    if (address !== undefined && !addresses.includes(address)) addresses.push(address);
  }
  return addresses;
}

/**
 * Addresses the Service is reachable at from outside: those of load balancers that deliver packets unchanged. The type does not matter, as
 * with kube-proxy: a server may let controllers of load balancers give an address to a Service of any type.
 */
function loadBalancerIpsOf(service: Service, family: IpFamily): string[] {
  const ingress = service.status?.loadBalancer?.ingress ?? [];
  // ipMode Proxy: the load balancer itself ends the connection, so its address must not be short-cut (KEP-1860).
  return canonical(
    family,
    ingress.filter((entry) => entry.ipMode !== 'Proxy').map((entry) => entry.ip),
  );
}

const noSpec: ServiceSpec = { ports: [], weights: new Map(), problems: [] };

/**
 * What a Service asks for in one family; no ports when it is not proxied or has no cluster IP there.
 * Frontends come in the order clusterIP, externalIP, loadBalancerIP, nodePort, each address once.
 */
export function serviceSpec(service: Service, view: ServiceView): ServiceSpec {
  const clusterIps = clusterIpsOf(service, view);
  if (clusterIps.length === 0) return noSpec;
  const { spec, metadata } = service;
  const settings = serviceSettings(metadata.annotations);
  const shared: Shared = {
    service,
    addresses: frontendAddresses(service, view.family, clusterIps),
    settings,
    problems: [...settings.problems],
    affinitySeconds: affinitySecondsOf(service),
    allowedSources: allowedSourcesOf(service, view),
  };
  const ports: ServicePortSpec[] = [];
  const ids = new Set<string>();
  for (const port of spec.ports ?? []) {
    const id = servicePortId(service, port);
    if (!isPort(port.port)) {
      shared.problems.push(
        `the port ${JSON.stringify(port.name ?? '')} is ignored: ${String(port.port)} is no port number`,
      );
      continue;
    }
    if (!ids.has(id)) ports.push(portSpec(id, port, shared));
    ids.add(id);
  }
  for (const name of settings.ranges.keys()) {
    if (!ports.some(({ portName }) => portName === name))
      shared.problems.push(
        `annotation ${ANNOTATION_PORT_RANGES} names the port ${JSON.stringify(name)}, which is not there`,
      );
  }
  return { ports, weights: settings.weights, problems: shared.problems };
}

/** What the ports of one Service have in common. */
interface Shared {
  readonly service: Service;
  readonly addresses: readonly FrontendAddress[];
  readonly settings: ServiceSettings;
  readonly problems: string[];
  readonly affinitySeconds: number;
  readonly allowedSources: readonly string[] | undefined;
}

function portSpec(id: string, port: Port, shared: Shared): ServicePortSpec {
  const { service, addresses, affinitySeconds, allowedSources } = shared;
  const { spec, metadata } = service;
  const { balancing } = shared.settings;
  const healthCheckPort = healthCheckPortOf(service);
  const numbers = rangeOf(port, shared) ?? { port: port.port };
  const frontends: Frontend[] = addresses.map(({ kind, ip }) => ({ kind, ip, ...numbers }));
  if (port.nodePort !== undefined && port.nodePort !== 0) {
    if (isPort(port.nodePort)) frontends.push({ kind: 'nodePort', port: port.nodePort });
    else shared.problems.push(`the node port ${String(port.nodePort)} is ignored: it is no port number`);
  }
  return {
    id,
    namespace: metadata.namespace ?? '',
    name: metadata.name,
    portName: port.name ?? '',
    protocol: protocolOf(port),
    affinitySeconds,
    isInternalLocal: spec.internalTrafficPolicy === 'Local',
    isExternalLocal: spec.externalTrafficPolicy === 'Local',
    ...(healthCheckPort === undefined ? {} : { healthCheckPort }),
    ...(balancing === undefined ? {} : { balancing }),
    frontends,
    ...(allowedSources === undefined ? {} : { allowedSources }),
  };
}

/** The range that the annotation gives a port, unless the port lies outside or another port of the Service inside. */
function rangeOf(
  port: Port,
  { service, settings, problems }: Shared,
): { readonly port: number; readonly endPort: number } | undefined {
  const range = settings.ranges.get(port.name ?? '');
  if (range === undefined) return undefined;
  const isInside = (number: number): boolean => portRangeContains(range, number);
  const others = (service.spec.ports ?? []).filter(
    (other) => other !== port && protocolOf(other) === protocolOf(port),
  );
  const ignored = (why: string): undefined => {
    problems.push(
      `the range ${formatPortRange(range)} of the port ${JSON.stringify(port.name ?? '')} is ignored: ${why}`,
    );
  };
  if (!isInside(port.port)) return ignored(`its number ${port.port} lies outside`);
  const covered = others.find((other) => isInside(other.port));
  if (covered !== undefined) return ignored(`it covers the port ${covered.port} of the same Service`);
  return { port: range.first, endPort: range.first + range.size - 1 };
}

/**
 * As kube-proxy reads loadBalancerSourceRanges: white space around a block is forgiven, blocks of the other family do not count,
 * and none left means everybody. Where the node may, its packets to a load balancer's address of its own may too, which come from there.
 */
function allowedSourcesOf(service: Service, { family, nodeIp }: ServiceView): readonly string[] | undefined {
  const cidrs = (service.spec.loadBalancerSourceRanges ?? [])
    .map((text) => parseCidr(text.trim()))
    .filter((cidr) => cidr?.family === family);
  if (cidrs.length === 0) return undefined;
  const node = nodeIp === undefined ? undefined : parseIp(nodeIp);
  const isNodeAllowed = node !== undefined && cidrs.some((cidr) => cidr && cidrContains(cidr, node));
  const own = isNodeAllowed ? loadBalancerIpsOf(service, family) : [];
  const bits = family === 'IPv4' ? 32 : 128;
  return [...new Set([...cidrs.map((cidr) => cidr?.text ?? ''), ...own.map((ip) => `${ip}/${bits}`)])].sort();
}

/** The ids of all its ports, proxied or not. */
export function servicePortIds(service: Service): readonly string[] {
  return (service.spec.ports ?? []).map((port) => servicePortId(service, port));
}

type Port = NonNullable<Service['spec']['ports']>[number];

/** The API server admits no other protocol; an unknown one would be TCP's default. */
function protocolOf(port: Port): Protocol {
  return port.protocol === 'UDP' || port.protocol === 'SCTP' ? port.protocol : 'TCP';
}

function servicePortId({ metadata }: Service, port: Port): string {
  return `${metadata.namespace ?? ''}/${metadata.name}:${port.name ?? ''}/${protocolOf(port)}`;
}

interface FrontendAddress {
  readonly kind: 'clusterIP' | 'externalIP' | 'loadBalancerIP';
  readonly ip: string;
}

function frontendAddresses(
  service: Service,
  family: IpFamily,
  clusterIps: readonly string[],
): readonly FrontendAddress[] {
  const addresses: FrontendAddress[] = [];
  const add = (kind: FrontendAddress['kind'], ips: readonly string[]): void => {
    for (const ip of ips) if (!addresses.some((other) => other.ip === ip)) addresses.push({ kind, ip });
  };
  add('clusterIP', clusterIps);
  add('externalIP', canonical(family, service.spec.externalIPs ?? []));
  add('loadBalancerIP', loadBalancerIpsOf(service, family));
  return addresses;
}

function affinitySecondsOf(service: Service): number {
  if (service.spec.sessionAffinity !== 'ClientIP') return 0;
  const seconds = service.spec.sessionAffinityConfig?.clientIP?.timeoutSeconds ?? DEFAULT_AFFINITY_SECONDS;
  const isAllowed = Number.isInteger(seconds) && seconds > 0 && seconds <= MAX_AFFINITY_SECONDS;
  return isAllowed ? seconds : DEFAULT_AFFINITY_SECONDS;
}

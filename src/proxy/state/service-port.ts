import type { Service } from '../../api/core/v1/service.ts';
import { parseIp } from '../../net/ip.ts';
import type { IpFamily } from '../../net/ip.ts';
import { frontendKey } from './claims.ts';
import type { Frontend, Protocol } from './model.ts';

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
  readonly frontends: readonly Frontend[];
  /** frontendKey of each, in the same order. */
  readonly keys: readonly string[];
}

/** Another proxy is responsible for Services and EndpointSlices that carry this label (kube-proxy's rule). */
export const LABEL_SERVICE_PROXY_NAME = 'service.kubernetes.io/service-proxy-name';
/** Marks the Endpoints and slices of headless Services, which no proxy serves. */
export const LABEL_HEADLESS = 'service.kubernetes.io/headless';

/** Kubernetes' default of sessionAffinityConfig.clientIP.timeoutSeconds: three hours. */
const DEFAULT_AFFINITY_SECONDS = 10800;

/** Whether a proxy has anything to do for the Service: not headless, no ExternalName, not another proxy's. */
export function isProxied(service: Service): boolean {
  const { spec, metadata } = service;
  if (spec.type === 'ExternalName' || isAbsentAddress(spec.clusterIP)) return false;
  return (
    metadata.labels?.[LABEL_SERVICE_PROXY_NAME] === undefined &&
    metadata.labels?.[LABEL_HEADLESS] === undefined
  );
}

const isAbsentAddress = (ip: string | undefined): boolean => ip === undefined || ip === '' || ip === 'None';

/** The canonical text of an address of this family; undefined for anything else. */
export function addressOf(family: IpFamily, text: string | undefined): string | undefined {
  if (text === undefined || text.includes(':') !== (family === 'IPv6')) return undefined;
  return parseIp(text)?.text;
}

/** The cluster IPs of a proxied Service in one family; empty when it has none there. */
export function clusterIpsOf(service: Service, family: IpFamily): readonly string[] {
  if (!isProxied(service)) return [];
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

/** Addresses the Service is reachable at from outside: those of load balancers that deliver packets unchanged. */
function loadBalancerIpsOf(service: Service, family: IpFamily): string[] {
  if (service.spec.type !== 'LoadBalancer') return [];
  const ingress = service.status?.loadBalancer?.ingress ?? [];
  // ipMode Proxy: the load balancer itself ends the connection, so its address must not be short-cut (KEP-1860).
  return canonical(
    family,
    ingress.filter((entry) => entry.ipMode !== 'Proxy').map((entry) => entry.ip),
  );
}

/**
 * The ports of a Service in one family; empty when it is not proxied or has no cluster IP there.
 * Frontends come in the order clusterIP, externalIP, loadBalancerIP, nodePort, each address once.
 */
export function servicePortSpecs(service: Service, family: IpFamily): readonly ServicePortSpec[] {
  const clusterIps = clusterIpsOf(service, family);
  if (clusterIps.length === 0) return [];
  const { spec, metadata } = service;
  const addresses = frontendAddresses(service, family, clusterIps);
  const affinitySeconds = affinitySecondsOf(service);
  const specs: ServicePortSpec[] = [];
  for (const port of spec.ports ?? []) {
    const id = servicePortId(service, port);
    if (specs.some((other) => other.id === id)) continue;
    const protocol = protocolOf(port);
    const frontends: Frontend[] = addresses.map(({ kind, ip }) => ({ kind, ip, port: port.port }));
    if (port.nodePort !== undefined && port.nodePort > 0) {
      frontends.push({ kind: 'nodePort', port: port.nodePort });
    }
    specs.push({
      id,
      namespace: metadata.namespace ?? '',
      name: metadata.name,
      portName: port.name ?? '',
      protocol,
      affinitySeconds,
      isInternalLocal: spec.internalTrafficPolicy === 'Local',
      isExternalLocal: spec.externalTrafficPolicy === 'Local',
      frontends,
      keys: frontends.map((frontend) => frontendKey(protocol, frontend)),
    });
  }
  return specs;
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
  return service.spec.sessionAffinityConfig?.clientIP?.timeoutSeconds ?? DEFAULT_AFFINITY_SECONDS;
}

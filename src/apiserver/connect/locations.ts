import { badRequest, serviceUnavailable } from '../../api/errors/api-error.ts';
import type { Node } from '../../api/core/v1/node.ts';
import type { Pod } from '../../api/core/v1/pod.ts';
import type { Service } from '../../api/core/v1/service.ts';
import type { EndpointSlice } from '../../api/discovery/v1/endpoint-slice.ts';
import { cidrContains, parseCidr } from '../../net/cidr.ts';
import type { Cidr } from '../../net/cidr.ts';
import { hostPort, urlHost } from '../../net/host-port.ts';
import { parseIp } from '../../net/ip.ts';
import type { ApiServerConfig } from '../config.ts';
import type { ReadHandler, RequestScope } from '../rest/rest.ts';
import { agentAddress, agentTls } from './agent.ts';
import type { BackendTls } from './backend.ts';

/** Where a proxied request goes. */
export interface Location {
  /** `http://10.244.0.3:8080`. */
  readonly origin: string;
  readonly tls?: BackendTls;
}

export interface LocationsOptions {
  readonly pods: Pick<ReadHandler<Pod>, 'get'>;
  readonly services: Pick<ReadHandler<Service>, 'get'>;
  readonly endpointSlices: Pick<ReadHandler<EndpointSlice>, 'list'>;
  readonly nodes: Pick<ReadHandler<Node>, 'get'>;
  readonly kubelet: ApiServerConfig['kubelet'];
  /** Special addresses that Pods and nodes may have nevertheless. */
  readonly allowedEndpointCidrs: readonly Cidr[];
}

/** Finds what an object's proxy leads to; `id` is `[SCHEME:]NAME[:PORT]`. Rejects with 400, 404 and 503 in upstream's words. */
export type Locate = (scope: RequestScope, id: string) => Promise<Location>;

interface Id {
  readonly scheme: string;
  readonly name: string;
  readonly port: string;
}

function splitId(kind: string, id: string): Id {
  const parts = id.split(':');
  const [scheme = '', name = '', port = ''] =
    parts.length === 3 ? parts : parts.length < 3 ? ['', ...parts] : [];
  if (name === '' || !['', 'http', 'https'].includes(scheme)) {
    throw badRequest(`invalid ${kind} request ${JSON.stringify(id)}`);
  }
  return { scheme, name, port };
}

/** The port becomes part of a URL, where `80@127.0.0.1` would lead anywhere. */
function splitNumberedId(kind: string, id: string): Id {
  const parts = splitId(kind, id);
  const { port } = parts;
  const isNumber = /^\d{1,5}$/.test(port) && Number(port) >= 1 && Number(port) <= 0xffff;
  if (port !== '' && !isNumber) throw badRequest(`invalid ${kind} request ${JSON.stringify(id)}`);
  return parts;
}

/** Not global unicast (Go's IP.IsGlobalUnicast): unspecified, loopback, link-local, multicast, broadcast. */
const SPECIAL = ['0.0.0.0/32', '127.0.0.0/8', '169.254.0.0/16', '224.0.0.0/4', '255.255.255.255/32']
  .concat(['::/128', '::1/128', 'fe80::/10', 'ff00::/8'])
  .flatMap((text) => parseCidr(text) ?? []);

/** Throws 400: the server must not be made to call itself. */
function checkAddress(address: string, allowed: readonly Cidr[]): void {
  const ip = parseIp(address);
  if (ip === undefined || SPECIAL.some((cidr) => cidrContains(cidr, ip))) {
    if (ip !== undefined && allowed.some((cidr) => cidrContains(cidr, ip))) return;
    throw badRequest('address not allowed');
  }
}

/** Certificates of Pods are their own affair; nobody can check them. */
const UNCHECKED: BackendTls = { rejectUnauthorized: false };

function plainLocation(scheme: string, host: string): Location {
  const isTls = scheme === 'https';
  return { origin: `${isTls ? 'https' : 'http'}://${host}`, ...(isTls && { tls: UNCHECKED }) };
}

/** A Pod: its first address, at the port that is named or the first one a container declares. */
export function podLocation({ pods, allowedEndpointCidrs }: LocationsOptions): Locate {
  return async (scope, id) => {
    const { scheme, name, port } = splitNumberedId('pod', id);
    const { spec, status } = await pods.get(scope, name);
    const declared = spec.containers.find(({ ports }) => (ports?.length ?? 0) > 0)?.ports?.[0]?.containerPort;
    const ip = status?.podIPs?.[0]?.ip ?? '';
    checkAddress(ip, allowedEndpointCidrs);
    const number = port === '' ? (declared === undefined ? '' : String(declared)) : port;
    return plainLocation(scheme, number === '' ? urlHost(ip) : hostPort(ip, number));
  };
}

/** A Service: one of its ready endpoints, chosen at random among those that really are Pods of its namespace. */
export function serviceLocation(options: LocationsOptions): Locate {
  return async (scope, id) => {
    const { scheme, name, port } = splitId('service', id);
    const service = await options.services.get(scope, name);
    const portName = /^\d+$/.test(port) ? namedPort(service, Number(port)) : port;
    const { items } = await options.endpointSlices.list(scope, {
      labelSelector: [{ key: 'kubernetes.io/service-name', operator: 'In', values: [name] }],
      fieldSelector: [],
    });
    if (items.length === 0) throw noEndpoints(name);
    const candidates = items.flatMap((slice) => {
      const found = slice.ports?.find((each) => (each.name ?? '') === portName);
      if (found?.port === undefined) return [];
      return readyEndpoints(slice, scope.namespace).map((each) => ({ ...each, port: Number(found.port) }));
    });
    for (const { pod, address, port: number } of shuffled(candidates)) {
      if (await isPodAddress(options, scope, { pod, address })) {
        return plainLocation(scheme, hostPort(address, number));
      }
    }
    throw noEndpoints(id);
  };
}

const noEndpoints = (name: string): Error =>
  serviceUnavailable(`no endpoints available for service ${JSON.stringify(name)}`);

function namedPort({ metadata, spec }: Service, number: number): string {
  const found = spec.ports?.find(({ port }) => port === number);
  if (found === undefined) {
    throw serviceUnavailable(`no service port ${number} found for service ${JSON.stringify(metadata.name)}`);
  }
  return found.name ?? '';
}

function readyEndpoints(slice: EndpointSlice, namespace: string): { pod: string; address: string }[] {
  return (slice.endpoints ?? []).flatMap(({ addresses, conditions, targetRef }) => {
    const [address] = addresses;
    if (address === undefined || conditions?.ready === false) return [];
    if (targetRef?.kind !== 'Pod' || targetRef.namespace !== namespace) return [];
    return [{ pod: targetRef.name ?? '', address }];
  });
}

/** Whoever may write slices could otherwise have the server call anything. */
async function isPodAddress(
  { pods }: LocationsOptions,
  scope: RequestScope,
  { pod, address }: { readonly pod: string; readonly address: string },
): Promise<boolean> {
  try {
    const { status } = await pods.get(scope, pod);
    return status?.podIPs?.some(({ ip }) => ip === address) ?? false;
  } catch {
    return false;
  }
}

function shuffled<T>(items: readonly T[]): T[] {
  return items
    .map((item) => ({ item, at: Math.random() }))
    .sort((a, b) => a.at - b.at)
    .map(({ item }) => item);
}

/** A node: its agent, with this server's certificate; or another port of the node. */
export function nodeLocation({ nodes, kubelet, allowedEndpointCidrs }: LocationsOptions): Locate {
  return async (scope, id) => {
    const { scheme, name, port } = splitNumberedId('node', id);
    const { host, port: agentPort } = agentAddress(await nodes.get({ ...scope, namespace: '' }, name));
    checkAddress(host, allowedEndpointCidrs);
    if (port === '' || port === String(agentPort)) {
      return { origin: `https://${hostPort(host, agentPort)}`, tls: agentTls(kubelet) };
    }
    return plainLocation(scheme, hostPort(host, port));
  };
}

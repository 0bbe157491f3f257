import type { JsonObject } from '../../../base/json.ts';
import { nthAddress, type Cidr } from '../../../net/cidr.ts';
import type { ServerAddress } from './servers.ts';

/** An object that must exist, and how it is put right when it differs. */
export interface KubernetesObject {
  readonly plural: 'services' | 'endpoints' | 'endpointslices';
  readonly name: string;
  readonly body: JsonObject;
  readonly mend: (object: JsonObject) => JsonObject;
}

/** Slices that one of these names has and nobody wants are left over from a server that is gone. */
export const isOwnSlice = (name: string): boolean => /^kubernetes-[0-9]+$/.test(name);

const SERVICE_NAME = 'kubernetes.io/service-name';
const SKIP_MIRROR = 'endpointslice.kubernetes.io/skip-mirror';

/**
 * The Service `default/kubernetes` and its endpoints, which lead to these servers. `servers` is ordered, so that every
 * server wants the same; each port has a slice, the first of them the one that is named as the Service.
 */
export function kubernetesObjects(
  serviceCidrs: readonly Cidr[],
  servers: readonly ServerAddress[],
): readonly KubernetesObject[] {
  const groups = groupsOf(servers);
  return [
    ...serviceObject(serviceCidrs, groups[0]?.port ?? 0),
    endpointsObject(groups),
    ...groups.map((group, i) => sliceObject(i === 0 ? 'kubernetes' : `kubernetes-${group.port}`, group)),
  ];
}

interface Group {
  readonly port: number;
  readonly addresses: readonly string[];
}

function groupsOf(servers: readonly ServerAddress[]): readonly Group[] {
  const ports = [...new Set(servers.map(({ port }) => port))];
  return ports.map((port) => ({
    port,
    addresses: [...new Set(servers.flatMap((server) => (server.port === port ? [server.address] : [])))],
  }));
}

/** `https` under the name that clients in the cluster know; its address is the first of the first range. */
function serviceObject([cidr]: readonly Cidr[], targetPort: number): KubernetesObject[] {
  if (cidr === undefined) return [];
  const ports = [{ name: 'https', protocol: 'TCP', port: 443, targetPort }];
  const spec = {
    clusterIP: nthAddress(cidr, 1).text,
    ipFamilies: [cidr.family],
    ipFamilyPolicy: 'SingleStack',
    ports,
  };
  return [
    {
      plural: 'services',
      name: 'kubernetes',
      body: { metadata: { labels: { component: 'apiserver', provider: 'kubernetes' } }, spec },
      mend: (object) => ({
        ...object,
        spec: { ...(object.spec as JsonObject), type: 'ClusterIP', ports },
      }),
    },
  ];
}

const endpointPort = (port: number): JsonObject => ({ name: 'https', port, protocol: 'TCP' });

function endpointsObject(groups: readonly Group[]): KubernetesObject {
  const subsets = groups.map(({ port, addresses }) => ({
    addresses: addresses.map((ip) => ({ ip })),
    ports: [endpointPort(port)],
  }));
  // Its slices are made here and need no mirror.
  const labels = { [SKIP_MIRROR]: 'true' };
  return {
    plural: 'endpoints',
    name: 'kubernetes',
    body: { metadata: { labels }, subsets },
    mend: (object) => ({ ...withLabels(object, labels), subsets }),
  };
}

/** One family: that of the first address, IPv4 where there are both. */
function sliceObject(name: string, { port, addresses }: Group): KubernetesObject {
  const isV6 = addresses[0]?.includes(':') === true;
  const endpoints = addresses
    .filter((address) => address.includes(':') === isV6)
    .map((address) => ({ addresses: [address], conditions: { ready: true } }));
  const labels = { [SERVICE_NAME]: 'kubernetes' };
  const addressType = isV6 ? 'IPv6' : 'IPv4';
  const content = { endpoints, ports: [endpointPort(port)] };
  return {
    plural: 'endpointslices',
    name,
    body: { metadata: { labels }, addressType, ...content },
    mend: (object) => ({ ...withLabels(object, labels), addressType, ...content }),
  };
}

function withLabels(object: JsonObject, labels: JsonObject): JsonObject {
  const metadata = object.metadata as JsonObject;
  return { ...object, metadata: { ...metadata, labels: { ...(metadata.labels as JsonObject), ...labels } } };
}

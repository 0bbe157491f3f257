import { rrType } from '../wire/model.ts';
import type { ResourceRecord } from '../wire/model.ts';
import type { ClusterView } from './cluster-index.ts';
import type { EndpointPortName, EndpointSet } from './endpoint-set.ts';
import {
  NODATA,
  NXDOMAIN,
  addressAnswer,
  addressRecords,
  byFamily,
  found,
  shareOfWeight,
} from './records.ts';
import type { Asked, Finding } from './records.ts';
import type { NamedPort, ServiceNames } from './service-names.ts';

type ClusterIpNames = ServiceNames & { readonly kind: 'clusterIP' };

/**
 * The answer for `<labels>.<service>.<namespace>.svc.<zone>` of a Service with a cluster IP or without one (headless):
 * no label = the Service, one = an endpoint by its host name, two = a port and its protocol. Labels are lower case.
 */
export function serviceAnswer(
  view: ClusterView,
  asked: Asked,
  of: {
    readonly service: Exclude<ServiceNames, { kind: 'externalName' }>;
    readonly labels: readonly string[];
  },
): Finding {
  const { service, labels } = of;
  const endpoints = view.endpoints(`${service.namespace}/${service.name}`);
  const [first, second] = labels;
  if (labels.length > 2) return NXDOMAIN;
  if (first !== undefined && second === undefined)
    return endpointAnswer(asked, service, { endpoints, hostname: first });
  const isWanted = portFilter(first, second);
  if (service.kind === 'headless')
    return headlessAnswer(asked, service, { endpoints, isWanted, isForPort: first !== undefined });
  const ports = service.ports.filter(isWanted);
  if (first !== undefined && ports.length === 0) return NXDOMAIN;
  return asked.type === rrType.SRV ? clusterIpSrv(asked, service, ports) : addressAnswer(asked, service);
}

function portFilter(
  port: string | undefined,
  protocol: string | undefined,
): (candidate: NamedPort) => boolean {
  if (port === undefined || protocol === undefined) return () => true;
  const bare = (label: string): string => (label.startsWith('_') ? label.slice(1) : label);
  return (candidate) => candidate.name === bare(port) && candidate.protocol === bare(protocol);
}

const serviceName = (asked: Asked, { name, namespace }: ServiceNames): string =>
  `${name}.${namespace}.svc.${asked.zone}`;

/** One record per port; its weight shares 100 among ports and addresses, as CoreDNS counts. */
function clusterIpSrv(asked: Asked, service: ClusterIpNames, ports: readonly NamedPort[]): Finding {
  const target = serviceName(asked, service);
  const weight = shareOfWeight(ports.length * (service.ipv4.length + service.ipv6.length));
  const answers = ports.map(({ port }) => srv(asked, { weight, port, target }));
  return answers.length === 0 ? NODATA : found(answers, addressRecords(target, asked.ttl, service));
}

function srv(asked: Asked, data: { weight: number; port: number; target: string }): ResourceRecord {
  return { name: asked.name, ttl: asked.ttl, type: 'SRV', priority: 0, ...data };
}

function endpointAnswer(
  asked: Asked,
  service: ServiceNames,
  { endpoints, hostname }: { endpoints: EndpointSet; hostname: string },
): Finding {
  const addresses = endpoints.byHostname.get(hostname);
  if (addresses === undefined) return NXDOMAIN;
  if (asked.type !== rrType.SRV) return addressAnswer(asked, byFamily(addresses));
  const ports = endpoints.ports.filter((port) => port.hostname === hostname);
  return endpointSrv(asked, service, { endpoints, ports });
}

interface HeadlessQuery {
  readonly endpoints: EndpointSet;
  readonly isWanted: (port: NamedPort) => boolean;
  readonly isForPort: boolean;
}

function headlessAnswer(asked: Asked, service: ServiceNames, query: HeadlessQuery): Finding {
  const { endpoints, isWanted, isForPort } = query;
  if (endpoints.addresses.length === 0) return NXDOMAIN;
  const ports = endpoints.ports.filter(isWanted);
  if (isForPort && ports.length === 0) return NXDOMAIN;
  if (asked.type === rrType.SRV) return endpointSrv(asked, service, { endpoints, ports });
  const hosts = new Set(ports.map(({ hostname }) => hostname));
  const addresses = isForPort
    ? endpoints.addresses.filter((a) => hosts.has(a.hostname))
    : endpoints.addresses;
  return addressAnswer(asked, byFamily(addresses));
}

/** One record per host name and port, with the addresses of the names beside them. */
function endpointSrv(
  asked: Asked,
  service: ServiceNames,
  { endpoints, ports }: { endpoints: EndpointSet; ports: readonly EndpointPortName[] },
): Finding {
  if (ports.length === 0) return NODATA;
  const weight = shareOfWeight(ports.length);
  const targetOf = (hostname: string): string => `${hostname}.${serviceName(asked, service)}`;
  const answers = ports.map(({ hostname, port }) => srv(asked, { weight, port, target: targetOf(hostname) }));
  const glue = [...new Set(ports.map(({ hostname }) => hostname))].flatMap((hostname) =>
    addressRecords(targetOf(hostname), asked.ttl, byFamily(endpoints.byHostname.get(hostname) ?? [])),
  );
  return found(answers, glue);
}

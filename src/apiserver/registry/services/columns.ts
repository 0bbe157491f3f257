import type { Service } from '../../../api/core/v1/service.ts';
import type { Column } from '../../rest/rest.ts';
import { ageColumn, column, labelsText, nameColumn, wide } from '../columns.ts';
import { isLoadBalancer, portsOf } from './service-type.ts';

const NONE = '<none>';
const orNone = (texts: readonly string[]): string => (texts.length === 0 ? NONE : texts.join(','));

function externalText(service: Service): string {
  const { externalIPs = [], externalName = '', type } = service.spec;
  if (type === 'ExternalName') return externalName;
  if (!isLoadBalancer(service)) return orNone(externalIPs);
  const assigned = (service.status?.loadBalancer?.ingress ?? []).flatMap(
    ({ ip, hostname }) => ip ?? hostname ?? [],
  );
  const all = [...new Set(assigned), ...externalIPs];
  return all.length === 0 ? '<pending>' : all.join(',');
}

const portsText = (service: Service): string =>
  orNone(
    portsOf(service).map(({ port, nodePort, protocol = '' }) =>
      nodePort ? `${port}:${nodePort}/${protocol}` : `${port}/${protocol}`,
    ),
  );

export const serviceColumns: readonly Column<Service>[] = [
  nameColumn(),
  column('Type', 'string', ['How the Service is exposed.', ({ spec }) => spec.type ?? '']),
  column('Cluster-IP', 'string', ['The virtual IP address.', ({ spec }) => spec.clusterIPs?.[0] ?? NONE]),
  column('External-IP', 'string', ['Addresses that lead to the Service from outside.', externalText]),
  column('Port(s)', 'string', ['The ports of the Service, with their node ports.', portsText]),
  ageColumn(),
  wide(
    column('Selector', 'string', ['The Pods that traffic goes to.', ({ spec }) => labelsText(spec.selector)]),
  ),
];

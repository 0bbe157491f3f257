import type { Service } from '../../api/core/v1/service.ts';
import type { EndpointSlice } from '../../api/discovery/v1/endpoint-slice.ts';
import type { ResourceRecord } from '../wire/model.ts';
import { createClusterIndex } from './cluster-index.ts';
import type { ClusterIndex } from './cluster-index.ts';

/** `NAMESPACE/NAME` with this spec; ClusterIP 10.96.0.20 unless it says otherwise. */
export function serviceOf(key: string, spec: Partial<Service['spec']> = {}): Service {
  const [namespace = '', name = ''] = key.split('/');
  const clusterIPs = spec.clusterIPs ?? ['10.96.0.20'];
  return {
    metadata: { name, namespace },
    spec: { type: 'ClusterIP', clusterIP: clusterIPs[0], clusterIPs, ...spec },
  };
}

export type EndpointOf =
  string | { readonly ip: string; readonly hostname?: string; readonly ready?: boolean };

/** A slice of the Service `NAMESPACE/NAME`; the address family is that of its first endpoint. */
export function sliceOf(
  service: string,
  endpoints: readonly EndpointOf[],
  ports: EndpointSlice['ports'] = [{ name: 'http', protocol: 'TCP', port: 9376 }],
): EndpointSlice {
  const [namespace = '', name = ''] = service.split('/');
  const list = endpoints.map((endpoint) => (typeof endpoint === 'string' ? { ip: endpoint } : endpoint));
  return {
    metadata: { name: `${name}-x`, namespace, labels: { 'kubernetes.io/service-name': name } },
    addressType: list[0]?.ip.includes(':') ? 'IPv6' : 'IPv4',
    ports,
    endpoints: list.map(({ ip, hostname, ready }) => ({
      addresses: [ip],
      conditions: ready === undefined ? {} : { ready },
      ...(hostname !== undefined && { hostname }),
    })),
  };
}

/**
 * The cluster of the tests:
 * `my-ns/my-service` 10.96.0.20 (http 80, dns 53 UDP), `my-ns/dual` both families, `my-ns/no-port`,
 * `my-ns/hl` headless with web-0 .2, web-1 .3 and an unready .9, `my-ns/hl6` headless on IPv6 only, `my-ns/empty`,
 * `prod/my-service` -> my.database.example.com, CNAMEs inside the zone, and `kube-system/kube-dns` 10.96.0.10.
 */
export function testIndex(): ClusterIndex {
  const index = createClusterIndex();
  for (const name of ['my-ns', 'prod', 'kube-system', 'bare']) index.setNamespace(name, true);
  const http = { name: 'http', protocol: 'TCP', port: 80 };
  const services: Record<string, Partial<Service['spec']>> = {
    'my-ns/my-service': { ports: [http, { name: 'dns', protocol: 'UDP', port: 53 }] },
    'my-ns/dual': { clusterIPs: ['10.96.0.21', 'fd00:96::21'], ports: [http] },
    'my-ns/no-port': { clusterIPs: ['10.96.0.22'] },
    'my-ns/pending': { clusterIP: '', clusterIPs: [] },
    'my-ns/hl': { clusterIPs: ['None'], ports: [http] },
    'my-ns/hl6': { clusterIPs: ['None'], ports: [http] },
    'my-ns/empty': { clusterIPs: ['None'], ports: [http] },
    'prod/my-service': external('my.database.example.com'),
    'prod/inside': external('my-service.my-ns.svc.cluster.local'),
    'prod/twice': external('inside.prod.svc.cluster.local.'),
    'prod/out': external('my-service.prod.svc.cluster.local'),
    'prod/loop': external('loop2.prod.svc.cluster.local'),
    'prod/loop2': external('LOOP.prod.svc.cluster.local'),
    'prod/nowhere': external('no.my-ns.svc.cluster.local'),
    'prod/address': external('192.0.2.1'),
    'kube-system/kube-dns': {
      clusterIPs: ['10.96.0.10'],
      ports: [{ name: 'dns', protocol: 'UDP', port: 53 }],
    },
  };
  for (const [key, spec] of Object.entries(services)) index.setService(key, serviceOf(key, spec));
  const slices: Record<string, EndpointSlice> = {
    a: sliceOf('my-ns/my-service', ['10.244.0.7']),
    b: sliceOf('my-ns/hl', [
      { ip: '10.244.0.2', hostname: 'web-0' },
      { ip: '10.244.1.3', hostname: 'web-1', ready: true },
      { ip: '10.244.1.9', hostname: 'web-9', ready: false },
    ]),
    c: sliceOf('my-ns/hl', ['10.244.0.2', '10.244.2.4'], [{ name: 'metrics', protocol: 'TCP', port: 9100 }]),
    d: sliceOf('my-ns/hl6', ['fd00:10::5', '2001:db8::']),
    e: sliceOf('my-ns/empty', [{ ip: '10.244.0.8', ready: false }]),
    f: sliceOf('my-ns/other', ['10.244.0.2']),
  };
  for (const [key, slice] of Object.entries(slices)) index.setSlice(`my-ns/${key}`, slice);
  return index;
}

const external = (externalName: string): Partial<Service['spec']> => ({
  type: 'ExternalName',
  externalName,
  clusterIP: undefined,
  clusterIPs: undefined,
});

/** A record in one line, as dig writes it, without its TTL. */
export function recordLine(record: ResourceRecord): string {
  switch (record.type) {
    case 'A':
    case 'AAAA':
      return `${record.name} ${record.type} ${record.address}`;
    case 'CNAME':
    case 'NS':
    case 'PTR':
      return `${record.name} ${record.type} ${record.target}`;
    case 'MX':
      return `${record.name} MX ${record.preference} ${record.target}`;
    case 'SRV':
      return `${record.name} SRV ${record.priority} ${record.weight} ${record.port} ${record.target}`;
    case 'TXT':
      return `${record.name} TXT ${record.strings.map((text) => JSON.stringify(text)).join(' ')}`;
    case 'SOA':
      return `${record.name} SOA ${record.mname} ${record.rname} ${record.serial} ${record.minimum}`;
    case 'OTHER':
      return `${record.name} TYPE${record.code} ${Buffer.from(record.rdata).toString('hex')}`;
  }
}

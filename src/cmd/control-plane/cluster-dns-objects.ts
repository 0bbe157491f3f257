import { isAlreadyExists } from '../../api/errors/api-error.ts';
import { services, type Service } from '../../api/core/v1/service.ts';
import { endpointSlices, type EndpointSlice } from '../../api/discovery/v1/endpoint-slice.ts';
import type { Client } from '../../client/client.ts';
import type { ControlPlaneConfig } from '../up/messages.ts';

const NAMESPACE = 'kube-system';
const NAME = 'kube-dns';
const LABELS = {
  'k8s-app': 'kube-dns',
  'kubernetes.io/cluster-service': 'true',
  'kubernetes.io/name': 'CoreDNS',
};

/** The Service through which Pods reach the DNS server; it has no selector, since the server is no Pod. */
function dnsService(clusterIP: string): Service {
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name: NAME, namespace: NAMESPACE, labels: LABELS },
    spec: {
      clusterIP,
      ports: [
        { name: 'dns', protocol: 'UDP', port: 53 },
        { name: 'dns-tcp', protocol: 'TCP', port: 53 },
      ],
    },
  };
}

function dnsSlice({ dns }: ControlPlaneConfig): EndpointSlice {
  return {
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: {
      name: NAME,
      namespace: NAMESPACE,
      labels: {
        ...LABELS,
        'kubernetes.io/service-name': NAME,
        'endpointslice.kubernetes.io/managed-by': 'portico',
      },
    },
    addressType: 'IPv4',
    endpoints: [{ addresses: [dns.host], conditions: { ready: true, serving: true, terminating: false } }],
    ports: [
      { name: 'dns', protocol: 'UDP', port: dns.port },
      { name: 'dns-tcp', protocol: 'TCP', port: dns.port },
    ],
  };
}

/** Makes kube-system/kube-dns and points it at this cluster's DNS server; a second run changes nothing. */
export async function ensureDnsObjects(client: Client, config: ControlPlaneConfig): Promise<void> {
  const ignoreExisting = (error: unknown): void => {
    if (!isAlreadyExists(error)) throw error;
  };
  await client.create(services, dnsService(config.dns.clusterIP)).catch(ignoreExisting);
  const slice = dnsSlice(config);
  try {
    await client.create(endpointSlices, slice);
  } catch (error) {
    ignoreExisting(error);
    const ref = { namespace: NAMESPACE, name: NAME };
    const { endpoints, ports } = slice;
    await client.patch(endpointSlices, ref, { type: 'merge', body: { endpoints, ports } });
  }
}

export interface ServiceChange {
  readonly annotations?: Readonly<Record<string, string>>;
  /** Of the version that is replaced. */
  readonly resourceVersion?: string | undefined;
  /** The address it has; an update sends the whole object back. */
  readonly clusterIP?: string | undefined;
}

/** A Service as people write it: labels, a selector, two named ports. */
export const serviceText = (
  name: string,
  { annotations = {}, resourceVersion, clusterIP }: ServiceChange = {},
): string =>
  JSON.stringify({
    apiVersion: 'v1',
    kind: 'Service',
    metadata: {
      name,
      namespace: 'default',
      labels: { app: name, 'app.kubernetes.io/managed-by': 'bench' },
      annotations,
      ...(resourceVersion === undefined ? {} : { resourceVersion }),
    },
    spec: {
      ...(clusterIP === undefined ? {} : { clusterIP, clusterIPs: [clusterIP] }),
      selector: { app: name },
      ports: [
        { name: 'http', port: 80, targetPort: 8080 },
        { name: 'https', port: 443, targetPort: 'https' },
      ],
    },
  });

/** A slice of a Service as its controller writes it; `n` numbers the Service, and with it the endpoints' addresses. */
export const sliceText = (name: string, n: number, nEndpoints: number): string =>
  JSON.stringify({
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: {
      name: `${name}-x7k2p`,
      namespace: 'default',
      labels: {
        'endpointslice.kubernetes.io/managed-by': 'endpointslice-controller.k8s.io',
        'kubernetes.io/service-name': name,
      },
    },
    addressType: 'IPv4',
    endpoints: Array.from({ length: nEndpoints }, (_, i) => endpoint(name, n * nEndpoints + i)),
    ports: [
      { name: 'http', protocol: 'TCP', port: 8080 },
      { name: 'https', protocol: 'TCP', port: 8443 },
    ],
  });

const endpoint = (name: string, n: number) => ({
  addresses: [`10.${(n >> 16) & 255}.${(n >> 8) & 255}.${n & 255}`],
  conditions: { ready: true, serving: true, terminating: false },
  nodeName: `node-${n % 1000}`,
  zone: `zone-${n % 3}`,
  targetRef: {
    kind: 'Pod',
    namespace: 'default',
    name: `${name}-${n}`,
    uid: `00000000-0000-4000-8000-${n.toString(16).padStart(12, '0')}`,
  },
});

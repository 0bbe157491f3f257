import { selectorOfAll as selector, type Sample } from './battery-objects.ts';
import type { Manifest } from './manifests.ts';

const port = { protocol: 'TCP', port: 80, targetPort: 9376 };

const service = (
  spec: Manifest,
  more: Omit<Partial<Sample>, 'object'> & { metadata?: Manifest } = {},
): Sample => {
  const { metadata, ...rest } = more;
  return {
    resource: 'service',
    object: { apiVersion: 'v1', kind: 'Service', metadata: { name: 'it', ...metadata }, spec },
    change: { spec: { sessionAffinity: 'ClientIP' } },
    ...rest,
  };
};

/** What the documents tell people to write on Services for the load balancers of several providers. */
const annotations = {
  'service.beta.kubernetes.io/aws-load-balancer-ssl-cert':
    'arn:aws:acm:us-east-1:123456789012:certificate/12345678-1234-1234-1234-123456789012',
  'service.beta.kubernetes.io/aws-load-balancer-backend-protocol': 'http',
  'service.beta.kubernetes.io/aws-load-balancer-ssl-ports': '443,8443',
  'service.beta.kubernetes.io/aws-load-balancer-proxy-protocol': '*',
  'service.beta.kubernetes.io/aws-load-balancer-access-log-emit-interval': '60',
  'service.beta.kubernetes.io/aws-load-balancer-type': 'nlb',
  'service.beta.kubernetes.io/azure-load-balancer-internal': 'true',
  'service.kubernetes.io/ibm-load-balancer-cloud-provider-ip-type': 'private',
  'networking.gke.io/load-balancer-type': 'Internal',
};

/** The Services of the documents that describe what a Service is, one by one, and the shapes that came later. */
export const serviceSamples: Readonly<Record<string, Sample>> = {
  'a Service with one port': service({ selector, ports: [port] }),
  'a Service with a named target port': service({
    selector,
    ports: [{ ...port, targetPort: 'http-web-svc' }],
  }),
  'a Service without a selector': service({ ports: [port] }),
  'a Service with two ports': service({
    selector,
    ports: [
      { name: 'http', ...port },
      { name: 'https', protocol: 'TCP', port: 443, targetPort: 9377 },
    ],
  }),
  'a Service with port names of digits': service({
    selector,
    ports: [
      { name: '123-abc', ...port },
      { name: 'web', ...port, port: 81 },
    ],
  }),
  'a Service with an address of its own choice': service({
    selector,
    ports: [port],
    clusterIP: '10.100.17.29',
  }),
  'a headless Service': service({ selector, ports: [port], clusterIP: 'None' }),
  'a headless Service without a selector': service({ ports: [port], clusterIP: 'None' }),
  'a NodePort Service': service({
    type: 'NodePort',
    selector,
    ports: [{ port: 80, targetPort: 80, nodePort: 30007 }],
  }),
  'a LoadBalancer Service': service({ type: 'LoadBalancer', selector, ports: [port] }),
  'a LoadBalancer Service with addresses': {
    ...service({
      type: 'LoadBalancer',
      selector,
      ports: [port],
      clusterIP: '10.0.171.239',
      loadBalancerIP: '78.11.24.19',
    }),
    // What a person writes there is not theirs to write, so kubectl finds it missing each time.
    object: {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name: 'it' },
      spec: {
        type: 'LoadBalancer',
        selector,
        ports: [port],
        clusterIP: '10.0.171.239',
        loadBalancerIP: '78.11.24.19',
      },
      status: { loadBalancer: { ingress: [{ ip: '192.0.2.127' }] } },
    },
    isAlwaysSent: true,
  },
  'a LoadBalancer Service for providers': service(
    { type: 'LoadBalancer', selector, ports: [{ name: 'http', ...port }] },
    { metadata: { annotations } },
  ),
  'a LoadBalancer Service with local traffic and source ranges': service({
    type: 'LoadBalancer',
    selector,
    ports: [port],
    externalTrafficPolicy: 'Local',
    loadBalancerSourceRanges: ['192.0.2.0/24'],
    loadBalancerClass: 'example.com/internal',
  }),
  'a LoadBalancer Service of mixed protocols without node ports': service({
    type: 'LoadBalancer',
    selector,
    allocateLoadBalancerNodePorts: false,
    ports: [
      { name: 'tcp', ...port },
      { name: 'udp', ...port, protocol: 'UDP' },
    ],
  }),
  'an ExternalName Service': service(
    { type: 'ExternalName', externalName: 'my.database.example.com' },
    { change: { spec: { externalName: 'other.example.com' } } },
  ),
  'a Service with external IPs': service({
    selector,
    ports: [{ name: 'http', ...port }],
    externalIPs: ['80.11.12.10'],
  }),
  'a Service with client affinity': service(
    {
      selector,
      ports: [port],
      sessionAffinity: 'ClientIP',
      sessionAffinityConfig: { clientIP: { timeoutSeconds: 600 } },
    },
    { change: { spec: { internalTrafficPolicy: 'Local' } } },
  ),
  'a Service with both traffic policies': service({
    type: 'NodePort',
    selector,
    ports: [port],
    externalTrafficPolicy: 'Local',
    internalTrafficPolicy: 'Local',
  }),
  'a Service that shows Pods before they are ready': service({
    selector,
    ports: [port],
    publishNotReadyAddresses: true,
  }),
  'a Service that prefers two families': service({
    selector,
    ports: [port],
    ipFamilyPolicy: 'PreferDualStack',
  }),
  'a Service of both families, IPv6 first': service(
    { selector, ports: [port], ipFamilyPolicy: 'RequireDualStack', ipFamilies: ['IPv6', 'IPv4'] },
    { needsTwoFamilies: true },
  ),
  'a Service of IPv6': service({ selector, ports: [port], ipFamilies: ['IPv6'] }, { needsTwoFamilies: true }),
  'a Service with SCTP and appProtocol': service({
    selector,
    ports: [{ name: 's', port: 3868, protocol: 'SCTP', appProtocol: 'example.com/diameter' }],
    trafficDistribution: 'PreferClose',
  }),
};

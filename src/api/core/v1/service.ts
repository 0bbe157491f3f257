import type { Kind } from '../../kind.ts';
import { condition } from '../../meta/v1/condition.ts';
import { objectMeta } from '../../meta/v1/object-meta.ts';
import {
  affinityConfig,
  externalPolicy,
  internalPolicy,
  ipModeOf,
  nodePortsAllocated,
  portItself,
} from './service-defaults.ts';
import {
  type Infer,
  atomicMap,
  bool,
  filled,
  int32,
  intOrString,
  list,
  listMap,
  message,
  optional,
  pointer,
  required,
  string,
  typeMeta,
} from '../../schema/schema.ts';

export const servicePort = message('io.k8s.api.core.v1.ServicePort', 'A port that a Service offers.', {
  name: optional([1, string], 'Name of the port; needed when there are several.'),
  protocol: optional([2, string], 'TCP, UDP or SCTP.', { default: 'TCP', values: ['TCP', 'UDP', 'SCTP'] }),
  appProtocol: pointer([6, string], 'What is spoken on the port, such as http or kubernetes.io/h2c; a hint.'),
  port: required([3, int32], "Port at the Service's addresses."),
  targetPort: optional(
    [4, intOrString],
    "Port of the Pods, by number or name; the Service's port when absent.",
    { default: portItself },
  ),
  nodePort: optional(
    [5, int32],
    'Port on every node, for NodePort and LoadBalancer; chosen by the server when absent.',
  ),
});
export type ServicePort = Infer<typeof servicePort>;

export const clientIPConfig = message(
  'io.k8s.api.core.v1.ClientIPConfig',
  "How long affinity to a client's address lasts.",
  {
    timeoutSeconds: pointer(
      [1, int32],
      "Seconds since the client's last connection; more than 0, at most 86400.",
    ),
  },
);
export type ClientIPConfig = Infer<typeof clientIPConfig>;

export const sessionAffinityConfig = message(
  'io.k8s.api.core.v1.SessionAffinityConfig',
  'Settings of session affinity.',
  {
    clientIP: optional([1, clientIPConfig], "Settings of affinity to a client's address."),
  },
);
export type SessionAffinityConfig = Infer<typeof sessionAffinityConfig>;

export const serviceSpec = message(
  'io.k8s.api.core.v1.ServiceSpec',
  'How a Service is reached and where its traffic goes.',
  {
    ports: optional([1, listMap(servicePort, ['port', 'protocol'])], 'The ports the Service offers.', {
      patchMergeKey: 'port',
    }),
    selector: optional(
      [2, atomicMap(string)],
      'Labels of the Pods behind the Service; without it endpoints are made by hand.',
    ),
    clusterIP: optional(
      [3, string],
      'Virtual IP; None for a headless Service, chosen by the server when empty.',
    ),
    clusterIPs: optional([18, list(string)], 'Virtual IPs, one per family; the first equals clusterIP.'),
    type: optional([4, string], 'From where the Service is reached.', {
      default: 'ClusterIP',
      values: ['ClusterIP', 'NodePort', 'LoadBalancer', 'ExternalName'],
    }),
    externalIPs: optional(
      [5, list(string)],
      'Further addresses whose traffic the nodes take for this Service.',
    ),
    sessionAffinity: optional([7, string], 'ClientIP sends a client to the same endpoint again.', {
      default: 'None',
      values: ['None', 'ClientIP'],
    }),
    loadBalancerIP: optional([8, string], 'Address wished for the load balancer; providers may ignore it.'),
    loadBalancerSourceRanges: optional(
      [9, list(string)],
      'Clients that the load balancer lets in, as CIDRs.',
    ),
    externalName: optional([10, string], 'Name that an ExternalName Service is an alias of.'),
    externalTrafficPolicy: optional(
      [11, string],
      "Local keeps outside traffic on the node it reached, and the client's address with it.",
      { default: externalPolicy, values: ['Cluster', 'Local'] },
    ),
    healthCheckNodePort: optional(
      [12, int32],
      'Port where nodes tell load balancers whether they have endpoints, for policy Local.',
    ),
    publishNotReadyAddresses: optional(
      [13, bool],
      'Whether Pods that are not ready get traffic and names too.',
    ),
    sessionAffinityConfig: optional([14, sessionAffinityConfig], 'Settings of session affinity.'),
    ipFamilies: optional([19, list(string)], 'IPv4 or IPv6 or both, in the order of clusterIPs.'),
    ipFamilyPolicy: pointer([17, string], 'Whether the Service has one or two families.', {
      values: ['SingleStack', 'PreferDualStack', 'RequireDualStack'],
    }),
    allocateLoadBalancerNodePorts: pointer([20, bool], 'Whether a LoadBalancer Service gets node ports.', {
      default: nodePortsAllocated,
    }),
    loadBalancerClass: pointer(
      [21, string],
      'Which load balancer implementation serves the Service; the default one when absent.',
    ),
    internalTrafficPolicy: pointer([22, string], 'Local keeps traffic from inside the cluster on its node.', {
      default: internalPolicy,
      values: ['Cluster', 'Local'],
    }),
    trafficDistribution: pointer(
      [23, string],
      "Which endpoints are preferred, such as those in the client's zone.",
      { values: ['PreferClose', 'PreferSameZone', 'PreferSameNode'] },
    ),
  },
);
export type ServiceSpec = Infer<typeof serviceSpec>;

export const portStatus = message('io.k8s.api.core.v1.PortStatus', 'State of one port of a load balancer.', {
  port: required([1, int32], "The Service's port."),
  protocol: required([2, string], 'TCP, UDP or SCTP.'),
  error: pointer([3, string], 'What went wrong with this port, as one word.'),
});
export type PortStatus = Infer<typeof portStatus>;

export const loadBalancerIngress = message(
  'io.k8s.api.core.v1.LoadBalancerIngress',
  'An address of a load balancer.',
  {
    ip: optional([1, string], 'The address, where it is an IP.'),
    hostname: optional([2, string], 'The address, where it is a name.'),
    ipMode: pointer(
      [3, string],
      'VIP when packets arrive addressed to the IP, Proxy when the balancer rewrites them.',
      { values: ['VIP', 'Proxy'], default: ipModeOf },
    ),
    ports: optional([4, list(portStatus)], 'State of the ports.'),
  },
);
export type LoadBalancerIngress = Infer<typeof loadBalancerIngress>;

export const loadBalancerStatus = message(
  'io.k8s.api.core.v1.LoadBalancerStatus',
  'Where a load balancer is reached.',
  {
    ingress: optional([1, list(loadBalancerIngress)], 'Its addresses.'),
  },
);
export type LoadBalancerStatus = Infer<typeof loadBalancerStatus>;

export const serviceStatus = message('io.k8s.api.core.v1.ServiceStatus', 'What is known of a Service.', {
  loadBalancer: optional([1, loadBalancerStatus], 'Where its load balancer is reached.'),
  conditions: optional([2, listMap(condition, ['type'])], 'Aspects of its state.', { patchMergeKey: 'type' }),
});
export type ServiceStatus = Infer<typeof serviceStatus>;

export const service = message(
  'io.k8s.api.core.v1.Service',
  'A stable address and name for a changing set of Pods.',
  {
    ...typeMeta,
    metadata: filled([1, objectMeta], 'Name, labels and other standard metadata.'),
    spec: filled([2, serviceSpec], 'How the Service is reached and where its traffic goes.'),
    status: optional([3, serviceStatus], 'What is known of it.'),
  },
);
export type Service = Infer<typeof service>;

export const services: Kind<Service> = {
  group: '',
  version: 'v1',
  kind: 'Service',
  plural: 'services',
  singular: 'service',
  shortNames: ['svc'],
  categories: ['all'],
  isNamespaced: true,
  subresources: ['status'],
  schema: service,
  defaultRules: [affinityConfig],
};

import { typedLocalObjectReference } from '../../core/v1/references.ts';
import type { Kind } from '../../kind.ts';
import { labelSelector } from '../../meta/v1/label-selector.ts';
import { objectMeta } from '../../meta/v1/object-meta.ts';
import {
  type DefaultRule,
  type Infer,
  atomic,
  filled,
  int32,
  intOrString,
  list,
  message,
  optional,
  pointer,
  required,
  string,
  typeMeta,
} from '../../schema/schema.ts';

/** What others than our own proxies act on: Ingress, IngressClass and NetworkPolicy. */

export const serviceBackendPort = atomic(
  message('io.k8s.api.networking.v1.ServiceBackendPort', 'A port of a Service, by name or by number.', {
    name: optional([1, string], 'Its name.'),
    number: optional([2, int32], 'Its number.'),
  }),
);
export const ingressServiceBackend = message(
  'io.k8s.api.networking.v1.IngressServiceBackend',
  'A Service that answers.',
  {
    name: required([1, string], 'Name of the Service, in the same namespace.'),
    port: optional([2, serviceBackendPort], 'Its port.'),
  },
);
export const ingressBackend = message('io.k8s.api.networking.v1.IngressBackend', 'What answers.', {
  service: optional([4, ingressServiceBackend], 'A Service.'),
  resource: optional([3, typedLocalObjectReference], 'Another object.'),
});
export type IngressBackend = Infer<typeof ingressBackend>;

export const httpIngressPath = message('io.k8s.api.networking.v1.HTTPIngressPath', 'Who answers a path.', {
  path: optional([1, string], 'The path, which begins with a slash.'),
  pathType: pointer([3, string], 'How the path is compared.', {
    values: ['Exact', 'Prefix', 'ImplementationSpecific'],
  }),
  backend: required([2, ingressBackend], 'Who answers.'),
});
export type HttpIngressPath = Infer<typeof httpIngressPath>;

export const httpIngressRuleValue = message(
  'io.k8s.api.networking.v1.HTTPIngressRuleValue',
  'Who answers which path.',
  { paths: required([1, list(httpIngressPath)], 'The paths.') },
);

export const ingressRule = message('io.k8s.api.networking.v1.IngressRule', 'Who answers for a host.', {
  host: optional([1, string], 'The host, which may begin with *.; every one when absent.'),
  // Upstream nests it in a message that JSON shows inline.
  http: { ...optional([1, httpIngressRuleValue], 'Who answers which path.'), within: 2 },
});
export type IngressRule = Infer<typeof ingressRule>;

export const ingressTls = message('io.k8s.api.networking.v1.IngressTLS', 'A certificate for hosts.', {
  hosts: optional([1, list(string)], 'The hosts in the certificate.'),
  secretName: optional([2, string], 'The Secret with the certificate.'),
});

export const ingressSpec = message(
  'io.k8s.api.networking.v1.IngressSpec',
  'Who answers requests from outside.',
  {
    ingressClassName: pointer([4, string], 'The IngressClass that does it.'),
    defaultBackend: optional([1, ingressBackend], 'Who answers what no rule names.'),
    tls: optional([2, list(ingressTls)], 'Certificates.'),
    rules: optional([3, list(ingressRule)], 'Who answers for which host.'),
  },
);
export type IngressSpec = Infer<typeof ingressSpec>;

export const ingressPortStatus = message(
  'io.k8s.api.networking.v1.IngressPortStatus',
  'State of a port of the load balancer.',
  {
    port: required([1, int32], 'The port.'),
    protocol: required([2, string], 'TCP, UDP or SCTP.'),
    error: pointer([3, string], 'What is wrong with it.'),
  },
);
export const ingressLoadBalancerIngress = message(
  'io.k8s.api.networking.v1.IngressLoadBalancerIngress',
  'Where the load balancer is found.',
  {
    ip: optional([1, string], 'Its address.'),
    hostname: optional([2, string], 'Its name.'),
    ports: optional([4, list(ingressPortStatus)], 'Its ports.'),
  },
);
export const ingressLoadBalancerStatus = message(
  'io.k8s.api.networking.v1.IngressLoadBalancerStatus',
  'The load balancer.',
  { ingress: optional([1, list(ingressLoadBalancerIngress)], 'Where it is found.') },
);
export const ingressStatus = message(
  'io.k8s.api.networking.v1.IngressStatus',
  'What is known of an Ingress.',
  {
    loadBalancer: filled([1, ingressLoadBalancerStatus], 'The load balancer.'),
  },
);

export const ingress = message(
  'io.k8s.api.networking.v1.Ingress',
  'Leads requests from outside to Services.',
  {
    ...typeMeta,
    metadata: filled([1, objectMeta], 'Name, labels and other standard metadata.'),
    spec: filled([2, ingressSpec], 'Who answers requests from outside.'),
    status: optional([3, ingressStatus], 'Where it is found.'),
  },
);
export type Ingress = Infer<typeof ingress>;

export const ingresses: Kind<Ingress> = {
  group: 'networking.k8s.io',
  version: 'v1',
  kind: 'Ingress',
  plural: 'ingresses',
  singular: 'ingress',
  shortNames: ['ing'],
  categories: [],
  isNamespaced: true,
  subresources: ['status'],
  schema: ingress,
};

export const ingressClassParameters = message(
  'io.k8s.api.networking.v1.IngressClassParametersReference',
  'An object with settings of an IngressClass.',
  {
    apiGroup: pointer([1, string], 'API group of the object; absent for the core group.'),
    kind: required([2, string], 'Kind of the object.'),
    name: required([3, string], 'Name of the object.'),
    scope: pointer([4, string], 'Cluster or Namespace.', { default: 'Cluster' }),
    namespace: pointer([5, string], 'Namespace of the object, for scope Namespace.'),
  },
);
export const ingressClassSpec = message(
  'io.k8s.api.networking.v1.IngressClassSpec',
  'Who looks after Ingresses of the class.',
  {
    controller: optional([1, string], 'The controller, such as example.com/ingress; cannot be changed.'),
    parameters: optional([2, ingressClassParameters], 'Its settings.'),
  },
);
export const ingressClass = message(
  'io.k8s.api.networking.v1.IngressClass',
  'A sort of Ingress and who looks after it.',
  {
    ...typeMeta,
    metadata: filled([1, objectMeta], 'Name, labels and other standard metadata.'),
    spec: filled([2, ingressClassSpec], 'Who looks after Ingresses of the class.'),
  },
);
export type IngressClass = Infer<typeof ingressClass>;

export const ingressClasses: Kind<IngressClass> = {
  group: 'networking.k8s.io',
  version: 'v1',
  kind: 'IngressClass',
  plural: 'ingressclasses',
  singular: 'ingressclass',
  shortNames: [],
  categories: [],
  isNamespaced: false,
  subresources: [],
  schema: ingressClass,
};

export const networkPolicyPort = message('io.k8s.api.networking.v1.NetworkPolicyPort', 'Ports.', {
  protocol: pointer([1, string], 'TCP, UDP or SCTP.', { default: 'TCP' }),
  port: pointer([2, intOrString], 'Number or name of the port; every one when absent.'),
  endPort: pointer([3, int32], 'The last of a range that begins with port.'),
});
export type NetworkPolicyPort = Infer<typeof networkPolicyPort>;

export const ipBlock = message('io.k8s.api.networking.v1.IPBlock', 'A range of addresses.', {
  cidr: required([1, string], 'The range, such as 192.168.1.0/24.'),
  except: optional([2, list(string)], 'Ranges within it that do not count.'),
});
export const networkPolicyPeer = message(
  'io.k8s.api.networking.v1.NetworkPolicyPeer',
  'The other end: Pods, or a range of addresses.',
  {
    podSelector: optional([1, labelSelector], 'Which Pods.'),
    namespaceSelector: optional([2, labelSelector], 'Of which namespaces; of the own one when absent.'),
    ipBlock: optional([3, ipBlock], 'A range of addresses.'),
  },
);
export type NetworkPolicyPeer = Infer<typeof networkPolicyPeer>;

export const networkPolicyIngressRule = message(
  'io.k8s.api.networking.v1.NetworkPolicyIngressRule',
  'Traffic that may come in.',
  {
    ports: optional([1, list(networkPolicyPort)], 'To which ports; to all when absent.'),
    from: optional([2, list(networkPolicyPeer)], 'From whom; from everyone when absent.'),
  },
);
export const networkPolicyEgressRule = message(
  'io.k8s.api.networking.v1.NetworkPolicyEgressRule',
  'Traffic that may go out.',
  {
    ports: optional([1, list(networkPolicyPort)], 'To which ports; to all when absent.'),
    to: optional([2, list(networkPolicyPeer)], 'To whom; to everyone when absent.'),
  },
);

const policyTypesOf: DefaultRule = ({ egress }) =>
  Array.isArray(egress) && egress.length > 0 ? ['Ingress', 'Egress'] : ['Ingress'];

export const networkPolicySpec = message(
  'io.k8s.api.networking.v1.NetworkPolicySpec',
  'Which traffic of which Pods is allowed.',
  {
    podSelector: filled([1, labelSelector], 'Which Pods it is about; all of the namespace when empty.'),
    ingress: optional([2, list(networkPolicyIngressRule)], 'What may come in.'),
    egress: optional([3, list(networkPolicyEgressRule)], 'What may go out.'),
    policyTypes: optional([4, list(string)], 'Which directions are limited: Ingress, Egress or both.', {
      default: policyTypesOf,
    }),
  },
);
export type NetworkPolicySpec = Infer<typeof networkPolicySpec>;

export const networkPolicy = message(
  'io.k8s.api.networking.v1.NetworkPolicy',
  'Says which traffic of Pods is allowed; others enforce it.',
  {
    ...typeMeta,
    metadata: filled([1, objectMeta], 'Name, labels and other standard metadata.'),
    spec: filled([2, networkPolicySpec], 'Which traffic of which Pods is allowed.'),
  },
);
export type NetworkPolicy = Infer<typeof networkPolicy>;

export const networkPolicies: Kind<NetworkPolicy> = {
  group: 'networking.k8s.io',
  version: 'v1',
  kind: 'NetworkPolicy',
  plural: 'networkpolicies',
  singular: 'networkpolicy',
  shortNames: ['netpol'],
  categories: [],
  isNamespaced: true,
  subresources: [],
  schema: networkPolicy,
};

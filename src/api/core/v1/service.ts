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

export const servicePort = message('io.k8s.api.core.v1.ServicePort', '-', {
  name: optional([1, string], '-'),
  protocol: optional([2, string], '-', { default: 'TCP', values: ['TCP', 'UDP', 'SCTP'] }),
  appProtocol: pointer([6, string], '-'),
  port: required([3, int32], '-'),
  targetPort: optional([4, intOrString], '-', { default: portItself }),
  nodePort: optional([5, int32], '-'),
});
export type ServicePort = Infer<typeof servicePort>;

export const clientIPConfig = message('io.k8s.api.core.v1.ClientIPConfig', '-', {
  timeoutSeconds: pointer([1, int32], '-'),
});
export type ClientIPConfig = Infer<typeof clientIPConfig>;

export const sessionAffinityConfig = message('io.k8s.api.core.v1.SessionAffinityConfig', '-', {
  clientIP: optional([1, clientIPConfig], '-'),
});
export type SessionAffinityConfig = Infer<typeof sessionAffinityConfig>;

export const serviceSpec = message('io.k8s.api.core.v1.ServiceSpec', '-', {
  ports: optional([1, listMap(servicePort, ['port', 'protocol'])], '-', { patchMergeKey: 'port' }),
  selector: optional([2, atomicMap(string)], '-'),
  clusterIP: optional([3, string], '-'),
  clusterIPs: optional([18, list(string)], '-'),
  type: optional([4, string], '-', {
    default: 'ClusterIP',
    values: ['ClusterIP', 'NodePort', 'LoadBalancer', 'ExternalName'],
  }),
  externalIPs: optional([5, list(string)], '-'),
  sessionAffinity: optional([7, string], '-', { default: 'None', values: ['None', 'ClientIP'] }),
  loadBalancerIP: optional([8, string], '-'),
  loadBalancerSourceRanges: optional([9, list(string)], '-'),
  externalName: optional([10, string], '-'),
  externalTrafficPolicy: optional([11, string], '-', {
    default: externalPolicy,
    values: ['Cluster', 'Local'],
  }),
  healthCheckNodePort: optional([12, int32], '-'),
  publishNotReadyAddresses: optional([13, bool], '-'),
  sessionAffinityConfig: optional([14, sessionAffinityConfig], '-'),
  ipFamilies: optional([19, list(string)], '-'),
  ipFamilyPolicy: pointer([17, string], '-', {
    values: ['SingleStack', 'PreferDualStack', 'RequireDualStack'],
  }),
  allocateLoadBalancerNodePorts: pointer([20, bool], '-', { default: nodePortsAllocated }),
  loadBalancerClass: pointer([21, string], '-'),
  internalTrafficPolicy: pointer([22, string], '-', {
    default: internalPolicy,
    values: ['Cluster', 'Local'],
  }),
  trafficDistribution: pointer([23, string], '-', {
    values: ['PreferClose', 'PreferSameZone', 'PreferSameNode'],
  }),
});
export type ServiceSpec = Infer<typeof serviceSpec>;

export const portStatus = message('io.k8s.api.core.v1.PortStatus', '-', {
  port: required([1, int32], '-'),
  protocol: required([2, string], '-'),
  error: pointer([3, string], '-'),
});
export type PortStatus = Infer<typeof portStatus>;

export const loadBalancerIngress = message('io.k8s.api.core.v1.LoadBalancerIngress', '-', {
  ip: optional([1, string], '-'),
  hostname: optional([2, string], '-'),
  ipMode: pointer([3, string], '-', { values: ['VIP', 'Proxy'], default: ipModeOf }),
  ports: optional([4, list(portStatus)], '-'),
});
export type LoadBalancerIngress = Infer<typeof loadBalancerIngress>;

export const loadBalancerStatus = message('io.k8s.api.core.v1.LoadBalancerStatus', '-', {
  ingress: optional([1, list(loadBalancerIngress)], '-'),
});
export type LoadBalancerStatus = Infer<typeof loadBalancerStatus>;

export const serviceStatus = message('io.k8s.api.core.v1.ServiceStatus', '-', {
  loadBalancer: optional([1, loadBalancerStatus], '-'),
  conditions: optional([2, listMap(condition, ['type'])], '-', { patchMergeKey: 'type' }),
});
export type ServiceStatus = Infer<typeof serviceStatus>;

export const service = message('io.k8s.api.core.v1.Service', '-', {
  ...typeMeta,
  metadata: required([1, objectMeta], 'Name, labels and other standard metadata.'),
  spec: required([2, serviceSpec], '-'),
  status: optional([3, serviceStatus], '-'),
});
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

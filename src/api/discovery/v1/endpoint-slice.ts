import { objectReference } from '../../core/v1/references.ts';
import type { Kind } from '../../kind.ts';
import { objectMeta } from '../../meta/v1/object-meta.ts';
import {
  type Infer,
  atomic,
  bool,
  int32,
  list,
  map,
  message,
  optional,
  pointer,
  required,
  set,
  string,
  typeMeta,
} from '../../schema/schema.ts';

export const endpointConditions = message('io.k8s.api.discovery.v1.EndpointConditions', '-', {
  ready: pointer([1, bool], '-'),
  serving: pointer([2, bool], '-'),
  terminating: pointer([3, bool], '-'),
});
export type EndpointConditions = Infer<typeof endpointConditions>;

export const forZone = message('io.k8s.api.discovery.v1.ForZone', '-', {
  name: required([1, string], '-'),
});
export type ForZone = Infer<typeof forZone>;

export const forNode = message('io.k8s.api.discovery.v1.ForNode', '-', {
  name: required([1, string], '-'),
});
export type ForNode = Infer<typeof forNode>;

export const endpointHints = message('io.k8s.api.discovery.v1.EndpointHints', '-', {
  forZones: optional([1, list(forZone)], '-'),
  forNodes: optional([2, list(forNode)], '-'),
});
export type EndpointHints = Infer<typeof endpointHints>;

export const endpoint = message('io.k8s.api.discovery.v1.Endpoint', '-', {
  addresses: required([1, set(string)], '-'),
  conditions: optional([2, endpointConditions], '-'),
  hostname: pointer([3, string], '-'),
  targetRef: optional([4, objectReference], '-'),
  deprecatedTopology: optional([5, map(string)], '-'),
  nodeName: pointer([6, string], '-'),
  zone: pointer([7, string], '-'),
  hints: optional([8, endpointHints], '-'),
});
export type Endpoint = Infer<typeof endpoint>;

export const endpointPort = atomic(
  message('io.k8s.api.discovery.v1.EndpointPort', '-', {
    name: pointer([1, string], '-', { default: '' }),
    protocol: pointer([2, string], '-', { default: 'TCP', values: ['TCP', 'UDP', 'SCTP'] }),
    port: pointer([3, int32], '-'),
    appProtocol: pointer([4, string], '-'),
  }),
);
export type EndpointPort = Infer<typeof endpointPort>;

export const endpointSlice = message('io.k8s.api.discovery.v1.EndpointSlice', '-', {
  ...typeMeta,
  metadata: required([1, objectMeta], 'Name, labels and other standard metadata.'),
  addressType: required([4, string], '-', { values: ['IPv4', 'IPv6', 'FQDN'] }),
  endpoints: required([2, list(endpoint)], '-'),
  ports: optional([3, list(endpointPort)], '-'),
});
export type EndpointSlice = Infer<typeof endpointSlice>;

export const endpointSlices: Kind<EndpointSlice> = {
  group: 'discovery.k8s.io',
  version: 'v1',
  kind: 'EndpointSlice',
  plural: 'endpointslices',
  singular: 'endpointslice',
  shortNames: [],
  categories: [],
  isNamespaced: true,
  subresources: [],
  schema: endpointSlice,
};

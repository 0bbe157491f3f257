import { objectReference } from '../../core/v1/references.ts';
import type { Kind } from '../../kind.ts';
import { objectMeta } from '../../meta/v1/object-meta.ts';
import {
  type Infer,
  atomic,
  bool,
  filled,
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

export const endpointConditions = message(
  'io.k8s.api.discovery.v1.EndpointConditions',
  'State of an endpoint.',
  {
    ready: pointer([1, bool], 'Whether it should get traffic; true when absent.'),
    serving: pointer([2, bool], 'Whether it answers, also while it is ending; equals ready when absent.'),
    terminating: pointer([3, bool], 'Whether it is ending; false when absent.'),
  },
);
export type EndpointConditions = Infer<typeof endpointConditions>;

export const forZone = message('io.k8s.api.discovery.v1.ForZone', 'A zone.', {
  name: required([1, string], 'Name of the zone.'),
});
export type ForZone = Infer<typeof forZone>;

export const forNode = message('io.k8s.api.discovery.v1.ForNode', 'A node.', {
  name: required([1, string], 'Name of the node.'),
});
export type ForNode = Infer<typeof forNode>;

export const endpointHints = message('io.k8s.api.discovery.v1.EndpointHints', 'Who should use an endpoint.', {
  forZones: optional([1, list(forZone)], 'Zones whose clients should use it.'),
  forNodes: optional([2, list(forNode)], 'Nodes whose clients should use it.'),
});
export type EndpointHints = Infer<typeof endpointHints>;

export const endpoint = message('io.k8s.api.discovery.v1.Endpoint', 'One backend of a Service.', {
  addresses: required([1, set(string)], 'Its addresses, of which proxies use the first.'),
  conditions: optional([2, endpointConditions], 'Its state.'),
  hostname: pointer([3, string], "Host name of the endpoint within the Service's domain."),
  targetRef: optional([4, objectReference], 'The object behind it, most often a Pod.'),
  deprecatedTopology: optional([5, map(string)], 'Topology labels of the old version; cannot be written.'),
  nodeName: pointer([6, string], 'Node it is on.'),
  zone: pointer([7, string], 'Zone it is in.'),
  hints: optional([8, endpointHints], 'Who should use it.'),
});
export type Endpoint = Infer<typeof endpoint>;

export const endpointPort = atomic(
  message('io.k8s.api.discovery.v1.EndpointPort', 'A port of all endpoints of a slice.', {
    name: pointer([1, string], "Name of the Service's port; unique within the slice.", { default: '' }),
    protocol: pointer([2, string], 'TCP, UDP or SCTP.', { default: 'TCP', values: ['TCP', 'UDP', 'SCTP'] }),
    port: pointer([3, int32], 'Number of the port; all ports when absent.'),
    appProtocol: pointer([4, string], 'What is spoken on the port; a hint.'),
  }),
);
export type EndpointPort = Infer<typeof endpointPort>;

export const endpointSlice = message(
  'io.k8s.api.discovery.v1.EndpointSlice',
  'Some of the endpoints of a Service; together its slices hold them all.',
  {
    ...typeMeta,
    metadata: filled([1, objectMeta], 'Name, labels and other standard metadata.'),
    addressType: required([4, string], 'Kind of the addresses; cannot be changed.', {
      values: ['IPv4', 'IPv6', 'FQDN'],
    }),
    endpoints: required([2, list(endpoint)], 'The endpoints; at most 1000.'),
    ports: optional([3, list(endpointPort)], 'Their ports; at most 100.'),
  },
);
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

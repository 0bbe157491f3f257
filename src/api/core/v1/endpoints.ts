import { objectReference } from './references.ts';
import type { Kind } from '../../kind.ts';
import { objectMeta } from '../../meta/v1/object-meta.ts';
import {
  type Infer,
  atomic,
  filled,
  int32,
  list,
  message,
  optional,
  pointer,
  required,
  string,
  typeMeta,
} from '../../schema/schema.ts';

export const endpointAddress = atomic(
  message('io.k8s.api.core.v1.EndpointAddress', 'One address behind a Service.', {
    ip: required([1, string], 'The address.'),
    hostname: optional([3, string], "Host name of the endpoint within the Service's domain."),
    nodeName: pointer([4, string], 'Node the endpoint is on.'),
    targetRef: optional([2, objectReference], 'The object behind the address, most often a Pod.'),
  }),
);
export type EndpointAddress = Infer<typeof endpointAddress>;

export const endpointPort = atomic(
  message('io.k8s.api.core.v1.EndpointPort', 'A port of the addresses of a subset.', {
    name: optional([1, string], "Name of the Service's port; may be empty when there is only one."),
    port: required([2, int32], 'Number of the port.'),
    protocol: optional([3, string], 'TCP, UDP or SCTP.', { default: 'TCP', values: ['TCP', 'UDP', 'SCTP'] }),
    appProtocol: pointer([4, string], 'What is spoken on the port; a hint.'),
  }),
);
export type EndpointPort = Infer<typeof endpointPort>;

export const endpointSubset = message(
  'io.k8s.api.core.v1.EndpointSubset',
  'Addresses that have the same ports.',
  {
    addresses: optional([1, list(endpointAddress)], 'Addresses that are ready.'),
    notReadyAddresses: optional([2, list(endpointAddress)], 'Addresses that are not ready.'),
    ports: optional([3, list(endpointPort)], 'Ports of these addresses.'),
  },
);
export type EndpointSubset = Infer<typeof endpointSubset>;

export const endpointsMessage = message(
  'io.k8s.api.core.v1.Endpoints',
  'The addresses behind a Service, in one object; EndpointSlice is its successor.',
  {
    ...typeMeta,
    metadata: filled([1, objectMeta], 'Name, labels and other standard metadata.'),
    subsets: optional([2, list(endpointSubset)], 'Sets of addresses and ports.'),
  },
);
export type Endpoints = Infer<typeof endpointsMessage>;

export const endpoints: Kind<Endpoints> = {
  group: '',
  version: 'v1',
  kind: 'Endpoints',
  plural: 'endpoints',
  singular: 'endpoints',
  shortNames: ['ep'],
  categories: [],
  isNamespaced: true,
  subresources: [],
  schema: endpointsMessage,
  deprecation: { since: '1.33', use: 'discovery.k8s.io/v1 EndpointSlice' },
};

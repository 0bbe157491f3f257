import { objectReference } from './references.ts';
import type { Kind } from '../../kind.ts';
import { objectMeta } from '../../meta/v1/object-meta.ts';
import {
  type Infer,
  atomic,
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
  message('io.k8s.api.core.v1.EndpointAddress', '-', {
    ip: required([1, string], '-'),
    hostname: optional([3, string], '-'),
    nodeName: pointer([4, string], '-'),
    targetRef: optional([2, objectReference], '-'),
  }),
);
export type EndpointAddress = Infer<typeof endpointAddress>;

export const endpointPort = atomic(
  message('io.k8s.api.core.v1.EndpointPort', '-', {
    name: optional([1, string], '-'),
    port: required([2, int32], '-'),
    protocol: optional([3, string], '-', { default: 'TCP', values: ['TCP', 'UDP', 'SCTP'] }),
    appProtocol: pointer([4, string], '-'),
  }),
);
export type EndpointPort = Infer<typeof endpointPort>;

export const endpointSubset = message('io.k8s.api.core.v1.EndpointSubset', '-', {
  addresses: optional([1, list(endpointAddress)], '-'),
  notReadyAddresses: optional([2, list(endpointAddress)], '-'),
  ports: optional([3, list(endpointPort)], '-'),
});
export type EndpointSubset = Infer<typeof endpointSubset>;

export const endpointsMessage = message('io.k8s.api.core.v1.Endpoints', '-', {
  ...typeMeta,
  metadata: required([1, objectMeta], 'Name, labels and other standard metadata.'),
  subsets: optional([2, list(endpointSubset)], '-'),
});
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
};

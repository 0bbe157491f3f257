import type { Kind } from '../../kind.ts';
import { objectMeta } from '../../meta/v1/object-meta.ts';
import {
  type Infer,
  int32,
  message,
  microTime,
  optional,
  pointer,
  required,
  string,
  typeMeta,
} from '../../schema/schema.ts';

export const leaseSpec = message('io.k8s.api.coordination.v1.LeaseSpec', '-', {
  holderIdentity: pointer([1, string], '-'),
  leaseDurationSeconds: pointer([2, int32], '-'),
  acquireTime: optional([3, microTime], '-'),
  renewTime: optional([4, microTime], '-'),
  leaseTransitions: pointer([5, int32], '-'),
  strategy: pointer([6, string], '-'),
  preferredHolder: pointer([7, string], '-'),
});
export type LeaseSpec = Infer<typeof leaseSpec>;

export const lease = message('io.k8s.api.coordination.v1.Lease', '-', {
  ...typeMeta,
  metadata: required([1, objectMeta], 'Name, labels and other standard metadata.'),
  spec: required([2, leaseSpec], '-'),
});
export type Lease = Infer<typeof lease>;

export const leases: Kind<Lease> = {
  group: 'coordination.k8s.io',
  version: 'v1',
  kind: 'Lease',
  plural: 'leases',
  singular: 'lease',
  shortNames: [],
  categories: [],
  isNamespaced: true,
  subresources: [],
  schema: lease,
};

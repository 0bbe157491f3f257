import type { Kind } from '../../kind.ts';
import { objectMeta } from '../../meta/v1/object-meta.ts';
import {
  type Infer,
  filled,
  int32,
  message,
  microTime,
  optional,
  pointer,
  string,
  typeMeta,
} from '../../schema/schema.ts';

export const leaseSpec = message(
  'io.k8s.api.coordination.v1.LeaseSpec',
  'Who holds a lease and until when.',
  {
    holderIdentity: pointer([1, string], 'Who holds it; nobody when empty.'),
    leaseDurationSeconds: pointer([2, int32], 'How long after renewTime others must wait.'),
    acquireTime: optional([3, microTime], 'When the holder took it.'),
    renewTime: optional([4, microTime], 'When the holder last renewed it.'),
    leaseTransitions: pointer([5, int32], 'How often the holder changed.'),
    strategy: pointer([6, string], 'How the holder is chosen when several want it.'),
    preferredHolder: pointer([7, string], 'Who should take it next.'),
  },
);
export type LeaseSpec = Infer<typeof leaseSpec>;

export const lease = message(
  'io.k8s.api.coordination.v1.Lease',
  'A sign of life, or the right to act alone.',
  {
    ...typeMeta,
    metadata: filled([1, objectMeta], 'Name, labels and other standard metadata.'),
    spec: filled([2, leaseSpec], 'Who holds it and until when.'),
  },
);
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

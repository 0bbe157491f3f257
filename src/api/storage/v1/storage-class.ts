import type { Kind } from '../../kind.ts';
import { objectMeta } from '../../meta/v1/object-meta.ts';
import {
  type Infer,
  atomic,
  bool,
  filled,
  list,
  map,
  message,
  optional,
  pointer,
  required,
  string,
  typeMeta,
} from '../../schema/schema.ts';

const topologySelectorLabelRequirement = message(
  'io.k8s.api.core.v1.TopologySelectorLabelRequirement',
  'A label of nodes and the values that will do.',
  {
    key: required([1, string], 'The label.'),
    values: required([2, list(string)], 'Its values, of which one must be there.'),
  },
);

const topologySelectorTerm = atomic(
  message('io.k8s.api.core.v1.TopologySelectorTerm', 'Labels that nodes must have.', {
    matchLabelExpressions: optional(
      [1, list(topologySelectorLabelRequirement)],
      'The labels, all of which must match.',
    ),
  }),
);

export const storageClass = message('io.k8s.api.storage.v1.StorageClass', 'A kind of storage.', {
  ...typeMeta,
  metadata: filled([1, objectMeta], 'Name, labels and other standard metadata.'),
  provisioner: required([2, string], 'Who makes its volumes.'),
  parameters: optional([3, map(string)], 'Parameters for the provisioner.'),
  reclaimPolicy: pointer([4, string], 'What happens to a volume when its claim is gone.', {
    default: 'Delete',
    values: ['Delete', 'Recycle', 'Retain'],
  }),
  mountOptions: optional([5, list(string)], 'Options for mounting its volumes.'),
  allowVolumeExpansion: pointer([6, bool], 'Whether claims may grow.'),
  volumeBindingMode: pointer([7, string], 'When claims are bound.', {
    default: 'Immediate',
    values: ['Immediate', 'WaitForFirstConsumer'],
  }),
  allowedTopologies: optional([8, list(topologySelectorTerm)], 'Where volumes may be made.'),
});
export type StorageClass = Infer<typeof storageClass>;

export const storageClasses: Kind<StorageClass> = {
  group: 'storage.k8s.io',
  version: 'v1',
  kind: 'StorageClass',
  plural: 'storageclasses',
  singular: 'storageclass',
  shortNames: ['sc'],
  categories: [],
  isNamespaced: false,
  subresources: [],
  schema: storageClass,
};

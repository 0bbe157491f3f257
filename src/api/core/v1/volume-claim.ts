import { typedLocalObjectReference, typedObjectReference } from './references.ts';
import { labelSelector } from '../../meta/v1/label-selector.ts';
import { objectMeta } from '../../meta/v1/object-meta.ts';
import {
  type Infer,
  list,
  map,
  message,
  optional,
  partial,
  pointer,
  quantity,
  required,
  string,
} from '../../schema/schema.ts';

export const volumeResourceRequirements = message(
  'io.k8s.api.core.v1.VolumeResourceRequirements',
  'How much storage a claim asks for.',
  {
    limits: optional([1, map(quantity)], 'The most storage, by resource name.'),
    requests: optional([2, map(quantity)], 'The least storage, by resource name.'),
  },
);
export type VolumeResourceRequirements = Infer<typeof volumeResourceRequirements>;

export const persistentVolumeClaimSpec = message(
  'io.k8s.api.core.v1.PersistentVolumeClaimSpec',
  'What storage a claim asks for.',
  {
    accessModes: optional([1, list(string)], 'How the volume must be mountable, such as ReadWriteOnce.'),
    selector: optional([4, labelSelector], 'Which volumes may be bound.'),
    resources: optional([2, volumeResourceRequirements], 'How large the volume must be.'),
    volumeName: optional([3, string], 'The volume the claim is bound to.'),
    storageClassName: pointer([5, string], 'The StorageClass the volume comes from.'),
    volumeMode: pointer([6, string], 'Filesystem or Block.', { default: 'Filesystem' }),
    dataSource: optional([7, typedLocalObjectReference], 'A snapshot or claim the volume is filled from.'),
    dataSourceRef: optional([8, typedObjectReference], 'An object of any kind the volume is filled from.'),
    volumeAttributesClassName: pointer(
      [9, string],
      'The VolumeAttributesClass the volume gets its attributes from.',
    ),
  },
);
export type PersistentVolumeClaimSpec = Infer<typeof persistentVolumeClaimSpec>;

export const persistentVolumeClaimTemplate = message(
  'io.k8s.api.core.v1.PersistentVolumeClaimTemplate',
  "The claim that is made for a Pod's own volume.",
  {
    metadata: optional([1, partial(objectMeta)], 'Labels and annotations that the claim gets.'),
    spec: required([2, persistentVolumeClaimSpec], 'What the claim asks for.'),
  },
);
export type PersistentVolumeClaimTemplate = Infer<typeof persistentVolumeClaimTemplate>;

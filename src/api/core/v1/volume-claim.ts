import { typedLocalObjectReference, typedObjectReference } from './references.ts';
import type { Kind } from '../../kind.ts';
import { labelSelector } from '../../meta/v1/label-selector.ts';
import { objectMeta } from '../../meta/v1/object-meta.ts';
import {
  type Infer,
  filled,
  list,
  listMap,
  map,
  message,
  optional,
  partial,
  pointer,
  quantity,
  required,
  string,
  time,
  typeMeta,
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

export const persistentVolumeClaimCondition = message(
  'io.k8s.api.core.v1.PersistentVolumeClaimCondition',
  "One aspect of a claim's state.",
  {
    type: required([1, string], 'Name of the aspect.'),
    status: required([2, string], 'True, False or Unknown.'),
    lastProbeTime: optional([3, time], 'When the condition was last looked at.'),
    lastTransitionTime: optional([4, time], 'When the status last changed.'),
    reason: optional([5, string], 'Why it changed last, as one CamelCase word.'),
    message: optional([6, string], 'The same for people.'),
  },
);
export type PersistentVolumeClaimCondition = Infer<typeof persistentVolumeClaimCondition>;

export const modifyVolumeStatus = message(
  'io.k8s.api.core.v1.ModifyVolumeStatus',
  'How far a change of the VolumeAttributesClass is.',
  {
    targetVolumeAttributesClassName: optional([1, string], 'The class that is being changed to.'),
    status: required([2, string], 'Pending, InProgress or Infeasible.'),
  },
);
export type ModifyVolumeStatus = Infer<typeof modifyVolumeStatus>;

export const persistentVolumeClaimStatus = message(
  'io.k8s.api.core.v1.PersistentVolumeClaimStatus',
  'What is known of a claim.',
  {
    phase: optional([1, string], 'Pending, Bound or Lost.', { default: 'Pending' }),
    accessModes: optional([2, list(string)], 'How the volume can be mounted.'),
    capacity: optional([3, map(quantity)], 'What the volume holds, by resource name.'),
    conditions: optional([4, listMap(persistentVolumeClaimCondition, ['type'])], 'Aspects of its state.', {
      patchMergeKey: 'type',
    }),
    allocatedResources: optional([5, map(quantity)], 'What has been set aside, by resource name.'),
    allocatedResourceStatuses: optional([7, map(string)], 'How far a change of size is, by resource name.'),
    currentVolumeAttributesClassName: pointer([8, string], 'The VolumeAttributesClass in use.'),
    modifyVolumeStatus: optional([9, modifyVolumeStatus], 'How far a change of that class is.'),
  },
);
export type PersistentVolumeClaimStatus = Infer<typeof persistentVolumeClaimStatus>;

export const persistentVolumeClaim = message(
  'io.k8s.api.core.v1.PersistentVolumeClaim',
  'Asks for a volume.',
  {
    ...typeMeta,
    metadata: filled([1, objectMeta], 'Name, labels and other standard metadata.'),
    spec: filled([2, persistentVolumeClaimSpec], 'What the claim asks for.'),
    status: optional([3, persistentVolumeClaimStatus], 'What it got.', { default: {} }),
  },
);
export type PersistentVolumeClaim = Infer<typeof persistentVolumeClaim>;

export const persistentVolumeClaims: Kind<PersistentVolumeClaim> = {
  group: '',
  version: 'v1',
  kind: 'PersistentVolumeClaim',
  plural: 'persistentvolumeclaims',
  singular: 'persistentvolumeclaim',
  shortNames: ['pvc'],
  categories: [],
  isNamespaced: true,
  subresources: ['status'],
  schema: persistentVolumeClaim,
};

import type { Kind } from '../../kind.ts';
import { objectMeta } from '../../meta/v1/object-meta.ts';
import {
  type Infer,
  filled,
  list,
  map,
  message,
  optional,
  pointer,
  quantity,
  string,
  time,
  typeMeta,
} from '../../schema/schema.ts';
import { nodeSelector } from './affinity.ts';
import { persistentVolumeSources } from './persistent-volume-sources.ts';
import { objectReference } from './references.ts';

const volumeNodeAffinity = message(
  'io.k8s.api.core.v1.VolumeNodeAffinity',
  'From which nodes a volume can be reached.',
  { required: optional([1, nodeSelector], 'Rules that the node must match.') },
);

export const persistentVolumeSpec = message(
  'io.k8s.api.core.v1.PersistentVolumeSpec',
  'What a volume is, and how it can be used.',
  {
    capacity: optional([1, map(quantity)], 'What the volume holds, by resource name.'),
    ...persistentVolumeSources,
    accessModes: optional([3, list(string)], 'How the volume can be mounted, such as ReadWriteOnce.'),
    claimRef: optional([4, objectReference], 'The claim that has the volume.', {
      patchStrategy: 'replace',
    }),
    persistentVolumeReclaimPolicy: optional([5, string], 'What happens when the claim is gone.', {
      default: 'Retain',
      values: ['Delete', 'Recycle', 'Retain'],
    }),
    storageClassName: optional([6, string], 'The StorageClass the volume belongs to.'),
    mountOptions: optional([7, list(string)], 'Options for mounting it, such as ro or soft.'),
    volumeMode: pointer([8, string], 'Filesystem or Block.', { default: 'Filesystem' }),
    nodeAffinity: optional([9, volumeNodeAffinity], 'From which nodes it can be reached.'),
    volumeAttributesClassName: pointer(
      [10, string],
      'The VolumeAttributesClass the volume gets its attributes from.',
    ),
  },
);
export type PersistentVolumeSpec = Infer<typeof persistentVolumeSpec>;

const persistentVolumeStatus = message(
  'io.k8s.api.core.v1.PersistentVolumeStatus',
  'What is known of a volume.',
  {
    phase: optional([1, string], 'Pending, Available, Bound, Released or Failed.', { default: 'Pending' }),
    message: optional([2, string], 'Why it is so, for people.'),
    reason: optional([3, string], 'The same as one CamelCase word.'),
    lastPhaseTransitionTime: optional([4, time], 'When the phase last changed.'),
  },
);

export const persistentVolume = message('io.k8s.api.core.v1.PersistentVolume', 'A piece of storage.', {
  ...typeMeta,
  metadata: filled([1, objectMeta], 'Name, labels and other standard metadata.'),
  spec: filled([2, persistentVolumeSpec], 'What it is, and how it can be used.'),
  status: optional([3, persistentVolumeStatus], 'What is known of it.', { default: {} }),
});
export type PersistentVolume = Infer<typeof persistentVolume>;

export const persistentVolumes: Kind<PersistentVolume> = {
  group: '',
  version: 'v1',
  kind: 'PersistentVolume',
  plural: 'persistentvolumes',
  singular: 'persistentvolume',
  shortNames: ['pv'],
  categories: [],
  isNamespaced: false,
  subresources: ['status'],
  schema: persistentVolume,
};

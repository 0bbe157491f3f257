import { persistentVolumeSpec } from '../../core/v1/persistent-volume.ts';
import type { Kind } from '../../kind.ts';
import { objectMeta } from '../../meta/v1/object-meta.ts';
import {
  type Infer,
  bool,
  filled,
  int32,
  map,
  message,
  optional,
  pointer,
  required,
  string,
  time,
  typeMeta,
} from '../../schema/schema.ts';

const volumeError = message('io.k8s.api.storage.v1.VolumeError', 'What went wrong with a volume.', {
  time: optional([1, time], 'When it went wrong.'),
  message: optional([2, string], 'What went wrong.'),
  errorCode: pointer([3, int32], 'The gRPC code of the driver’s answer.'),
});

const volumeAttachmentSource = message(
  'io.k8s.api.storage.v1.VolumeAttachmentSource',
  'The volume that is attached; exactly one field is set.',
  {
    persistentVolumeName: pointer([1, string], 'Name of a PersistentVolume.'),
    inlineVolumeSpec: optional([2, persistentVolumeSpec], 'A volume that is written in a Pod.'),
  },
);

const volumeAttachmentSpec = message(
  'io.k8s.api.storage.v1.VolumeAttachmentSpec',
  'What is attached, where, and by whom.',
  {
    attacher: required([1, string], 'Name of the driver that attaches it.'),
    source: required([2, volumeAttachmentSource], 'The volume.'),
    nodeName: required([3, string], 'The node it is attached to.'),
  },
);

const volumeAttachmentStatus = message(
  'io.k8s.api.storage.v1.VolumeAttachmentStatus',
  'How far attaching is.',
  {
    attached: required([1, bool], 'Whether the volume is attached.'),
    attachmentMetadata: optional([2, map(string)], 'What the driver said about it.'),
    attachError: optional([3, volumeError], 'Why it could not be attached.'),
    detachError: optional([4, volumeError], 'Why it could not be detached.'),
  },
);

const volumeAttachment = message(
  'io.k8s.api.storage.v1.VolumeAttachment',
  'The wish to attach a volume to a node.',
  {
    ...typeMeta,
    metadata: filled([1, objectMeta], 'Name, labels and other standard metadata.'),
    spec: required([2, volumeAttachmentSpec], 'What is attached, where, and by whom.'),
    status: optional([3, volumeAttachmentStatus], 'How far that is.'),
  },
);
export type VolumeAttachment = Infer<typeof volumeAttachment>;

export const volumeAttachments: Kind<VolumeAttachment> = {
  group: 'storage.k8s.io',
  version: 'v1',
  kind: 'VolumeAttachment',
  plural: 'volumeattachments',
  singular: 'volumeattachment',
  shortNames: [],
  categories: [],
  isNamespaced: false,
  subresources: ['status'],
  schema: volumeAttachment,
};

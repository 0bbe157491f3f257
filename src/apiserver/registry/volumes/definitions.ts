import { type PersistentVolume, persistentVolumes } from '../../../api/core/v1/persistent-volume.ts';
import { type CSIDriver, csiDrivers, type CSINode, csiNodes } from '../../../api/storage/v1/csi.ts';
import { type StorageClass, storageClasses } from '../../../api/storage/v1/storage-class.ts';
import { type VolumeAttachment, volumeAttachments } from '../../../api/storage/v1/volume-attachment.ts';
import { dns1123Subdomain } from '../../../api/validation/names.ts';
import type { Column } from '../../rest/rest.ts';
import { ageColumn, column, nameColumn, wide } from '../columns.ts';
import { anyDefinition, type Definition } from '../generic/definition.ts';
import { statusStrategy, withStatusOf } from '../strategy.ts';
import {
  csiDriverFaults,
  csiNodeFaults,
  storageClassFaults,
  volumeAttachmentFaults,
  volumeChangeFaults,
  volumeFaults,
} from './validation.ts';

const text = <T>(name: string, description: string, cell: Column<T>['cell']): Column<T> =>
  column(name, 'string', [description, cell]);
const truth = <T>(name: string, description: string, cell: Column<T>['cell']): Column<T> =>
  column(name, 'boolean', [description, cell]);

const SHORT_MODES: Readonly<Record<string, string>> = {
  ReadWriteOnce: 'RWO',
  ReadOnlyMany: 'ROX',
  ReadWriteMany: 'RWX',
  ReadWriteOncePod: 'RWOP',
};

const claimOf = ({ spec: { claimRef } }: PersistentVolume): string =>
  claimRef === undefined ? '' : `${claimRef.namespace ?? ''}/${claimRef.name ?? ''}`;

const volume: Definition<PersistentVolume> = {
  kind: persistentVolumes,
  name: dns1123Subdomain,
  strategy: {
    prepare: ({ next, prev }) => withStatusOf(next, prev ?? { status: { phase: 'Pending' } }),
    validate: ({ next, prev }) => [
      ...volumeFaults(next),
      ...(prev === undefined ? [] : volumeChangeFaults(next, prev)),
    ],
  },
  subresources: { status: statusStrategy<PersistentVolume>() },
  columns: [
    nameColumn(),
    text('Capacity', 'What it holds.', ({ spec }) => spec.capacity?.storage ?? '0'),
    text('Access Modes', 'How it can be mounted.', ({ spec }) =>
      (spec.accessModes ?? []).map((mode) => SHORT_MODES[mode] ?? mode).join(','),
    ),
    text(
      'Reclaim Policy',
      'What happens when its claim is gone.',
      ({ spec }) => spec.persistentVolumeReclaimPolicy ?? '',
    ),
    text('Status', 'Whether it is free.', ({ metadata, status }) =>
      metadata.deletionTimestamp === undefined ? (status?.phase ?? '') : 'Terminating',
    ),
    text('Claim', 'The claim that has it.', claimOf),
    text('StorageClass', 'The StorageClass it belongs to.', ({ spec }) => spec.storageClassName ?? ''),
    text(
      'VolumeAttributesClass',
      'Where it gets its attributes from.',
      ({ spec }) => spec.volumeAttributesClassName ?? '<unset>',
    ),
    text('Reason', 'Why it is in this state.', ({ status }) => status?.reason ?? ''),
    ageColumn(),
    wide(text('VolumeMode', 'Filesystem or Block.', ({ spec }) => spec.volumeMode ?? '<unset>')),
  ],
  resourceVersion: 'optional',
};

const IS_DEFAULT = 'storageclass.kubernetes.io/is-default-class';

const storageClass: Definition<StorageClass> = {
  kind: storageClasses,
  name: dns1123Subdomain,
  strategy: {
    prepare: ({ next }) => next,
    validate: ({ next, prev }) => storageClassFaults(next, prev),
  },
  columns: [
    {
      ...nameColumn<StorageClass>(),
      cell: ({ metadata: { name, annotations } }) =>
        annotations?.[IS_DEFAULT] === 'true' ? `${name} (default)` : name,
    },
    text('Provisioner', 'Who makes its volumes.', ({ provisioner }) => provisioner),
    text(
      'ReclaimPolicy',
      'What happens to a volume when its claim is gone.',
      ({ reclaimPolicy }) => reclaimPolicy ?? 'Delete',
    ),
    text(
      'VolumeBindingMode',
      'When claims are bound.',
      ({ volumeBindingMode }) => volumeBindingMode ?? 'Immediate',
    ),
    text(
      'AllowVolumeExpansion',
      'Whether claims may grow.',
      ({ allowVolumeExpansion }) => allowVolumeExpansion ?? false,
    ),
    ageColumn(),
  ],
  resourceVersion: 'optional',
};

const attachment: Definition<VolumeAttachment> = {
  kind: volumeAttachments,
  name: dns1123Subdomain,
  strategy: {
    prepare: ({ next, prev }) => withStatusOf(next, prev ?? { status: { attached: false } }),
    validate: ({ next, prev }) => volumeAttachmentFaults(next, prev),
  },
  subresources: { status: statusStrategy<VolumeAttachment>() },
  columns: [
    nameColumn(),
    text('Attacher', 'Who attaches it.', ({ spec }) => spec.attacher),
    text('PV', 'The volume.', ({ spec }) => spec.source.persistentVolumeName ?? ''),
    text('Node', 'The node it is attached to.', ({ spec }) => spec.nodeName),
    truth('Attached', 'Whether it is attached.', ({ status }) => status?.attached ?? false),
    ageColumn(),
  ],
  resourceVersion: 'required',
  generationOf: ({ spec }) => spec,
};

const audiencesOf = ({ spec }: CSIDriver): string =>
  spec.tokenRequests?.map(({ audience }) => audience).join(',') ?? '<unset>';

const driver: Definition<CSIDriver> = {
  kind: csiDrivers,
  name: dns1123Subdomain,
  strategy: { prepare: ({ next }) => next, validate: ({ next, prev }) => csiDriverFaults(next, prev) },
  columns: [
    nameColumn(),
    truth('AttachRequired', 'Whether volumes are attached.', ({ spec }) => spec.attachRequired ?? true),
    truth('PodInfoOnMount', 'Whether it is told of Pods.', ({ spec }) => spec.podInfoOnMount ?? false),
    truth('StorageCapacity', 'Whether it reports capacity.', ({ spec }) => spec.storageCapacity ?? false),
    text('TokenRequests', 'For whom it gets tokens.', audiencesOf),
    truth('RequiresRepublish', 'Whether it is called again.', ({ spec }) => spec.requiresRepublish ?? false),
    text('Modes', 'How long its volumes live.', ({ spec }) =>
      (spec.volumeLifecycleModes ?? []).length === 0 ? '<none>' : (spec.volumeLifecycleModes ?? []).join(','),
    ),
    ageColumn(),
  ],
  resourceVersion: 'optional',
  generationOf: ({ spec }) => spec,
};

const node: Definition<CSINode> = {
  kind: csiNodes,
  name: dns1123Subdomain,
  strategy: { prepare: ({ next }) => next, validate: ({ next, prev }) => csiNodeFaults(next, prev) },
  columns: [
    nameColumn(),
    column('Drivers', 'integer', ['How many drivers it has.', ({ spec }) => spec.drivers.length]),
    ageColumn(),
  ],
  resourceVersion: 'optional',
};

/** Storage as an API: kept for the controllers, schedulers and drivers that deal with it. */
export const volumeDefinitions: readonly Definition[] = [
  anyDefinition(volume),
  anyDefinition(storageClass),
  anyDefinition(attachment),
  anyDefinition(driver),
  anyDefinition(node),
];

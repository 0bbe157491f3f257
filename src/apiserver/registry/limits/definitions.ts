import { type PersistentVolumeClaim, persistentVolumeClaims } from '../../../api/core/v1/volume-claim.ts';
import {
  type PodDisruptionBudget,
  podDisruptionBudgets,
} from '../../../api/policy/v1/pod-disruption-budget.ts';
import { dns1123Subdomain } from '../../../api/validation/names.ts';
import type { Column } from '../../rest/rest.ts';
import { ageColumn, column, nameColumn, wide } from '../columns.ts';
import { anyDefinition, type Definition } from '../generic/definition.ts';
import { statusStrategy, withStatusOf } from '../strategy.ts';
import {
  disruptionBudgetFaults,
  disruptionBudgetStatusFaults,
  volumeClaimChangeFaults,
  volumeClaimFaults,
} from './validation.ts';

const text = <T>(name: string, description: string, cell: Column<T>['cell']): Column<T> =>
  column(name, 'string', [description, cell]);

const SHORT_MODES: Readonly<Record<string, string>> = {
  ReadWriteOnce: 'RWO',
  ReadOnlyMany: 'ROX',
  ReadWriteMany: 'RWX',
  ReadWriteOncePod: 'RWOP',
};

const volumeClaim: Definition<PersistentVolumeClaim> = {
  kind: persistentVolumeClaims,
  name: dns1123Subdomain,
  strategy: {
    prepare: ({ next, prev }) => withStatusOf(next, prev ?? { status: { phase: 'Pending' } }),
    validate: ({ next, prev }) => [
      ...volumeClaimFaults(next),
      ...(prev === undefined ? [] : volumeClaimChangeFaults(next, prev)),
    ],
  },
  subresources: { status: statusStrategy<PersistentVolumeClaim>() },
  columns: [
    nameColumn(),
    text('Status', 'Whether it has a volume.', ({ metadata, status }) =>
      metadata.deletionTimestamp === undefined ? (status?.phase ?? '') : 'Terminating',
    ),
    text('Volume', 'The volume it has.', ({ spec }) => spec.volumeName ?? ''),
    text('Capacity', 'What the volume holds.', ({ spec, status }) =>
      (spec.volumeName ?? '') === '' ? '' : (status?.capacity?.storage ?? ''),
    ),
    text('Access Modes', 'How the volume can be mounted.', ({ spec, status }) =>
      (spec.volumeName ?? '') === ''
        ? ''
        : (status?.accessModes ?? []).map((mode) => SHORT_MODES[mode] ?? mode).join(','),
    ),
    text('StorageClass', 'Where the volume comes from.', ({ spec }) => spec.storageClassName ?? ''),
    text(
      'VolumeAttributesClass',
      'Where the volume gets its attributes from.',
      ({ spec }) => spec.volumeAttributesClassName ?? '<unset>',
    ),
    ageColumn(),
    wide(text('VolumeMode', 'Filesystem or Block.', ({ spec }) => spec.volumeMode ?? '<unset>')),
  ],
  resourceVersion: 'optional',
};

const disruptionBudget: Definition<PodDisruptionBudget> = {
  kind: podDisruptionBudgets,
  name: dns1123Subdomain,
  strategy: {
    prepare: ({ next, prev }) => withStatusOf(next, prev ?? { status: noDisruptions }),
    validate: ({ next }) => disruptionBudgetFaults(next),
  },
  subresources: {
    status: statusStrategy<PodDisruptionBudget>(({ next }) => disruptionBudgetStatusFaults(next)),
  },
  columns: [
    nameColumn(),
    text('Min Available', 'How many Pods must stay.', ({ spec }) => String(spec?.minAvailable ?? 'N/A')),
    text('Max Unavailable', 'How many Pods may be missing.', ({ spec }) =>
      String(spec?.maxUnavailable ?? 'N/A'),
    ),
    column('Allowed Disruptions', 'integer', [
      'How many Pods may go now.',
      ({ status }) => status?.disruptionsAllowed ?? 0,
    ]),
    ageColumn(),
  ],
  resourceVersion: 'optional',
  generationOf: ({ spec }) => spec,
};
const noDisruptions = { disruptionsAllowed: 0, currentHealthy: 0, desiredHealthy: 0, expectedPods: 0 };

/** What bounds workloads: the volumes they ask for and how many Pods may be taken from them. */
export const limitDefinitions: readonly Definition[] = [
  anyDefinition(volumeClaim),
  anyDefinition(disruptionBudget),
];

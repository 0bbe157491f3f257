import {
  type LimitRange,
  limitRanges,
  type ResourceQuota,
  resourceQuotas,
} from '../../../api/core/v1/quota.ts';
import { type PersistentVolumeClaim, persistentVolumeClaims } from '../../../api/core/v1/volume-claim.ts';
import {
  type PodDisruptionBudget,
  podDisruptionBudgets,
} from '../../../api/policy/v1/pod-disruption-budget.ts';
import { type PriorityClass, priorityClasses } from '../../../api/scheduling/v1/priority-class.ts';
import { dns1123Subdomain } from '../../../api/validation/names.ts';
import type { Column } from '../../rest/rest.ts';
import { ageColumn, column, nameColumn, wide } from '../columns.ts';
import { anyDefinition, type Definition } from '../generic/definition.ts';
import { statusStrategy, withStatusOf } from '../strategy.ts';
import {
  disruptionBudgetFaults,
  disruptionBudgetStatusFaults,
  priorityClassFaults,
  resourceQuotaFaults,
  resourceQuotaStatusFaults,
  volumeClaimChangeFaults,
  volumeClaimFaults,
} from './validation.ts';
import { limitRangeFaults } from './limit-ranges.ts';

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

const priorityClass: Definition<PriorityClass> = {
  kind: priorityClasses,
  name: dns1123Subdomain,
  strategy: {
    prepare: ({ next }) => next,
    validate: ({ next, prev }) => priorityClassFaults(next, prev),
  },
  columns: [
    nameColumn(),
    column('Value', 'integer', ['The priority of Pods of the class.', ({ value }) => value]),
    column('Global-Default', 'boolean', [
      'Whether Pods without class are of this one.',
      ({ globalDefault }) => globalDefault ?? false,
    ]),
    ageColumn(),
    text(
      'PreemptionPolicy',
      'Whether Pods of the class take the place of others.',
      ({ preemptionPolicy }) => preemptionPolicy ?? '',
    ),
  ],
  resourceVersion: 'optional',
  generationOf: ({ value }) => value,
  deletion: {
    refusal: ({ metadata: { name } }) =>
      name === 'system-node-critical' || name === 'system-cluster-critical'
        ? 'this is a system priority class and cannot be deleted'
        : undefined,
  },
};

/** `name: used/hard`, of requests or of limits. */
const amountsText = ({ spec, status }: ResourceQuota, areLimits: boolean): string =>
  Object.keys(status?.hard ?? spec?.hard ?? {})
    .filter((name) => name.startsWith('limits') === areLimits)
    .sort()
    .map((name) => `${name}: ${status?.used?.[name] ?? '0'}/${(status?.hard ?? spec?.hard ?? {})[name]}`)
    .join(', ');

const resourceQuota: Definition<ResourceQuota> = {
  kind: resourceQuotas,
  name: dns1123Subdomain,
  strategy: {
    prepare: ({ next, prev }) => withStatusOf(next, prev ?? { status: {} }),
    validate: ({ next, prev }) => resourceQuotaFaults(next, prev),
  },
  subresources: { status: statusStrategy<ResourceQuota>(({ next }) => resourceQuotaStatusFaults(next)) },
  columns: [
    nameColumn(),
    text('Request', 'What may be asked for, and what is.', (quota) => amountsText(quota, false)),
    text('Limit', 'What may be used at most, and what is.', (quota) => amountsText(quota, true)),
    ageColumn(),
  ],
  resourceVersion: 'optional',
};

const limitRange: Definition<LimitRange> = {
  kind: limitRanges,
  name: dns1123Subdomain,
  strategy: { prepare: ({ next }) => next, validate: ({ next }) => limitRangeFaults(next) },
  columns: [
    nameColumn(),
    text('Created At', 'When it was made.', ({ metadata }) => metadata.creationTimestamp ?? ''),
  ],
  resourceVersion: 'optional',
  isCreatedByUpdate: true,
};

/** What bounds workloads: volumes they ask for, Pods that may be taken from them, their importance, and quotas. */
export const limitDefinitions: readonly Definition[] = [
  anyDefinition(volumeClaim),
  anyDefinition(disruptionBudget),
  anyDefinition(priorityClass),
  anyDefinition(resourceQuota),
  anyDefinition(limitRange),
];

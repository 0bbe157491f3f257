import { replicaSets, type ReplicaSet } from '../../../api/apps/v1/replica-set.ts';
import { dns1123Subdomain } from '../../../api/validation/names.ts';
import { ageColumn, column, nameColumn, templateColumns } from '../columns.ts';
import type { Definition } from '../generic/definition.ts';
import { replicaSetStatusStrategy, replicaSetStrategy } from './strategy.ts';

export const replicaSetDefinition: Definition<ReplicaSet> = {
  kind: replicaSets,
  name: dns1123Subdomain,
  strategy: replicaSetStrategy,
  subresources: { status: replicaSetStatusStrategy },
  columns: [
    nameColumn(),
    column('Desired', 'integer', ['How many Pods are wanted.', ({ spec }) => spec.replicas ?? 0]),
    column('Current', 'integer', ['How many Pods there are.', ({ status }) => status?.replicas ?? 0]),
    column('Ready', 'integer', ['How many Pods are ready.', ({ status }) => status?.readyReplicas ?? 0]),
    ageColumn(),
    ...templateColumns<ReplicaSet>(
      ({ spec }) => spec.template?.spec.containers ?? [],
      ({ spec }) => spec.selector,
    ),
  ],
  fields: { 'status.replicas': ({ status }) => String(status?.replicas ?? 0) },
  resourceVersion: 'optional',
  generationOf: ({ spec }) => spec,
};

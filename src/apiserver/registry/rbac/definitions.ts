import type { KubeObject } from '../../../api/kind.ts';
import { clusterRoleBindings, type ClusterRoleBinding } from '../../../api/rbac/v1/cluster-role-binding.ts';
import { clusterRoles, type ClusterRole } from '../../../api/rbac/v1/cluster-role.ts';
import { roleBindings, type RoleBinding } from '../../../api/rbac/v1/role-binding.ts';
import { roles, type Role } from '../../../api/rbac/v1/role.ts';
import { pathSegmentName } from '../../../api/validation/names.ts';
import type { Column } from '../../rest/rest.ts';
import { ageColumn, column, nameColumn, wide } from '../columns.ts';
import type { Definition } from '../generic/definition.ts';
import { bindingChangeFaults, bindingFaults, clusterRoleFaults, ruleFaults } from './validation.ts';

/** Names are those of path segments, so that `system:node` is one; a PUT of what does not exist creates it. */
const shared = { name: pathSegmentName, resourceVersion: 'optional', isCreatedByUpdate: true } as const;

const createdAt = <T extends KubeObject>(): Column<T> =>
  column('Created At', 'date', [
    'When the object was created.',
    ({ metadata }) => metadata.creationTimestamp ?? '<unknown>',
  ]);

export const roleDefinition: Definition<Role> = {
  ...shared,
  kind: roles,
  strategy: { prepare: ({ next }) => next, validate: ({ next }) => ruleFaults(next.rules, true) },
  columns: [nameColumn(), createdAt()],
};

export const clusterRoleDefinition: Definition<ClusterRole> = {
  ...shared,
  kind: clusterRoles,
  strategy: { prepare: ({ next }) => next, validate: ({ next }) => clusterRoleFaults(next) },
  columns: [nameColumn(), createdAt()],
};

const named = (kind: string, { subjects = [] }: RoleBinding): string =>
  subjects
    .filter((subject) => subject.kind === kind)
    .map(({ name, namespace }) => (kind === 'ServiceAccount' ? `${namespace ?? ''}/${name}` : name))
    .join(', ');

const bindingColumns: readonly Column<RoleBinding>[] = [
  nameColumn(),
  column('Role', 'string', ['The role that is granted.', ({ roleRef }) => `${roleRef.kind}/${roleRef.name}`]),
  ageColumn(),
  wide(column('Users', 'string', ['Users it is granted to.', (binding) => named('User', binding)])),
  wide(column('Groups', 'string', ['Groups it is granted to.', (binding) => named('Group', binding)])),
  wide(
    column('ServiceAccounts', 'string', [
      'Service accounts it is granted to.',
      (binding) => named('ServiceAccount', binding),
    ]),
  ),
];

export const roleBindingDefinition: Definition<RoleBinding> = {
  ...shared,
  kind: roleBindings,
  strategy: {
    prepare: ({ next }) => next,
    validate: ({ next, prev }) => [
      ...bindingFaults(next, true),
      ...(prev === undefined ? [] : bindingChangeFaults(next, prev)),
    ],
  },
  columns: bindingColumns,
};

export const clusterRoleBindingDefinition: Definition<ClusterRoleBinding> = {
  ...shared,
  kind: clusterRoleBindings,
  strategy: {
    prepare: ({ next }) => next,
    validate: ({ next, prev }) => [
      ...bindingFaults(next, false),
      ...(prev === undefined ? [] : bindingChangeFaults(next, prev)),
    ],
  },
  columns: bindingColumns,
};

import type { Kind } from '../../kind.ts';
import { objectMeta } from '../../meta/v1/object-meta.ts';
import {
  type Infer,
  atomic,
  filled,
  list,
  message,
  optional,
  required,
  string,
  typeMeta,
} from '../../schema/schema.ts';
import { RBAC_GROUP } from './role.ts';

export const subject = atomic(
  message('io.k8s.api.rbac.v1.Subject', 'Whom a role is granted to.', {
    kind: required([1, string], 'User, Group or ServiceAccount.'),
    apiGroup: optional([2, string], 'Group of the subject; "" for a ServiceAccount.', {
      default: ({ kind }) => (kind === 'User' || kind === 'Group' ? RBAC_GROUP : undefined),
    }),
    name: required([3, string], 'Name of the subject.'),
    namespace: optional([4, string], 'Namespace of a ServiceAccount.'),
  }),
);
export type Subject = Infer<typeof subject>;

export const roleRef = atomic(
  message('io.k8s.api.rbac.v1.RoleRef', 'The role that is granted.', {
    apiGroup: optional([1, string], 'Group of the role.', { default: RBAC_GROUP }),
    kind: required([2, string], 'Role or ClusterRole.'),
    name: required([3, string], 'Name of the role.'),
  }),
);
export type RoleRef = Infer<typeof roleRef>;

export const roleBinding = message(
  'io.k8s.api.rbac.v1.RoleBinding',
  'Grants a role to subjects, in one namespace.',
  {
    ...typeMeta,
    metadata: filled([1, objectMeta], 'Name, labels and other standard metadata.'),
    subjects: optional([2, list(subject)], 'Who is granted the role.'),
    roleRef: required([3, roleRef], 'The role; it can never be changed.'),
  },
);
export type RoleBinding = Infer<typeof roleBinding>;

export const roleBindings: Kind<RoleBinding> = {
  group: RBAC_GROUP,
  version: 'v1',
  kind: 'RoleBinding',
  plural: 'rolebindings',
  singular: 'rolebinding',
  shortNames: [],
  categories: [],
  isNamespaced: true,
  subresources: [],
  schema: roleBinding,
};

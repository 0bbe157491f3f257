import type { Kind } from '../../kind.ts';
import { objectMeta } from '../../meta/v1/object-meta.ts';
import { type Infer, filled, list, message, optional, required, typeMeta } from '../../schema/schema.ts';
import { roleRef, subject } from './role-binding.ts';
import { RBAC_GROUP } from './role.ts';

export const clusterRoleBinding = message(
  'io.k8s.api.rbac.v1.ClusterRoleBinding',
  'Grants a ClusterRole to subjects, everywhere.',
  {
    ...typeMeta,
    metadata: filled([1, objectMeta], 'Name, labels and other standard metadata.'),
    subjects: optional([2, list(subject)], 'Who is granted the role.'),
    roleRef: required([3, roleRef], 'The role; it can never be changed.'),
  },
);
export type ClusterRoleBinding = Infer<typeof clusterRoleBinding>;

export const clusterRoleBindings: Kind<ClusterRoleBinding> = {
  group: RBAC_GROUP,
  version: 'v1',
  kind: 'ClusterRoleBinding',
  plural: 'clusterrolebindings',
  singular: 'clusterrolebinding',
  shortNames: [],
  categories: [],
  isNamespaced: false,
  subresources: [],
  schema: clusterRoleBinding,
};

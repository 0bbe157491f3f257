import type { Kind } from '../../kind.ts';
import { objectMeta } from '../../meta/v1/object-meta.ts';
import {
  type Infer,
  filled,
  list,
  message,
  optional,
  required,
  string,
  typeMeta,
} from '../../schema/schema.ts';

export const RBAC_GROUP = 'rbac.authorization.k8s.io';

export const policyRule = message('io.k8s.api.rbac.v1.PolicyRule', 'What may be done with what.', {
  verbs: required([1, list(string)], 'What may be done, such as get or list; * is everything.'),
  apiGroups: optional([2, list(string)], 'Groups of the resources; "" is the core group, * is every group.'),
  resources: optional([3, list(string)], 'Resources, or resource/subresource; * is all of them.'),
  resourceNames: optional([4, list(string)], 'Names of single objects; every object when empty.'),
  nonResourceURLs: optional(
    [5, list(string)],
    'Paths that are no resources; a * at the end stands for the rest of the path.',
  ),
});
export type PolicyRule = Infer<typeof policyRule>;

export const role = message('io.k8s.api.rbac.v1.Role', 'Rules that may be granted in one namespace.', {
  ...typeMeta,
  metadata: filled([1, objectMeta], 'Name, labels and other standard metadata.'),
  rules: filled([2, list(policyRule)], 'What is granted.'),
});
export type Role = Infer<typeof role>;

export const roles: Kind<Role> = {
  group: RBAC_GROUP,
  version: 'v1',
  kind: 'Role',
  plural: 'roles',
  singular: 'role',
  shortNames: [],
  categories: [],
  isNamespaced: true,
  subresources: [],
  schema: role,
};

import type { Kind } from '../../kind.ts';
import { labelSelector } from '../../meta/v1/label-selector.ts';
import { objectMeta } from '../../meta/v1/object-meta.ts';
import { type Infer, filled, list, message, optional, pointer, typeMeta } from '../../schema/schema.ts';
import { RBAC_GROUP, policyRule } from './role.ts';

export const aggregationRule = message(
  'io.k8s.api.rbac.v1.AggregationRule',
  'Whose rules a ClusterRole gathers.',
  {
    clusterRoleSelectors: optional(
      [1, list(labelSelector)],
      'ClusterRoles that match one of these give their rules.',
    ),
  },
);
export type AggregationRule = Infer<typeof aggregationRule>;

export const clusterRole = message(
  'io.k8s.api.rbac.v1.ClusterRole',
  'Rules that may be granted everywhere, or in single namespaces.',
  {
    ...typeMeta,
    metadata: filled([1, objectMeta], 'Name, labels and other standard metadata.'),
    rules: filled(
      [2, list(policyRule)],
      'What is granted; filled by the controller if there is aggregation.',
    ),
    aggregationRule: pointer([3, aggregationRule], 'Where the rules are gathered from.'),
  },
);
export type ClusterRole = Infer<typeof clusterRole>;

export const clusterRoles: Kind<ClusterRole> = {
  group: RBAC_GROUP,
  version: 'v1',
  kind: 'ClusterRole',
  plural: 'clusterroles',
  singular: 'clusterrole',
  shortNames: [],
  categories: [],
  isNamespaced: false,
  subresources: [],
  schema: clusterRole,
};

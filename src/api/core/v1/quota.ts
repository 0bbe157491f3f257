import type { Kind } from '../../kind.ts';
import { objectMeta } from '../../meta/v1/object-meta.ts';
import {
  type Infer,
  atomic,
  filled,
  list,
  map,
  message,
  optional,
  quantity,
  required,
  string,
  typeMeta,
} from '../../schema/schema.ts';

/** Limits of a namespace: ResourceQuota of all its objects together, LimitRange of each. */

export const scopedResourceSelectorRequirement = message(
  'io.k8s.api.core.v1.ScopedResourceSelectorRequirement',
  'A condition on what a quota counts.',
  {
    scopeName: required([1, string], 'The scope, such as PriorityClass.'),
    operator: required([2, string], 'In, NotIn, Exists or DoesNotExist.'),
    values: optional([3, list(string)], 'The values for In and NotIn.'),
  },
);
export const scopeSelector = atomic(
  message('io.k8s.api.core.v1.ScopeSelector', 'What a quota counts; all conditions must hold.', {
    matchExpressions: optional([1, list(scopedResourceSelectorRequirement)], 'The conditions.'),
  }),
);

export const resourceQuotaSpec = message('io.k8s.api.core.v1.ResourceQuotaSpec', 'How much there may be.', {
  hard: optional([1, map(quantity)], 'The most, by resource name.'),
  scopes: optional([2, list(string)], 'Which objects are counted; all when absent.'),
  scopeSelector: optional([3, scopeSelector], 'Conditions on the objects that are counted.'),
});
export type ResourceQuotaSpec = Infer<typeof resourceQuotaSpec>;

export const resourceQuotaStatus = message('io.k8s.api.core.v1.ResourceQuotaStatus', 'How much there is.', {
  hard: optional([1, map(quantity)], 'The most, by resource name, as it was last counted.'),
  used: optional([2, map(quantity)], 'What is in use, by resource name.'),
});

export const resourceQuota = message(
  'io.k8s.api.core.v1.ResourceQuota',
  'Limits what a namespace holds in all.',
  {
    ...typeMeta,
    metadata: filled([1, objectMeta], 'Name, labels and other standard metadata.'),
    spec: optional([2, resourceQuotaSpec], 'How much there may be.'),
    status: optional([3, resourceQuotaStatus], 'How much there is.'),
  },
);
export type ResourceQuota = Infer<typeof resourceQuota>;

export const resourceQuotas: Kind<ResourceQuota> = {
  group: '',
  version: 'v1',
  kind: 'ResourceQuota',
  plural: 'resourcequotas',
  singular: 'resourcequota',
  shortNames: ['quota'],
  categories: [],
  isNamespaced: true,
  subresources: ['status'],
  schema: resourceQuota,
};

export const limitRangeItem = message('io.k8s.api.core.v1.LimitRangeItem', 'Limits of one sort of object.', {
  type: required([1, string], 'Pod, Container or PersistentVolumeClaim.'),
  max: optional([2, map(quantity)], 'The most, by resource name.'),
  min: optional([3, map(quantity)], 'The least, by resource name.'),
  default: optional([4, map(quantity)], 'The limit of those that say none, by resource name.'),
  defaultRequest: optional([5, map(quantity)], 'The request of those that say none, by resource name.'),
  maxLimitRequestRatio: optional([6, map(quantity)], 'How much the limit may exceed the request.'),
});
export type LimitRangeItem = Infer<typeof limitRangeItem>;

export const limitRangeSpec = message('io.k8s.api.core.v1.LimitRangeSpec', 'Limits of objects.', {
  limits: required([1, list(limitRangeItem)], 'The limits, by sort of object.'),
});

export const limitRange = message('io.k8s.api.core.v1.LimitRange', 'Limits what each object may ask for.', {
  ...typeMeta,
  metadata: filled([1, objectMeta], 'Name, labels and other standard metadata.'),
  spec: optional([2, limitRangeSpec], 'The limits.'),
});
export type LimitRange = Infer<typeof limitRange>;

export const limitRanges: Kind<LimitRange> = {
  group: '',
  version: 'v1',
  kind: 'LimitRange',
  plural: 'limitranges',
  singular: 'limitrange',
  shortNames: ['limits'],
  categories: [],
  isNamespaced: true,
  subresources: [],
  schema: limitRange,
};

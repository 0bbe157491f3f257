import { localObjectReference, objectReference } from './references.ts';
import type { Kind } from '../../kind.ts';
import { objectMeta } from '../../meta/v1/object-meta.ts';
import {
  type Infer,
  bool,
  filled,
  list,
  listMap,
  message,
  optional,
  pointer,
  typeMeta,
} from '../../schema/schema.ts';

export const serviceAccount = message('io.k8s.api.core.v1.ServiceAccount', 'An identity for processes.', {
  ...typeMeta,
  metadata: filled([1, objectMeta], 'Name, labels and other standard metadata.'),
  secrets: optional(
    [2, listMap(objectReference, ['name'])],
    'Secrets that Pods with this identity may use.',
    { patchMergeKey: 'name' },
  ),
  imagePullSecrets: optional([3, list(localObjectReference)], 'Secrets for fetching images.'),
  automountServiceAccountToken: pointer(
    [4, bool],
    'Whether Pods with this identity get a token unless they say otherwise.',
  ),
});
export type ServiceAccount = Infer<typeof serviceAccount>;

export const serviceAccounts: Kind<ServiceAccount> = {
  group: '',
  version: 'v1',
  kind: 'ServiceAccount',
  plural: 'serviceaccounts',
  singular: 'serviceaccount',
  shortNames: ['sa'],
  categories: [],
  isNamespaced: true,
  subresources: [],
  schema: serviceAccount,
};

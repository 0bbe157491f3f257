import type { Kind } from '../../kind.ts';
import { objectMeta } from '../../meta/v1/object-meta.ts';
import { nameAsLabel } from './namespace-defaults.ts';
import {
  type Infer,
  filled,
  list,
  listMap,
  message,
  optional,
  required,
  string,
  time,
  typeMeta,
} from '../../schema/schema.ts';

export const namespaceSpec = message('io.k8s.api.core.v1.NamespaceSpec', 'How a Namespace is removed.', {
  finalizers: optional([1, list(string)], 'Tasks that must be done before the Namespace is removed.'),
});
export type NamespaceSpec = Infer<typeof namespaceSpec>;

export const namespaceCondition = message(
  'io.k8s.api.core.v1.NamespaceCondition',
  "One aspect of a Namespace's state.",
  {
    type: required([1, string], 'Name of the aspect.'),
    status: required([2, string], 'True, False or Unknown.'),
    lastTransitionTime: optional([4, time], 'When the status last changed.'),
    reason: optional([5, string], 'Why it changed last, as one CamelCase word.'),
    message: optional([6, string], 'The same for people.'),
  },
);
export type NamespaceCondition = Infer<typeof namespaceCondition>;

export const namespaceStatus = message(
  'io.k8s.api.core.v1.NamespaceStatus',
  'What is known of a Namespace.',
  {
    phase: optional([1, string], 'Active or Terminating.', {
      default: 'Active',
      values: ['Active', 'Terminating'],
    }),
    conditions: optional(
      [2, listMap(namespaceCondition, ['type'])],
      'Aspects of its state, mostly of its removal.',
      { patchMergeKey: 'type' },
    ),
  },
);
export type NamespaceStatus = Infer<typeof namespaceStatus>;

export const namespace = message('io.k8s.api.core.v1.Namespace', 'A space within which names are unique.', {
  ...typeMeta,
  metadata: filled([1, objectMeta], 'Name, labels and other standard metadata.'),
  spec: optional([2, namespaceSpec], 'How the Namespace is removed.'),
  status: optional([3, namespaceStatus], 'Where it is in its life.'),
});
export type Namespace = Infer<typeof namespace>;

export const namespaces: Kind<Namespace> = {
  group: '',
  version: 'v1',
  kind: 'Namespace',
  plural: 'namespaces',
  singular: 'namespace',
  shortNames: ['ns'],
  categories: [],
  isNamespaced: false,
  subresources: ['status'],
  schema: namespace,
  defaultRules: [nameAsLabel],
};

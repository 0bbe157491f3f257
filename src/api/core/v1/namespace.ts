import type { Kind } from '../../kind.ts';
import { objectMeta } from '../../meta/v1/object-meta.ts';
import { nameAsLabel } from './namespace-defaults.ts';
import {
  type Infer,
  list,
  listMap,
  message,
  optional,
  required,
  string,
  time,
  typeMeta,
} from '../../schema/schema.ts';

export const namespaceSpec = message('io.k8s.api.core.v1.NamespaceSpec', '-', {
  finalizers: optional([1, list(string)], '-'),
});
export type NamespaceSpec = Infer<typeof namespaceSpec>;

export const namespaceCondition = message('io.k8s.api.core.v1.NamespaceCondition', '-', {
  type: required([1, string], '-'),
  status: required([2, string], '-'),
  lastTransitionTime: optional([4, time], '-'),
  reason: optional([5, string], '-'),
  message: optional([6, string], '-'),
});
export type NamespaceCondition = Infer<typeof namespaceCondition>;

export const namespaceStatus = message('io.k8s.api.core.v1.NamespaceStatus', '-', {
  phase: optional([1, string], '-', { default: 'Active', values: ['Active', 'Terminating'] }),
  conditions: optional([2, listMap(namespaceCondition, ['type'])], '-', { patchMergeKey: 'type' }),
});
export type NamespaceStatus = Infer<typeof namespaceStatus>;

export const namespace = message('io.k8s.api.core.v1.Namespace', '-', {
  ...typeMeta,
  metadata: required([1, objectMeta], 'Name, labels and other standard metadata.'),
  spec: optional([2, namespaceSpec], '-'),
  status: optional([3, namespaceStatus], '-'),
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

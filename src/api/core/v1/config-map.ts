import type { Kind } from '../../kind.ts';
import { objectMeta } from '../../meta/v1/object-meta.ts';
import {
  type Infer,
  bool,
  bytes,
  map,
  message,
  optional,
  pointer,
  required,
  string,
  typeMeta,
} from '../../schema/schema.ts';

export const configMap = message('io.k8s.api.core.v1.ConfigMap', '-', {
  ...typeMeta,
  metadata: required([1, objectMeta], 'Name, labels and other standard metadata.'),
  immutable: pointer([4, bool], '-'),
  data: optional([2, map(string)], '-'),
  binaryData: optional([3, map(bytes)], '-'),
});
export type ConfigMap = Infer<typeof configMap>;

export const configMaps: Kind<ConfigMap> = {
  group: '',
  version: 'v1',
  kind: 'ConfigMap',
  plural: 'configmaps',
  singular: 'configmap',
  shortNames: ['cm'],
  categories: [],
  isNamespaced: true,
  subresources: [],
  schema: configMap,
};

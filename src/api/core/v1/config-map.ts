import type { Kind } from '../../kind.ts';
import { objectMeta } from '../../meta/v1/object-meta.ts';
import {
  type Infer,
  bool,
  bytes,
  filled,
  map,
  message,
  optional,
  pointer,
  string,
  typeMeta,
} from '../../schema/schema.ts';

export const configMap = message('io.k8s.api.core.v1.ConfigMap', 'Configuration as keys and values.', {
  ...typeMeta,
  metadata: filled([1, objectMeta], 'Name, labels and other standard metadata.'),
  immutable: pointer([4, bool], 'Whether the content may never change again.'),
  data: optional([2, map(string)], 'Values that are text.'),
  binaryData: optional([3, map(bytes)], 'Values that are bytes, in base64.'),
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

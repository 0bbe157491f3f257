import type { Kind } from '../../kind.ts';
import { objectMeta } from '../../meta/v1/object-meta.ts';
import { foldStringData } from './secret-defaults.ts';
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

export const secret = message('io.k8s.api.core.v1.Secret', 'Keys and values that are not for everyone.', {
  ...typeMeta,
  metadata: filled([1, objectMeta], 'Name, labels and other standard metadata.'),
  immutable: pointer([5, bool], 'Whether the content may never change again.'),
  data: optional([2, map(bytes)], 'Values, in base64.'),
  stringData: optional([4, map(string)], 'Values as plain text; written into data and never returned.'),
  type: optional([3, string], 'What the content is for, such as Opaque or kubernetes.io/tls.', {
    default: 'Opaque',
  }),
});
export type Secret = Infer<typeof secret>;

export const secrets: Kind<Secret> = {
  group: '',
  version: 'v1',
  kind: 'Secret',
  plural: 'secrets',
  singular: 'secret',
  shortNames: [],
  categories: [],
  isNamespaced: true,
  subresources: [],
  schema: secret,
  defaultRules: [foldStringData],
};

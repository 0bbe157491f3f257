import type { Kind } from '../../kind.ts';
import { objectMeta } from '../../meta/v1/object-meta.ts';
import { type Infer, filled, message, required, typeMeta } from '../../schema/schema.ts';
import { objectReference } from './references.ts';

export const binding = message('io.k8s.api.core.v1.Binding', 'Puts a Pod on a node.', {
  ...typeMeta,
  metadata: filled([1, objectMeta], 'Name of the Pod.'),
  target: required([2, objectReference], 'The node.'),
});
export type Binding = Infer<typeof binding>;

/** What a scheduler writes to the binding subresource of a Pod; it is not stored. */
export const bindings: Kind<Binding> = {
  group: '',
  version: 'v1',
  kind: 'Binding',
  plural: 'bindings',
  singular: 'binding',
  shortNames: [],
  categories: [],
  isNamespaced: true,
  subresources: [],
  schema: binding,
};

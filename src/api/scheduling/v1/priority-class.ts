import type { Kind } from '../../kind.ts';
import { objectMeta } from '../../meta/v1/object-meta.ts';
import {
  type Infer,
  bool,
  filled,
  int32,
  message,
  optional,
  pointer,
  required,
  string,
  typeMeta,
} from '../../schema/schema.ts';

export const priorityClass = message(
  'io.k8s.api.scheduling.v1.PriorityClass',
  'A name for how important Pods are.',
  {
    ...typeMeta,
    metadata: filled([1, objectMeta], 'Name, labels and other standard metadata.'),
    value: required([2, int32], 'The priority of Pods of this class; higher is more important.'),
    globalDefault: optional([3, bool], 'Whether Pods without class are of this one.'),
    description: optional([4, string], 'When to use the class.'),
    preemptionPolicy: pointer([5, string], 'Whether Pods of this class take the place of others.', {
      default: 'PreemptLowerPriority',
      values: ['PreemptLowerPriority', 'Never'],
    }),
  },
);
export type PriorityClass = Infer<typeof priorityClass>;

export const priorityClasses: Kind<PriorityClass> = {
  group: 'scheduling.k8s.io',
  version: 'v1',
  kind: 'PriorityClass',
  plural: 'priorityclasses',
  singular: 'priorityclass',
  shortNames: ['pc'],
  categories: [],
  isNamespaced: false,
  subresources: [],
  schema: priorityClass,
};

import { type Infer, int64, message, optional, required, string, time } from '../../schema/schema.ts';

export const condition = message(
  'io.k8s.apimachinery.pkg.apis.meta.v1.Condition',
  "One aspect of an object's present state.",
  {
    type: required([1, string], 'Name of the aspect, in CamelCase or with a domain.'),
    status: required([2, string], 'True, False or Unknown.'),
    observedGeneration: optional(
      [3, int64],
      'The generation of the desired state that this was judged from.',
    ),
    lastTransitionTime: required([4, time], 'When the status last changed.'),
    reason: required([5, string], 'Why it changed last, as one CamelCase word.'),
    message: required([6, string], 'The same for people; may be empty.'),
  },
);
export type Condition = Infer<typeof condition>;

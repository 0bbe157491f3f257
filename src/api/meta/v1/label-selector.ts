import { type Infer, atomic, list, map, message, optional, required, string } from '../../schema/schema.ts';

export const labelSelectorRequirement = message(
  'io.k8s.apimachinery.pkg.apis.meta.v1.LabelSelectorRequirement',
  'One condition on a label.',
  {
    key: required([1, string], 'The label that is looked at.'),
    operator: required([2, string], 'How the label is compared with the values.'),
    values: optional([3, list(string)], 'The values for In and NotIn; absent for Exists and DoesNotExist.'),
  },
);
export type LabelSelectorRequirement = Infer<typeof labelSelectorRequirement>;

export const labelSelector = atomic(
  message(
    'io.k8s.apimachinery.pkg.apis.meta.v1.LabelSelector',
    'Chooses objects by their labels; all conditions must hold, and no condition chooses everything.',
    {
      matchLabels: optional([1, map(string)], 'Labels that must be present with exactly these values.'),
      matchExpressions: optional([2, list(labelSelectorRequirement)], 'Further conditions on labels.'),
    },
  ),
);
export type LabelSelector = Infer<typeof labelSelector>;

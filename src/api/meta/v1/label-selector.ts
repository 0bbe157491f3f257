import { type Infer, atomic, list, map, message, optional, required, string } from '../../schema/schema.ts';

export const labelSelectorRequirement = message(
  'io.k8s.apimachinery.pkg.apis.meta.v1.LabelSelectorRequirement',
  '-',
  {
    key: required([1, string], '-'),
    operator: required([2, string], '-'),
    values: optional([3, list(string)], '-'),
  },
);
export type LabelSelectorRequirement = Infer<typeof labelSelectorRequirement>;

export const labelSelector = atomic(
  message('io.k8s.apimachinery.pkg.apis.meta.v1.LabelSelector', '-', {
    matchLabels: optional([1, map(string)], '-'),
    matchExpressions: optional([2, list(labelSelectorRequirement)], '-'),
  }),
);
export type LabelSelector = Infer<typeof labelSelector>;

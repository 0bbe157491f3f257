import { type Infer, int64, message, optional, required, string, time } from '../../schema/schema.ts';

export const condition = message('io.k8s.apimachinery.pkg.apis.meta.v1.Condition', '-', {
  type: required([1, string], '-'),
  status: required([2, string], '-'),
  observedGeneration: optional([3, int64], '-'),
  lastTransitionTime: required([4, time], '-'),
  reason: required([5, string], '-'),
  message: required([6, string], '-'),
});
export type Condition = Infer<typeof condition>;

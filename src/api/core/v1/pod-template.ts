import { podSpec } from './pod-spec.ts';
import { objectMeta } from '../../meta/v1/object-meta.ts';
import { type Infer, filled, message, optional, partial } from '../../schema/schema.ts';

export const podTemplateSpec = message(
  'io.k8s.api.core.v1.PodTemplateSpec',
  'The Pod that a workload makes copies of.',
  {
    metadata: optional([1, partial(objectMeta)], 'Labels and annotations that the Pods get.'),
    spec: filled([2, podSpec], 'What the Pods should be.'),
  },
);
export type PodTemplateSpec = Infer<typeof podTemplateSpec>;

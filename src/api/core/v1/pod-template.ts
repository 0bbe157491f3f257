import { podSpec } from './pod-spec.ts';
import { objectMeta } from '../../meta/v1/object-meta.ts';
import { type Infer, message, optional, partial, required } from '../../schema/schema.ts';

export const podTemplateSpec = message('io.k8s.api.core.v1.PodTemplateSpec', '-', {
  metadata: optional([1, partial(objectMeta)], '-'),
  spec: required([2, podSpec], '-'),
});
export type PodTemplateSpec = Infer<typeof podTemplateSpec>;

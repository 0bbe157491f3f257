import {
  type Infer,
  listMap,
  map,
  message,
  optional,
  pointer,
  quantity,
  required,
  string,
} from '../../schema/schema.ts';

export const resourceClaim = message('io.k8s.api.core.v1.ResourceClaim', '-', {
  name: required([1, string], '-'),
  request: optional([2, string], '-'),
});
export type ResourceClaim = Infer<typeof resourceClaim>;

export const resourceRequirements = message('io.k8s.api.core.v1.ResourceRequirements', '-', {
  limits: optional([1, map(quantity)], '-'),
  requests: optional([2, map(quantity)], '-'),
  claims: optional([3, listMap(resourceClaim, ['name'])], '-'),
});
export type ResourceRequirements = Infer<typeof resourceRequirements>;

export const containerResizePolicy = message('io.k8s.api.core.v1.ContainerResizePolicy', '-', {
  resourceName: required([1, string], '-'),
  restartPolicy: required([2, string], '-', { values: ['NotRequired', 'RestartContainer'] }),
});
export type ContainerResizePolicy = Infer<typeof containerResizePolicy>;

export const podResourceClaim = message('io.k8s.api.core.v1.PodResourceClaim', '-', {
  name: required([1, string], '-'),
  resourceClaimName: pointer([3, string], '-'),
  resourceClaimTemplateName: pointer([4, string], '-'),
});
export type PodResourceClaim = Infer<typeof podResourceClaim>;

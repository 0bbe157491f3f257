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

export const resourceClaim = message(
  'io.k8s.api.core.v1.ResourceClaim',
  'A claim of the Pod that a container uses.',
  {
    name: required([1, string], 'Name of the entry in spec.resourceClaims.'),
    request: optional([2, string], 'The request within the claim; all of them when empty.'),
  },
);
export type ResourceClaim = Infer<typeof resourceClaim>;

export const resourceRequirements = message(
  'io.k8s.api.core.v1.ResourceRequirements',
  'How much a container needs and how much it may use.',
  {
    limits: optional([1, map(quantity)], 'The most that may be used, by resource name.'),
    requests: optional(
      [2, map(quantity)],
      'The least that must be available; equals the limits when left out.',
    ),
    claims: optional([3, listMap(resourceClaim, ['name'])], 'Claims on devices that the container uses.'),
  },
);
export type ResourceRequirements = Infer<typeof resourceRequirements>;

export const containerResizePolicy = message(
  'io.k8s.api.core.v1.ContainerResizePolicy',
  'What a change of a resource amount does to a running container.',
  {
    resourceName: required([1, string], 'The resource, cpu or memory.'),
    restartPolicy: required([2, string], 'Whether the container restarts when the amount changes.', {
      values: ['NotRequired', 'RestartContainer'],
    }),
  },
);
export type ContainerResizePolicy = Infer<typeof containerResizePolicy>;

export const podResourceClaim = message(
  'io.k8s.api.core.v1.PodResourceClaim',
  'A claim on devices that containers of the Pod may use.',
  {
    name: required([1, string], 'Name of the claim within the Pod.'),
    resourceClaimName: pointer([3, string], 'An existing ResourceClaim in the namespace.'),
    resourceClaimTemplateName: pointer(
      [4, string],
      'A ResourceClaimTemplate from which a claim is made for this Pod.',
    ),
  },
);
export type PodResourceClaim = Infer<typeof podResourceClaim>;

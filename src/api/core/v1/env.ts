import {
  configMapKeySelector,
  fileKeySelector,
  localObjectReference,
  objectFieldSelector,
  resourceFieldSelector,
  secretKeySelector,
} from './references.ts';
import {
  type Infer,
  bool,
  inline,
  message,
  optional,
  pointer,
  required,
  string,
} from '../../schema/schema.ts';

export const configMapEnvSource = message(
  'io.k8s.api.core.v1.ConfigMapEnvSource',
  'All entries of a ConfigMap as environment variables.',
  {
    ...inline(1, localObjectReference),
    optional: pointer([2, bool], 'Whether the ConfigMap may be missing.'),
  },
);
export type ConfigMapEnvSource = Infer<typeof configMapEnvSource>;

export const secretEnvSource = message(
  'io.k8s.api.core.v1.SecretEnvSource',
  'All entries of a Secret as environment variables.',
  {
    ...inline(1, localObjectReference),
    optional: pointer([2, bool], 'Whether the Secret may be missing.'),
  },
);
export type SecretEnvSource = Infer<typeof secretEnvSource>;

export const envFromSource = message('io.k8s.api.core.v1.EnvFromSource', 'A set of environment variables.', {
  prefix: optional([1, string], "Text put before each variable's name."),
  configMapRef: optional([2, configMapEnvSource], 'The ConfigMap to take entries from.'),
  secretRef: optional([3, secretEnvSource], 'The Secret to take entries from.'),
});
export type EnvFromSource = Infer<typeof envFromSource>;

export const envVarSource = message(
  'io.k8s.api.core.v1.EnvVarSource',
  "Where a variable's value comes from; exactly one field is set.",
  {
    fieldRef: optional(
      [1, objectFieldSelector],
      'A field of the Pod, such as metadata.name or status.podIP.',
    ),
    resourceFieldRef: optional([2, resourceFieldSelector], 'A resource amount of the container.'),
    configMapKeyRef: optional([3, configMapKeySelector], 'A key of a ConfigMap.'),
    secretKeyRef: optional([4, secretKeySelector], 'A key of a Secret.'),
    fileKeyRef: optional([5, fileKeySelector], 'A variable in an environment file on a volume.'),
  },
);
export type EnvVarSource = Infer<typeof envVarSource>;

export const envVar = message('io.k8s.api.core.v1.EnvVar', 'One environment variable.', {
  name: required([1, string], 'Name of the variable.'),
  value: optional(
    [2, string],
    'Its value; $(NAME) stands for a variable defined before, $$( for a plain $(.',
  ),
  valueFrom: optional([3, envVarSource], 'Where the value comes from, instead of value.'),
});
export type EnvVar = Infer<typeof envVar>;

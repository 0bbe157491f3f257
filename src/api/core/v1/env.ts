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

export const configMapEnvSource = message('io.k8s.api.core.v1.ConfigMapEnvSource', '-', {
  ...inline(1, localObjectReference),
  optional: pointer([2, bool], '-'),
});
export type ConfigMapEnvSource = Infer<typeof configMapEnvSource>;

export const secretEnvSource = message('io.k8s.api.core.v1.SecretEnvSource', '-', {
  ...inline(1, localObjectReference),
  optional: pointer([2, bool], '-'),
});
export type SecretEnvSource = Infer<typeof secretEnvSource>;

export const envFromSource = message('io.k8s.api.core.v1.EnvFromSource', '-', {
  prefix: optional([1, string], '-'),
  configMapRef: optional([2, configMapEnvSource], '-'),
  secretRef: optional([3, secretEnvSource], '-'),
});
export type EnvFromSource = Infer<typeof envFromSource>;

export const envVarSource = message('io.k8s.api.core.v1.EnvVarSource', '-', {
  fieldRef: optional([1, objectFieldSelector], '-'),
  resourceFieldRef: optional([2, resourceFieldSelector], '-'),
  configMapKeyRef: optional([3, configMapKeySelector], '-'),
  secretKeyRef: optional([4, secretKeySelector], '-'),
  fileKeyRef: optional([5, fileKeySelector], '-'),
});
export type EnvVarSource = Infer<typeof envVarSource>;

export const envVar = message('io.k8s.api.core.v1.EnvVar', '-', {
  name: required([1, string], '-'),
  value: optional([2, string], '-'),
  valueFrom: optional([3, envVarSource], '-'),
});
export type EnvVar = Infer<typeof envVar>;

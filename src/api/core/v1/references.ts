import {
  type Infer,
  atomic,
  bool,
  inline,
  int32,
  message,
  optional,
  pointer,
  quantity,
  required,
  string,
} from '../../schema/schema.ts';

export const localObjectReference = atomic(
  message('io.k8s.api.core.v1.LocalObjectReference', '-', {
    name: optional([1, string], '-'),
  }),
);
export type LocalObjectReference = Infer<typeof localObjectReference>;

export const objectReference = atomic(
  message('io.k8s.api.core.v1.ObjectReference', '-', {
    kind: optional([1, string], '-'),
    namespace: optional([2, string], '-'),
    name: optional([3, string], '-'),
    uid: optional([4, string], '-'),
    apiVersion: optional([5, string], '-'),
    resourceVersion: optional([6, string], '-'),
    fieldPath: optional([7, string], '-'),
  }),
);
export type ObjectReference = Infer<typeof objectReference>;

export const typedLocalObjectReference = atomic(
  message('io.k8s.api.core.v1.TypedLocalObjectReference', '-', {
    apiGroup: pointer([1, string], '-'),
    kind: required([2, string], '-'),
    name: required([3, string], '-'),
  }),
);
export type TypedLocalObjectReference = Infer<typeof typedLocalObjectReference>;

export const typedObjectReference = message('io.k8s.api.core.v1.TypedObjectReference', '-', {
  apiGroup: pointer([1, string], '-'),
  kind: required([2, string], '-'),
  name: required([3, string], '-'),
  namespace: pointer([4, string], '-'),
});
export type TypedObjectReference = Infer<typeof typedObjectReference>;

export const keyToPath = message('io.k8s.api.core.v1.KeyToPath', '-', {
  key: required([1, string], '-'),
  path: required([2, string], '-'),
  mode: pointer([3, int32], '-'),
});
export type KeyToPath = Infer<typeof keyToPath>;

export const objectFieldSelector = atomic(
  message('io.k8s.api.core.v1.ObjectFieldSelector', '-', {
    apiVersion: optional([1, string], '-', { default: 'v1' }),
    fieldPath: required([2, string], '-'),
  }),
);
export type ObjectFieldSelector = Infer<typeof objectFieldSelector>;

export const resourceFieldSelector = atomic(
  message('io.k8s.api.core.v1.ResourceFieldSelector', '-', {
    containerName: optional([1, string], '-'),
    resource: required([2, string], '-'),
    divisor: optional([3, quantity], '-', { default: '0' }),
  }),
);
export type ResourceFieldSelector = Infer<typeof resourceFieldSelector>;

export const configMapKeySelector = atomic(
  message('io.k8s.api.core.v1.ConfigMapKeySelector', '-', {
    ...inline(1, localObjectReference),
    key: required([2, string], '-'),
    optional: pointer([3, bool], '-'),
  }),
);
export type ConfigMapKeySelector = Infer<typeof configMapKeySelector>;

export const secretKeySelector = atomic(
  message('io.k8s.api.core.v1.SecretKeySelector', '-', {
    ...inline(1, localObjectReference),
    key: required([2, string], '-'),
    optional: pointer([3, bool], '-'),
  }),
);
export type SecretKeySelector = Infer<typeof secretKeySelector>;

export const fileKeySelector = message('io.k8s.api.core.v1.FileKeySelector', '-', {
  volumeName: required([1, string], '-'),
  path: required([2, string], '-'),
  key: required([3, string], '-'),
  optional: pointer([4, bool], '-'),
});
export type FileKeySelector = Infer<typeof fileKeySelector>;

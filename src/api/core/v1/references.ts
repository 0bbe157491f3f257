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
  message('io.k8s.api.core.v1.LocalObjectReference', 'Names another object in the same namespace.', {
    name: optional([1, string], 'Name of the object.'),
  }),
);
export type LocalObjectReference = Infer<typeof localObjectReference>;

export const objectReference = atomic(
  message('io.k8s.api.core.v1.ObjectReference', 'Points at an object, or at a part of one.', {
    kind: optional([1, string], 'Kind of the object.'),
    namespace: optional([2, string], 'Namespace of the object.'),
    name: optional([3, string], 'Name of the object.'),
    uid: optional([4, string], 'UID of the object.'),
    apiVersion: optional([5, string], 'Group and version of the object.'),
    resourceVersion: optional([6, string], 'The revision of the object that is meant.'),
    fieldPath: optional([7, string], 'The part of the object that is meant, such as spec.containers{name}.'),
  }),
);
export type ObjectReference = Infer<typeof objectReference>;

export const typedLocalObjectReference = atomic(
  message(
    'io.k8s.api.core.v1.TypedLocalObjectReference',
    'Names an object of any kind in the same namespace.',
    {
      apiGroup: pointer([1, string], 'API group of the object; absent for the core group.'),
      kind: required([2, string], 'Kind of the object.'),
      name: required([3, string], 'Name of the object.'),
    },
  ),
);
export type TypedLocalObjectReference = Infer<typeof typedLocalObjectReference>;

export const typedObjectReference = message(
  'io.k8s.api.core.v1.TypedObjectReference',
  'Names an object of any kind, also in another namespace.',
  {
    apiGroup: pointer([1, string], 'API group of the object; absent for the core group.'),
    kind: required([2, string], 'Kind of the object.'),
    name: required([3, string], 'Name of the object.'),
    namespace: pointer([4, string], 'Namespace of the object; absent for the same one.'),
  },
);
export type TypedObjectReference = Infer<typeof typedObjectReference>;

export const keyToPath = message('io.k8s.api.core.v1.KeyToPath', 'Puts one key into one file.', {
  key: required([1, string], 'The key to project.'),
  path: required([2, string], "File name relative to the volume's root; may not contain '..'."),
  mode: pointer([3, int32], "Permission bits of this file; the volume's default mode when absent."),
});
export type KeyToPath = Infer<typeof keyToPath>;

export const objectFieldSelector = atomic(
  message('io.k8s.api.core.v1.ObjectFieldSelector', 'Chooses a field of the Pod.', {
    apiVersion: optional([1, string], 'The version the field path is written in.', { default: 'v1' }),
    fieldPath: required([2, string], 'Path of the field, such as metadata.name or status.podIP.'),
  }),
);
export type ObjectFieldSelector = Infer<typeof objectFieldSelector>;

export const resourceFieldSelector = atomic(
  message('io.k8s.api.core.v1.ResourceFieldSelector', 'Chooses a resource amount of a container.', {
    containerName: optional(
      [1, string],
      'The container; needed in volumes, the own one in environment variables.',
    ),
    resource: required([2, string], 'The amount, such as limits.cpu or requests.memory.'),
    divisor: optional([3, quantity], 'The unit the amount is expressed in.', { default: '0' }),
  }),
);
export type ResourceFieldSelector = Infer<typeof resourceFieldSelector>;

export const configMapKeySelector = atomic(
  message('io.k8s.api.core.v1.ConfigMapKeySelector', 'Chooses a key of a ConfigMap.', {
    ...inline(1, localObjectReference),
    key: required([2, string], 'The key.'),
    optional: pointer([3, bool], 'Whether the ConfigMap or the key may be missing.'),
  }),
);
export type ConfigMapKeySelector = Infer<typeof configMapKeySelector>;

export const secretKeySelector = atomic(
  message('io.k8s.api.core.v1.SecretKeySelector', 'Chooses a key of a Secret.', {
    ...inline(1, localObjectReference),
    key: required([2, string], 'The key.'),
    optional: pointer([3, bool], 'Whether the Secret or the key may be missing.'),
  }),
);
export type SecretKeySelector = Infer<typeof secretKeySelector>;

export const fileKeySelector = message(
  'io.k8s.api.core.v1.FileKeySelector',
  'Chooses a variable in an environment file on a volume.',
  {
    volumeName: required([1, string], 'The volume that holds the file.'),
    path: required([2, string], 'Path of the file within the volume.'),
    key: required([3, string], 'Name of the variable within the file.'),
    optional: pointer([4, bool], 'Whether the file or the variable may be missing.'),
  },
);
export type FileKeySelector = Infer<typeof fileKeySelector>;

import { keyToPath, localObjectReference } from './references.ts';
import { persistentVolumeClaimTemplate } from './volume-claim.ts';
import { downwardAPIVolumeFile, volumeProjection } from './volume-projection.ts';
import {
  type Infer,
  bool,
  inline,
  int32,
  list,
  map,
  message,
  optional,
  pointer,
  quantity,
  required,
  string,
} from '../../schema/schema.ts';

export const hostPathVolumeSource = message('io.k8s.api.core.v1.HostPathVolumeSource', '-', {
  path: required([1, string], '-'),
  type: pointer([2, string], '-', { default: '' }),
});
export type HostPathVolumeSource = Infer<typeof hostPathVolumeSource>;

export const emptyDirVolumeSource = message('io.k8s.api.core.v1.EmptyDirVolumeSource', '-', {
  medium: optional([1, string], '-', { values: ['', 'Memory', 'HugePages'] }),
  sizeLimit: pointer([2, quantity], '-'),
});
export type EmptyDirVolumeSource = Infer<typeof emptyDirVolumeSource>;

export const gitRepoVolumeSource = message('io.k8s.api.core.v1.GitRepoVolumeSource', '-', {
  repository: required([1, string], '-'),
  revision: optional([2, string], '-'),
  directory: optional([3, string], '-'),
});
export type GitRepoVolumeSource = Infer<typeof gitRepoVolumeSource>;

export const secretVolumeSource = message('io.k8s.api.core.v1.SecretVolumeSource', '-', {
  secretName: optional([1, string], '-'),
  items: optional([2, list(keyToPath)], '-'),
  defaultMode: pointer([3, int32], '-', { default: 0o644 }),
  optional: pointer([4, bool], '-'),
});
export type SecretVolumeSource = Infer<typeof secretVolumeSource>;

export const configMapVolumeSource = message('io.k8s.api.core.v1.ConfigMapVolumeSource', '-', {
  ...inline(1, localObjectReference),
  items: optional([2, list(keyToPath)], '-'),
  defaultMode: pointer([3, int32], '-', { default: 0o644 }),
  optional: pointer([4, bool], '-'),
});
export type ConfigMapVolumeSource = Infer<typeof configMapVolumeSource>;

export const downwardAPIVolumeSource = message('io.k8s.api.core.v1.DownwardAPIVolumeSource', '-', {
  items: optional([1, list(downwardAPIVolumeFile)], '-'),
  defaultMode: pointer([2, int32], '-', { default: 0o644 }),
});
export type DownwardAPIVolumeSource = Infer<typeof downwardAPIVolumeSource>;

export const projectedVolumeSource = message('io.k8s.api.core.v1.ProjectedVolumeSource', '-', {
  sources: optional([1, list(volumeProjection)], '-'),
  defaultMode: pointer([2, int32], '-', { default: 0o644 }),
});
export type ProjectedVolumeSource = Infer<typeof projectedVolumeSource>;

export const persistentVolumeClaimVolumeSource = message(
  'io.k8s.api.core.v1.PersistentVolumeClaimVolumeSource',
  '-',
  {
    claimName: required([1, string], '-'),
    readOnly: optional([2, bool], '-'),
  },
);
export type PersistentVolumeClaimVolumeSource = Infer<typeof persistentVolumeClaimVolumeSource>;

export const ephemeralVolumeSource = message('io.k8s.api.core.v1.EphemeralVolumeSource', '-', {
  volumeClaimTemplate: optional([1, persistentVolumeClaimTemplate], '-'),
});
export type EphemeralVolumeSource = Infer<typeof ephemeralVolumeSource>;

export const imageVolumeSource = message('io.k8s.api.core.v1.ImageVolumeSource', '-', {
  reference: optional([1, string], '-'),
  pullPolicy: optional([2, string], '-'),
});
export type ImageVolumeSource = Infer<typeof imageVolumeSource>;

export const csiVolumeSource = message('io.k8s.api.core.v1.CSIVolumeSource', '-', {
  driver: required([1, string], '-'),
  readOnly: pointer([2, bool], '-'),
  fsType: pointer([3, string], '-'),
  volumeAttributes: optional([4, map(string)], '-'),
  nodePublishSecretRef: optional([5, localObjectReference], '-'),
});
export type CSIVolumeSource = Infer<typeof csiVolumeSource>;

export const nfsVolumeSource = message('io.k8s.api.core.v1.NFSVolumeSource', '-', {
  server: required([1, string], '-'),
  path: required([2, string], '-'),
  readOnly: optional([3, bool], '-'),
});
export type NFSVolumeSource = Infer<typeof nfsVolumeSource>;

import { keyToPath, localObjectReference, objectFieldSelector, resourceFieldSelector } from './references.ts';
import { labelSelector } from '../../meta/v1/label-selector.ts';
import {
  type Infer,
  bool,
  inline,
  int32,
  int64,
  list,
  map,
  message,
  optional,
  pointer,
  required,
  string,
} from '../../schema/schema.ts';

export const secretProjection = message('io.k8s.api.core.v1.SecretProjection', '-', {
  ...inline(1, localObjectReference),
  items: optional([2, list(keyToPath)], '-'),
  optional: pointer([4, bool], '-'),
});
export type SecretProjection = Infer<typeof secretProjection>;

export const downwardAPIVolumeFile = message('io.k8s.api.core.v1.DownwardAPIVolumeFile', '-', {
  path: required([1, string], '-'),
  fieldRef: optional([2, objectFieldSelector], '-'),
  resourceFieldRef: optional([3, resourceFieldSelector], '-'),
  mode: pointer([4, int32], '-'),
});
export type DownwardAPIVolumeFile = Infer<typeof downwardAPIVolumeFile>;

export const downwardAPIProjection = message('io.k8s.api.core.v1.DownwardAPIProjection', '-', {
  items: optional([1, list(downwardAPIVolumeFile)], '-'),
});
export type DownwardAPIProjection = Infer<typeof downwardAPIProjection>;

export const configMapProjection = message('io.k8s.api.core.v1.ConfigMapProjection', '-', {
  ...inline(1, localObjectReference),
  items: optional([2, list(keyToPath)], '-'),
  optional: pointer([4, bool], '-'),
});
export type ConfigMapProjection = Infer<typeof configMapProjection>;

export const serviceAccountTokenProjection = message(
  'io.k8s.api.core.v1.ServiceAccountTokenProjection',
  '-',
  {
    audience: optional([1, string], '-'),
    expirationSeconds: pointer([2, int64], '-', { default: 3600 }),
    path: required([3, string], '-'),
  },
);
export type ServiceAccountTokenProjection = Infer<typeof serviceAccountTokenProjection>;

export const clusterTrustBundleProjection = message('io.k8s.api.core.v1.ClusterTrustBundleProjection', '-', {
  name: pointer([1, string], '-'),
  signerName: pointer([2, string], '-'),
  labelSelector: optional([3, labelSelector], '-'),
  optional: pointer([5, bool], '-'),
  path: required([4, string], '-'),
});
export type ClusterTrustBundleProjection = Infer<typeof clusterTrustBundleProjection>;

export const podCertificateProjection = message('io.k8s.api.core.v1.PodCertificateProjection', '-', {
  signerName: optional([1, string], '-'),
  keyType: optional([2, string], '-'),
  maxExpirationSeconds: pointer([3, int32], '-'),
  credentialBundlePath: optional([4, string], '-'),
  keyPath: optional([5, string], '-'),
  certificateChainPath: optional([6, string], '-'),
  userAnnotations: optional([7, map(string)], '-'),
});
export type PodCertificateProjection = Infer<typeof podCertificateProjection>;

export const volumeProjection = message('io.k8s.api.core.v1.VolumeProjection', '-', {
  secret: optional([1, secretProjection], '-'),
  downwardAPI: optional([2, downwardAPIProjection], '-'),
  configMap: optional([3, configMapProjection], '-'),
  serviceAccountToken: optional([4, serviceAccountTokenProjection], '-'),
  clusterTrustBundle: optional([5, clusterTrustBundleProjection], '-'),
  podCertificate: optional([6, podCertificateProjection], '-'),
});
export type VolumeProjection = Infer<typeof volumeProjection>;

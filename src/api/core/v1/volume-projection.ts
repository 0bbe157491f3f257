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

export const secretProjection = message(
  'io.k8s.api.core.v1.SecretProjection',
  'Entries of a Secret as files of a projected volume.',
  {
    ...inline(1, localObjectReference),
    items: optional([2, list(keyToPath)], 'The keys to project and their files; all keys when empty.'),
    optional: pointer([4, bool], 'Whether the Secret or its keys may be missing.'),
  },
);
export type SecretProjection = Infer<typeof secretProjection>;

export const downwardAPIVolumeFile = message(
  'io.k8s.api.core.v1.DownwardAPIVolumeFile',
  'One file with information about the Pod.',
  {
    path: required([1, string], "File name relative to the volume's root."),
    fieldRef: optional([2, objectFieldSelector], "The Pod's field that fills the file."),
    resourceFieldRef: optional(
      [3, resourceFieldSelector],
      "The container's resource amount that fills the file.",
    ),
    mode: pointer([4, int32], "Permission bits of this file; the volume's default mode when absent."),
  },
);
export type DownwardAPIVolumeFile = Infer<typeof downwardAPIVolumeFile>;

export const downwardAPIProjection = message(
  'io.k8s.api.core.v1.DownwardAPIProjection',
  'Information about the Pod as files of a projected volume.',
  {
    items: optional([1, list(downwardAPIVolumeFile)], 'The files.'),
  },
);
export type DownwardAPIProjection = Infer<typeof downwardAPIProjection>;

export const configMapProjection = message(
  'io.k8s.api.core.v1.ConfigMapProjection',
  'Entries of a ConfigMap as files of a projected volume.',
  {
    ...inline(1, localObjectReference),
    items: optional([2, list(keyToPath)], 'The keys to project and their files; all keys when empty.'),
    optional: pointer([4, bool], 'Whether the ConfigMap or its keys may be missing.'),
  },
);
export type ConfigMapProjection = Infer<typeof configMapProjection>;

export const serviceAccountTokenProjection = message(
  'io.k8s.api.core.v1.ServiceAccountTokenProjection',
  "A token of the Pod's service account as a file, renewed before it ends.",
  {
    audience: optional([1, string], 'Whom the token is for; the API server when empty.'),
    expirationSeconds: pointer([2, int64], 'How long the token should last; at least 600.', {
      default: 3600,
    }),
    path: required([3, string], "File name relative to the volume's root."),
  },
);
export type ServiceAccountTokenProjection = Infer<typeof serviceAccountTokenProjection>;

export const clusterTrustBundleProjection = message(
  'io.k8s.api.core.v1.ClusterTrustBundleProjection',
  'Trusted certificates as a file.',
  {
    name: pointer([1, string], 'One ClusterTrustBundle by name.'),
    signerName: pointer([2, string], 'All bundles of this signer that the selector chooses.'),
    labelSelector: optional([3, labelSelector], 'Which bundles of the signer are taken.'),
    optional: pointer([5, bool], 'Whether the bundles may be missing.'),
    path: required([4, string], "File name relative to the volume's root."),
  },
);
export type ClusterTrustBundleProjection = Infer<typeof clusterTrustBundleProjection>;

export const podCertificateProjection = message(
  'io.k8s.api.core.v1.PodCertificateProjection',
  'A private key and a certificate made for this Pod, renewed before it ends.',
  {
    signerName: required([1, string], 'Who signs the certificate.'),
    keyType: required([2, string], 'The kind of key, such as ED25519 or RSA4096.'),
    maxExpirationSeconds: pointer([3, int32], 'The longest life of the certificate.'),
    credentialBundlePath: optional([4, string], 'File for key and certificates together.'),
    keyPath: optional([5, string], 'File for the key alone.'),
    certificateChainPath: optional([6, string], 'File for the certificates alone.'),
    userAnnotations: optional([7, map(string)], 'Pairs that are passed on to the signer.'),
  },
);
export type PodCertificateProjection = Infer<typeof podCertificateProjection>;

export const volumeProjection = message(
  'io.k8s.api.core.v1.VolumeProjection',
  'One source of a projected volume; exactly one field is set.',
  {
    secret: optional([1, secretProjection], 'Entries of a Secret.'),
    downwardAPI: optional([2, downwardAPIProjection], 'Information about the Pod.'),
    configMap: optional([3, configMapProjection], 'Entries of a ConfigMap.'),
    serviceAccountToken: optional([4, serviceAccountTokenProjection], 'A token of the service account.'),
    clusterTrustBundle: optional([5, clusterTrustBundleProjection], 'Trusted certificates.'),
    podCertificate: optional([6, podCertificateProjection], 'A key and certificate for this Pod.'),
  },
);
export type VolumeProjection = Infer<typeof volumeProjection>;

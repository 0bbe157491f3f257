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

export const hostPathVolumeSource = message(
  'io.k8s.api.core.v1.HostPathVolumeSource',
  'A file or directory of the node.',
  {
    path: required([1, string], 'Path on the node.'),
    type: pointer(
      [2, string],
      'What must be there or is made, such as DirectoryOrCreate; empty means no check.',
      { default: '' },
    ),
  },
);
export type HostPathVolumeSource = Infer<typeof hostPathVolumeSource>;

export const emptyDirVolumeSource = message(
  'io.k8s.api.core.v1.EmptyDirVolumeSource',
  'A directory that lives as long as the Pod.',
  {
    medium: optional([1, string], "Where it is kept: the node's disk when empty, or Memory.", {
      values: ['', 'Memory', 'HugePages'],
    }),
    sizeLimit: pointer([2, quantity], 'The most it may hold; no limit when absent.'),
  },
);
export type EmptyDirVolumeSource = Infer<typeof emptyDirVolumeSource>;

export const gitRepoVolumeSource = message(
  'io.k8s.api.core.v1.GitRepoVolumeSource',
  'A clone of a git repository; no longer supported.',
  {
    repository: required([1, string], 'URL of the repository.'),
    revision: optional([2, string], 'Commit to check out.'),
    directory: optional([3, string], 'Directory to clone into.'),
  },
);
export type GitRepoVolumeSource = Infer<typeof gitRepoVolumeSource>;

export const secretVolumeSource = message(
  'io.k8s.api.core.v1.SecretVolumeSource',
  'Entries of a Secret as files.',
  {
    secretName: optional([1, string], 'Name of the Secret.'),
    items: optional([2, list(keyToPath)], 'The keys to project and their files; all keys when empty.'),
    defaultMode: pointer([3, int32], 'Permission bits of files that set none.', { default: 0o644 }),
    optional: pointer([4, bool], 'Whether the Secret or its keys may be missing.'),
  },
);
export type SecretVolumeSource = Infer<typeof secretVolumeSource>;

export const configMapVolumeSource = message(
  'io.k8s.api.core.v1.ConfigMapVolumeSource',
  'Entries of a ConfigMap as files.',
  {
    ...inline(1, localObjectReference),
    items: optional([2, list(keyToPath)], 'The keys to project and their files; all keys when empty.'),
    defaultMode: pointer([3, int32], 'Permission bits of files that set none.', { default: 0o644 }),
    optional: pointer([4, bool], 'Whether the ConfigMap or its keys may be missing.'),
  },
);
export type ConfigMapVolumeSource = Infer<typeof configMapVolumeSource>;

export const downwardAPIVolumeSource = message(
  'io.k8s.api.core.v1.DownwardAPIVolumeSource',
  'Information about the Pod as files.',
  {
    items: optional([1, list(downwardAPIVolumeFile)], 'The files.'),
    defaultMode: pointer([2, int32], 'Permission bits of files that set none.', { default: 0o644 }),
  },
);
export type DownwardAPIVolumeSource = Infer<typeof downwardAPIVolumeSource>;

export const projectedVolumeSource = message(
  'io.k8s.api.core.v1.ProjectedVolumeSource',
  'Several sources in one directory.',
  {
    sources: optional([1, list(volumeProjection)], 'The sources.'),
    defaultMode: pointer([2, int32], 'Permission bits of files that set none.', { default: 0o644 }),
  },
);
export type ProjectedVolumeSource = Infer<typeof projectedVolumeSource>;

export const persistentVolumeClaimVolumeSource = message(
  'io.k8s.api.core.v1.PersistentVolumeClaimVolumeSource',
  'The volume of a claim.',
  {
    claimName: required([1, string], 'Name of the PersistentVolumeClaim in the same namespace.'),
    readOnly: optional([2, bool], 'Whether every mount is read-only.'),
  },
);
export type PersistentVolumeClaimVolumeSource = Infer<typeof persistentVolumeClaimVolumeSource>;

export const ephemeralVolumeSource = message(
  'io.k8s.api.core.v1.EphemeralVolumeSource',
  'A volume made for this Pod, which goes with it.',
  {
    volumeClaimTemplate: optional([1, persistentVolumeClaimTemplate], 'The claim that is made.'),
  },
);
export type EphemeralVolumeSource = Infer<typeof ephemeralVolumeSource>;

export const imageVolumeSource = message(
  'io.k8s.api.core.v1.ImageVolumeSource',
  'The files of an image, read-only.',
  {
    reference: optional([1, string], 'The image.'),
    pullPolicy: optional([2, string], 'When the image is fetched.'),
  },
);
export type ImageVolumeSource = Infer<typeof imageVolumeSource>;

export const csiVolumeSource = message(
  'io.k8s.api.core.v1.CSIVolumeSource',
  'A volume that a CSI driver makes for this Pod.',
  {
    driver: required([1, string], 'Name of the driver.'),
    readOnly: pointer([2, bool], 'Whether the volume is read-only.'),
    fsType: pointer([3, string], 'File system on the volume, such as ext4.'),
    volumeAttributes: optional([4, map(string)], 'Parameters for the driver.'),
    nodePublishSecretRef: optional(
      [5, localObjectReference],
      'Secret that the driver gets when it publishes the volume.',
    ),
  },
);
export type CSIVolumeSource = Infer<typeof csiVolumeSource>;

export const nfsVolumeSource = message(
  'io.k8s.api.core.v1.NFSVolumeSource',
  'A directory of an NFS server.',
  {
    server: required([1, string], 'Name or address of the server.'),
    path: required([2, string], 'The exported path.'),
    readOnly: optional([3, bool], 'Whether the volume is read-only.'),
  },
);
export type NFSVolumeSource = Infer<typeof nfsVolumeSource>;

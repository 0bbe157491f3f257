import { localObjectReference } from './references.ts';
import {
  type Infer,
  bool,
  int32,
  list,
  map,
  message,
  optional,
  pointer,
  required,
  string,
} from '../../schema/schema.ts';

export const gcePersistentDiskVolumeSource = message(
  'io.k8s.api.core.v1.GCEPersistentDiskVolumeSource',
  '-',
  {
    pdName: required([1, string], '-'),
    fsType: optional([2, string], '-'),
    partition: optional([3, int32], '-'),
    readOnly: optional([4, bool], '-'),
  },
);
export type GCEPersistentDiskVolumeSource = Infer<typeof gcePersistentDiskVolumeSource>;

export const awsElasticBlockStoreVolumeSource = message(
  'io.k8s.api.core.v1.AWSElasticBlockStoreVolumeSource',
  '-',
  {
    volumeID: required([1, string], '-'),
    fsType: optional([2, string], '-'),
    partition: optional([3, int32], '-'),
    readOnly: optional([4, bool], '-'),
  },
);
export type AWSElasticBlockStoreVolumeSource = Infer<typeof awsElasticBlockStoreVolumeSource>;

export const iscsiVolumeSource = message('io.k8s.api.core.v1.ISCSIVolumeSource', '-', {
  targetPortal: required([1, string], '-'),
  iqn: required([2, string], '-'),
  lun: required([3, int32], '-'),
  iscsiInterface: optional([4, string], '-', { default: 'default' }),
  fsType: optional([5, string], '-'),
  readOnly: optional([6, bool], '-'),
  portals: optional([7, list(string)], '-'),
  chapAuthDiscovery: optional([8, bool], '-'),
  chapAuthSession: optional([11, bool], '-'),
  secretRef: optional([10, localObjectReference], '-'),
  initiatorName: pointer([12, string], '-'),
});
export type ISCSIVolumeSource = Infer<typeof iscsiVolumeSource>;

export const glusterfsVolumeSource = message('io.k8s.api.core.v1.GlusterfsVolumeSource', '-', {
  endpoints: required([1, string], '-'),
  path: required([2, string], '-'),
  readOnly: optional([3, bool], '-'),
});
export type GlusterfsVolumeSource = Infer<typeof glusterfsVolumeSource>;

export const rbdVolumeSource = message('io.k8s.api.core.v1.RBDVolumeSource', '-', {
  monitors: required([1, list(string)], '-'),
  image: required([2, string], '-'),
  fsType: optional([3, string], '-'),
  pool: optional([4, string], '-', { default: 'rbd' }),
  user: optional([5, string], '-', { default: 'admin' }),
  keyring: optional([6, string], '-', { default: '/etc/ceph/keyring' }),
  secretRef: optional([7, localObjectReference], '-'),
  readOnly: optional([8, bool], '-'),
});
export type RBDVolumeSource = Infer<typeof rbdVolumeSource>;

export const flexVolumeSource = message('io.k8s.api.core.v1.FlexVolumeSource', '-', {
  driver: required([1, string], '-'),
  fsType: optional([2, string], '-'),
  secretRef: optional([3, localObjectReference], '-'),
  readOnly: optional([4, bool], '-'),
  options: optional([5, map(string)], '-'),
});
export type FlexVolumeSource = Infer<typeof flexVolumeSource>;

export const cinderVolumeSource = message('io.k8s.api.core.v1.CinderVolumeSource', '-', {
  volumeID: required([1, string], '-'),
  fsType: optional([2, string], '-'),
  readOnly: optional([3, bool], '-'),
  secretRef: optional([4, localObjectReference], '-'),
});
export type CinderVolumeSource = Infer<typeof cinderVolumeSource>;

export const cephFSVolumeSource = message('io.k8s.api.core.v1.CephFSVolumeSource', '-', {
  monitors: required([1, list(string)], '-'),
  path: optional([2, string], '-'),
  user: optional([3, string], '-'),
  secretFile: optional([4, string], '-'),
  secretRef: optional([5, localObjectReference], '-'),
  readOnly: optional([6, bool], '-'),
});
export type CephFSVolumeSource = Infer<typeof cephFSVolumeSource>;

export const flockerVolumeSource = message('io.k8s.api.core.v1.FlockerVolumeSource', '-', {
  datasetName: optional([1, string], '-'),
  datasetUUID: optional([2, string], '-'),
});
export type FlockerVolumeSource = Infer<typeof flockerVolumeSource>;

export const fcVolumeSource = message('io.k8s.api.core.v1.FCVolumeSource', '-', {
  targetWWNs: optional([1, list(string)], '-'),
  lun: pointer([2, int32], '-'),
  fsType: optional([3, string], '-'),
  readOnly: optional([4, bool], '-'),
  wwids: optional([5, list(string)], '-'),
});
export type FCVolumeSource = Infer<typeof fcVolumeSource>;

export const azureFileVolumeSource = message('io.k8s.api.core.v1.AzureFileVolumeSource', '-', {
  secretName: required([1, string], '-'),
  shareName: required([2, string], '-'),
  readOnly: optional([3, bool], '-'),
});
export type AzureFileVolumeSource = Infer<typeof azureFileVolumeSource>;

export const azureDiskVolumeSource = message('io.k8s.api.core.v1.AzureDiskVolumeSource', '-', {
  diskName: required([1, string], '-'),
  diskURI: required([2, string], '-'),
  cachingMode: pointer([3, string], '-', { default: 'ReadWrite' }),
  fsType: pointer([4, string], '-', { default: 'ext4' }),
  readOnly: pointer([5, bool], '-', { default: false }),
  kind: pointer([6, string], '-', { default: 'Shared' }),
});
export type AzureDiskVolumeSource = Infer<typeof azureDiskVolumeSource>;

export const vsphereVirtualDiskVolumeSource = message(
  'io.k8s.api.core.v1.VsphereVirtualDiskVolumeSource',
  '-',
  {
    volumePath: required([1, string], '-'),
    fsType: optional([2, string], '-'),
    storagePolicyName: optional([3, string], '-'),
    storagePolicyID: optional([4, string], '-'),
  },
);
export type VsphereVirtualDiskVolumeSource = Infer<typeof vsphereVirtualDiskVolumeSource>;

export const quobyteVolumeSource = message('io.k8s.api.core.v1.QuobyteVolumeSource', '-', {
  registry: required([1, string], '-'),
  volume: required([2, string], '-'),
  readOnly: optional([3, bool], '-'),
  user: optional([4, string], '-'),
  group: optional([5, string], '-'),
  tenant: optional([6, string], '-'),
});
export type QuobyteVolumeSource = Infer<typeof quobyteVolumeSource>;

export const photonPersistentDiskVolumeSource = message(
  'io.k8s.api.core.v1.PhotonPersistentDiskVolumeSource',
  '-',
  {
    pdID: required([1, string], '-'),
    fsType: optional([2, string], '-'),
  },
);
export type PhotonPersistentDiskVolumeSource = Infer<typeof photonPersistentDiskVolumeSource>;

export const portworxVolumeSource = message('io.k8s.api.core.v1.PortworxVolumeSource', '-', {
  volumeID: required([1, string], '-'),
  fsType: optional([2, string], '-'),
  readOnly: optional([3, bool], '-'),
});
export type PortworxVolumeSource = Infer<typeof portworxVolumeSource>;

export const scaleIOVolumeSource = message('io.k8s.api.core.v1.ScaleIOVolumeSource', '-', {
  gateway: required([1, string], '-'),
  system: required([2, string], '-'),
  secretRef: required([3, localObjectReference], '-'),
  sslEnabled: optional([4, bool], '-'),
  protectionDomain: optional([5, string], '-'),
  storagePool: optional([6, string], '-'),
  storageMode: optional([7, string], '-', { default: 'ThinProvisioned' }),
  volumeName: optional([8, string], '-'),
  fsType: optional([9, string], '-', { default: 'xfs' }),
  readOnly: optional([10, bool], '-'),
});
export type ScaleIOVolumeSource = Infer<typeof scaleIOVolumeSource>;

export const storageOSVolumeSource = message('io.k8s.api.core.v1.StorageOSVolumeSource', '-', {
  volumeName: optional([1, string], '-'),
  volumeNamespace: optional([2, string], '-'),
  fsType: optional([3, string], '-'),
  readOnly: optional([4, bool], '-'),
  secretRef: optional([5, localObjectReference], '-'),
});
export type StorageOSVolumeSource = Infer<typeof storageOSVolumeSource>;

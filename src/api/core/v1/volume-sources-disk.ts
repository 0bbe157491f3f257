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
  'A Google persistent disk.',
  {
    pdName: required([1, string], 'Name of the disk.'),
    fsType: optional([2, string], 'File system on the volume, such as ext4.'),
    partition: optional([3, int32], 'Partition of the disk; the whole disk when 0 or absent.'),
    readOnly: optional([4, bool], 'Whether the volume is read-only.'),
  },
);
export type GCEPersistentDiskVolumeSource = Infer<typeof gcePersistentDiskVolumeSource>;

export const awsElasticBlockStoreVolumeSource = message(
  'io.k8s.api.core.v1.AWSElasticBlockStoreVolumeSource',
  'An Amazon EBS disk.',
  {
    volumeID: required([1, string], 'Identifier of the disk.'),
    fsType: optional([2, string], 'File system on the volume, such as ext4.'),
    partition: optional([3, int32], 'Partition of the disk; the whole disk when 0 or absent.'),
    readOnly: optional([4, bool], 'Whether the volume is read-only.'),
  },
);
export type AWSElasticBlockStoreVolumeSource = Infer<typeof awsElasticBlockStoreVolumeSource>;

export const iscsiVolumeSource = message('io.k8s.api.core.v1.ISCSIVolumeSource', 'An iSCSI disk.', {
  targetPortal: required([1, string], 'Address of the target, with a port unless it is 3260.'),
  iqn: required([2, string], 'Qualified name of the target.'),
  lun: required([3, int32], 'Number of the unit at the target.'),
  iscsiInterface: optional([4, string], 'The iSCSI interface that is used.', { default: 'default' }),
  fsType: optional([5, string], 'File system on the volume, such as ext4.'),
  readOnly: optional([6, bool], 'Whether the volume is read-only.'),
  portals: optional([7, list(string)], 'Further addresses of the target.'),
  chapAuthDiscovery: optional([8, bool], 'Whether discovery authenticates by CHAP.'),
  chapAuthSession: optional([11, bool], 'Whether sessions authenticate by CHAP.'),
  secretRef: optional([10, localObjectReference], 'Secret for CHAP.'),
  initiatorName: pointer([12, string], 'Name under which the node logs in.'),
});
export type ISCSIVolumeSource = Infer<typeof iscsiVolumeSource>;

export const glusterfsVolumeSource = message(
  'io.k8s.api.core.v1.GlusterfsVolumeSource',
  'A Gluster volume.',
  {
    endpoints: required([1, string], 'Endpoints object that lists the servers.'),
    path: required([2, string], 'Name of the Gluster volume.'),
    readOnly: optional([3, bool], 'Whether the volume is read-only.'),
  },
);
export type GlusterfsVolumeSource = Infer<typeof glusterfsVolumeSource>;

export const rbdVolumeSource = message('io.k8s.api.core.v1.RBDVolumeSource', 'A Ceph block device.', {
  monitors: required([1, list(string)], 'Addresses of the Ceph monitors.'),
  image: required([2, string], 'Name of the image.'),
  fsType: optional([3, string], 'File system on the volume, such as ext4.'),
  pool: optional([4, string], 'Pool that holds the image.', { default: 'rbd' }),
  user: optional([5, string], 'Name of the Ceph user.', { default: 'admin' }),
  keyring: optional([6, string], 'Path of the key ring.', { default: '/etc/ceph/keyring' }),
  secretRef: optional([7, localObjectReference], 'Secret that replaces the key ring.'),
  readOnly: optional([8, bool], 'Whether the volume is read-only.'),
});
export type RBDVolumeSource = Infer<typeof rbdVolumeSource>;

export const flexVolumeSource = message(
  'io.k8s.api.core.v1.FlexVolumeSource',
  'A volume of an exec-based driver.',
  {
    driver: required([1, string], 'Name of the driver.'),
    fsType: optional([2, string], 'File system on the volume, such as ext4.'),
    secretRef: optional([3, localObjectReference], 'Secret that the driver gets.'),
    readOnly: optional([4, bool], 'Whether the volume is read-only.'),
    options: optional([5, map(string)], 'Parameters for the driver.'),
  },
);
export type FlexVolumeSource = Infer<typeof flexVolumeSource>;

export const cinderVolumeSource = message('io.k8s.api.core.v1.CinderVolumeSource', 'An OpenStack disk.', {
  volumeID: required([1, string], 'Identifier of the disk.'),
  fsType: optional([2, string], 'File system on the volume, such as ext4.'),
  readOnly: optional([3, bool], 'Whether the volume is read-only.'),
  secretRef: optional([4, localObjectReference], 'Secret for OpenStack.'),
});
export type CinderVolumeSource = Infer<typeof cinderVolumeSource>;

export const cephFSVolumeSource = message('io.k8s.api.core.v1.CephFSVolumeSource', 'A Ceph file system.', {
  monitors: required([1, list(string)], 'Addresses of the Ceph monitors.'),
  path: optional([2, string], 'Directory that becomes the root; / when empty.'),
  user: optional([3, string], 'Name of the Ceph user.'),
  secretFile: optional([4, string], 'Path of the key ring.'),
  secretRef: optional([5, localObjectReference], 'Secret that replaces the key ring.'),
  readOnly: optional([6, bool], 'Whether the volume is read-only.'),
});
export type CephFSVolumeSource = Infer<typeof cephFSVolumeSource>;

export const flockerVolumeSource = message('io.k8s.api.core.v1.FlockerVolumeSource', 'A Flocker dataset.', {
  datasetName: optional([1, string], 'Name of the dataset.'),
  datasetUUID: optional([2, string], 'Identifier of the dataset.'),
});
export type FlockerVolumeSource = Infer<typeof flockerVolumeSource>;

export const fcVolumeSource = message('io.k8s.api.core.v1.FCVolumeSource', 'A Fibre Channel disk.', {
  targetWWNs: optional([1, list(string)], 'World wide names of the targets.'),
  lun: pointer([2, int32], 'Number of the unit at the targets.'),
  fsType: optional([3, string], 'File system on the volume, such as ext4.'),
  readOnly: optional([4, bool], 'Whether the volume is read-only.'),
  wwids: optional([5, list(string)], 'World wide identifiers, instead of targets and unit.'),
});
export type FCVolumeSource = Infer<typeof fcVolumeSource>;

export const azureFileVolumeSource = message(
  'io.k8s.api.core.v1.AzureFileVolumeSource',
  'An Azure file share.',
  {
    secretName: required([1, string], 'Secret with the storage account.'),
    shareName: required([2, string], 'Name of the share.'),
    readOnly: optional([3, bool], 'Whether the volume is read-only.'),
  },
);
export type AzureFileVolumeSource = Infer<typeof azureFileVolumeSource>;

export const azureDiskVolumeSource = message('io.k8s.api.core.v1.AzureDiskVolumeSource', 'An Azure disk.', {
  diskName: required([1, string], 'Name of the disk.'),
  diskURI: required([2, string], 'URI of the disk.'),
  cachingMode: pointer([3, string], 'None, ReadOnly or ReadWrite.', { default: 'ReadWrite' }),
  fsType: pointer([4, string], 'File system on the volume, such as ext4.', { default: 'ext4' }),
  readOnly: pointer([5, bool], 'Whether the volume is read-only.', { default: false }),
  kind: pointer([6, string], 'Shared, Dedicated or Managed.', { default: 'Shared' }),
});
export type AzureDiskVolumeSource = Infer<typeof azureDiskVolumeSource>;

export const vsphereVirtualDiskVolumeSource = message(
  'io.k8s.api.core.v1.VsphereVirtualDiskVolumeSource',
  'A vSphere disk.',
  {
    volumePath: required([1, string], 'Path of the disk.'),
    fsType: optional([2, string], 'File system on the volume, such as ext4.'),
    storagePolicyName: optional([3, string], 'Name of the storage policy.'),
    storagePolicyID: optional([4, string], 'Identifier of the storage policy.'),
  },
);
export type VsphereVirtualDiskVolumeSource = Infer<typeof vsphereVirtualDiskVolumeSource>;

export const quobyteVolumeSource = message('io.k8s.api.core.v1.QuobyteVolumeSource', 'A Quobyte volume.', {
  registry: required([1, string], 'Addresses of the registry services.'),
  volume: required([2, string], 'Name of the volume.'),
  readOnly: optional([3, bool], 'Whether the volume is read-only.'),
  user: optional([4, string], 'User that the volume belongs to.'),
  group: optional([5, string], 'Group that the volume belongs to.'),
  tenant: optional([6, string], 'Tenant that owns the volume.'),
});
export type QuobyteVolumeSource = Infer<typeof quobyteVolumeSource>;

export const photonPersistentDiskVolumeSource = message(
  'io.k8s.api.core.v1.PhotonPersistentDiskVolumeSource',
  'A Photon Controller disk.',
  {
    pdID: required([1, string], 'Identifier of the disk.'),
    fsType: optional([2, string], 'File system on the volume, such as ext4.'),
  },
);
export type PhotonPersistentDiskVolumeSource = Infer<typeof photonPersistentDiskVolumeSource>;

export const portworxVolumeSource = message('io.k8s.api.core.v1.PortworxVolumeSource', 'A Portworx volume.', {
  volumeID: required([1, string], 'Identifier of the volume.'),
  fsType: optional([2, string], 'File system on the volume, such as ext4.'),
  readOnly: optional([3, bool], 'Whether the volume is read-only.'),
});
export type PortworxVolumeSource = Infer<typeof portworxVolumeSource>;

export const scaleIOVolumeSource = message('io.k8s.api.core.v1.ScaleIOVolumeSource', 'A ScaleIO volume.', {
  gateway: required([1, string], 'Address of the API gateway.'),
  system: required([2, string], 'Name of the storage system.'),
  secretRef: required([3, localObjectReference], 'Secret for the gateway.'),
  sslEnabled: optional([4, bool], 'Whether the gateway speaks TLS.'),
  protectionDomain: optional([5, string], 'Name of the protection domain.'),
  storagePool: optional([6, string], 'Name of the storage pool.'),
  storageMode: optional([7, string], 'ThickProvisioned or ThinProvisioned.', { default: 'ThinProvisioned' }),
  volumeName: optional([8, string], 'Name of the volume.'),
  fsType: optional([9, string], 'File system on the volume, such as ext4.', { default: 'xfs' }),
  readOnly: optional([10, bool], 'Whether the volume is read-only.'),
});
export type ScaleIOVolumeSource = Infer<typeof scaleIOVolumeSource>;

export const storageOSVolumeSource = message(
  'io.k8s.api.core.v1.StorageOSVolumeSource',
  'A StorageOS volume.',
  {
    volumeName: optional([1, string], 'Name of the volume.'),
    volumeNamespace: optional([2, string], 'StorageOS namespace of the volume.'),
    fsType: optional([3, string], 'File system on the volume, such as ext4.'),
    readOnly: optional([4, bool], 'Whether the volume is read-only.'),
    secretRef: optional([5, localObjectReference], 'Secret for the StorageOS API.'),
  },
);
export type StorageOSVolumeSource = Infer<typeof storageOSVolumeSource>;

import {
  atomic,
  bool,
  inline,
  list,
  map,
  message,
  optional,
  pointer,
  required,
  string,
} from '../../schema/schema.ts';
import { objectReference } from './references.ts';
import {
  awsElasticBlockStoreVolumeSource,
  azureDiskVolumeSource,
  fcVolumeSource,
  flockerVolumeSource,
  gcePersistentDiskVolumeSource,
  glusterfsVolumeSource,
  iscsiVolumeSource,
  photonPersistentDiskVolumeSource,
  portworxVolumeSource,
  quobyteVolumeSource,
  rbdVolumeSource,
  scaleIOVolumeSource,
  vsphereVirtualDiskVolumeSource,
} from './volume-sources-disk.ts';
import { hostPathVolumeSource, nfsVolumeSource } from './volume-sources.ts';

const name = (short: string): string => `io.k8s.api.core.v1.${short}`;

export const secretReference = atomic(
  message(name('SecretReference'), 'A Secret of any namespace.', {
    name: optional([1, string], 'Its name.'),
    namespace: optional([2, string], 'Its namespace.'),
  }),
);

export const localVolumeSource = message(name('LocalVolumeSource'), 'A disk or folder of one node.', {
  path: required([1, string], 'Path of the folder or the block device on the node.'),
  fsType: pointer([2, string], 'File system on the volume, such as ext4.'),
});

export const csiPersistentVolumeSource = message(
  name('CSIPersistentVolumeSource'),
  'A volume of a CSI driver.',
  {
    driver: required([1, string], 'Name of the driver.'),
    volumeHandle: required([2, string], 'What the driver calls the volume.'),
    readOnly: optional([3, bool], 'Whether the volume is read-only.'),
    fsType: optional([4, string], 'File system on the volume, such as ext4.'),
    volumeAttributes: optional([5, map(string)], 'Parameters for the driver.'),
    controllerPublishSecretRef: optional([6, secretReference], 'Secret for attaching the volume.'),
    nodeStageSecretRef: optional([7, secretReference], 'Secret for preparing it on a node.'),
    nodePublishSecretRef: optional([8, secretReference], 'Secret for mounting it.'),
    controllerExpandSecretRef: optional([9, secretReference], 'Secret for making it larger.'),
    nodeExpandSecretRef: optional([10, secretReference], 'Secret for making it larger on a node.'),
  },
);

const cinder = message(name('CinderPersistentVolumeSource'), 'An OpenStack disk.', {
  volumeID: required([1, string], 'Identifier of the disk.'),
  fsType: optional([2, string], 'File system on the volume, such as ext4.'),
  readOnly: optional([3, bool], 'Whether the volume is read-only.'),
  secretRef: optional([4, secretReference], 'Secret for OpenStack.'),
});

const cephFS = message(name('CephFSPersistentVolumeSource'), 'A Ceph file system.', {
  monitors: required([1, list(string)], 'Addresses of the Ceph monitors.'),
  path: optional([2, string], 'Folder that is mounted.'),
  user: optional([3, string], 'Name of the Ceph user.'),
  secretFile: optional([4, string], 'Path of the key ring.'),
  secretRef: optional([5, secretReference], 'Secret that replaces the key ring.'),
  readOnly: optional([6, bool], 'Whether the volume is read-only.'),
});

const flex = message(name('FlexPersistentVolumeSource'), 'A volume of an exec-based driver.', {
  driver: required([1, string], 'Name of the driver.'),
  fsType: optional([2, string], 'File system on the volume, such as ext4.'),
  secretRef: optional([3, secretReference], 'Secret that the driver gets.'),
  readOnly: optional([4, bool], 'Whether the volume is read-only.'),
  options: optional([5, map(string)], 'Parameters for the driver.'),
});

const azureFile = message(name('AzureFilePersistentVolumeSource'), 'An Azure file share.', {
  secretName: required([1, string], 'Secret with the account.'),
  shareName: required([2, string], 'Name of the share.'),
  readOnly: optional([3, bool], 'Whether the volume is read-only.'),
  secretNamespace: pointer([4, string], "Namespace of the Secret; the claim's when absent."),
});

const storageOS = message(name('StorageOSPersistentVolumeSource'), 'A StorageOS volume.', {
  volumeName: optional([1, string], 'Name of the volume.'),
  volumeNamespace: optional([2, string], 'Its namespace in StorageOS.'),
  fsType: optional([3, string], 'File system on the volume, such as ext4.'),
  readOnly: optional([4, bool], 'Whether the volume is read-only.'),
  secretRef: optional([5, objectReference], 'Secret for StorageOS.'),
});

const glusterfs = message(name('GlusterfsPersistentVolumeSource'), 'A Gluster volume.', {
  ...glusterfsVolumeSource.fields,
  endpointsNamespace: pointer([4, string], "Namespace of the Endpoints; the claim's when absent."),
});
const rbd = message(name('RBDPersistentVolumeSource'), 'A Ceph block device.', {
  ...rbdVolumeSource.fields,
  secretRef: optional([7, secretReference], 'Secret that replaces the key ring.'),
});
const iscsi = message(name('ISCSIPersistentVolumeSource'), 'An iSCSI disk.', {
  ...iscsiVolumeSource.fields,
  secretRef: optional([10, secretReference], 'Secret for CHAP.'),
});
const scaleIO = message(name('ScaleIOPersistentVolumeSource'), 'A ScaleIO volume.', {
  ...scaleIOVolumeSource.fields,
  secretRef: optional([3, secretReference], 'Secret for ScaleIO.'),
});

const sources = message(name('PersistentVolumeSource'), 'Where the data is; exactly one field is set.', {
  gcePersistentDisk: optional([1, gcePersistentDiskVolumeSource], 'A Google persistent disk.'),
  awsElasticBlockStore: optional([2, awsElasticBlockStoreVolumeSource], 'An Amazon EBS disk.'),
  hostPath: optional([3, hostPathVolumeSource], 'A folder of the node, for trying things.'),
  glusterfs: optional([4, glusterfs], 'A Gluster volume.'),
  nfs: optional([5, nfsVolumeSource], 'An NFS export.'),
  rbd: optional([6, rbd], 'A Ceph block device.'),
  iscsi: optional([7, iscsi], 'An iSCSI disk.'),
  cinder: optional([8, cinder], 'An OpenStack disk.'),
  cephfs: optional([9, cephFS], 'A Ceph file system.'),
  fc: optional([10, fcVolumeSource], 'A Fibre Channel disk.'),
  flocker: optional([11, flockerVolumeSource], 'A Flocker dataset.'),
  flexVolume: optional([12, flex], 'A volume of an exec-based driver.'),
  azureFile: optional([13, azureFile], 'An Azure file share.'),
  vsphereVolume: optional([14, vsphereVirtualDiskVolumeSource], 'A vSphere disk.'),
  quobyte: optional([15, quobyteVolumeSource], 'A Quobyte volume.'),
  azureDisk: optional([16, azureDiskVolumeSource], 'An Azure disk.'),
  photonPersistentDisk: optional([17, photonPersistentDiskVolumeSource], 'A Photon disk.'),
  portworxVolume: optional([18, portworxVolumeSource], 'A Portworx volume.'),
  scaleIO: optional([19, scaleIO], 'A ScaleIO volume.'),
  local: optional([20, localVolumeSource], 'A disk or folder of one node.'),
  storageos: optional([21, storageOS], 'A StorageOS volume.'),
  csi: optional([22, csiPersistentVolumeSource], 'A volume of a CSI driver.'),
});

/** Where the data of a PersistentVolume is, inline in its spec. */
export const persistentVolumeSources = inline(2, sources);

import {
  configMapVolumeSource,
  csiVolumeSource,
  downwardAPIVolumeSource,
  emptyDirVolumeSource,
  ephemeralVolumeSource,
  gitRepoVolumeSource,
  hostPathVolumeSource,
  imageVolumeSource,
  nfsVolumeSource,
  persistentVolumeClaimVolumeSource,
  projectedVolumeSource,
  secretVolumeSource,
} from './volume-sources.ts';
import {
  awsElasticBlockStoreVolumeSource,
  azureDiskVolumeSource,
  azureFileVolumeSource,
  cephFSVolumeSource,
  cinderVolumeSource,
  fcVolumeSource,
  flexVolumeSource,
  flockerVolumeSource,
  gcePersistentDiskVolumeSource,
  glusterfsVolumeSource,
  iscsiVolumeSource,
  photonPersistentDiskVolumeSource,
  portworxVolumeSource,
  quobyteVolumeSource,
  rbdVolumeSource,
  scaleIOVolumeSource,
  storageOSVolumeSource,
  vsphereVirtualDiskVolumeSource,
} from './volume-sources-disk.ts';
import { emptyDirWithoutSource } from './pod-spec-defaults.ts';
import { type Infer, inline, message, optional, required, string } from '../../schema/schema.ts';

export const volumeSource = message(
  'io.k8s.api.core.v1.VolumeSource',
  "Where a volume's content comes from; exactly one field is set.",
  {
    hostPath: optional([1, hostPathVolumeSource], 'A file or directory of the node.'),
    emptyDir: optional([2, emptyDirVolumeSource], 'A directory that lives as long as the Pod.', {
      default: emptyDirWithoutSource,
    }),
    gcePersistentDisk: optional(
      [3, gcePersistentDiskVolumeSource],
      'A Google persistent disk; superseded by CSI.',
    ),
    awsElasticBlockStore: optional(
      [4, awsElasticBlockStoreVolumeSource],
      'An Amazon EBS disk; superseded by CSI.',
    ),
    gitRepo: optional([5, gitRepoVolumeSource], 'A clone of a git repository; no longer supported.'),
    secret: optional([6, secretVolumeSource], 'Entries of a Secret as files.'),
    nfs: optional([7, nfsVolumeSource], 'A directory of an NFS server.'),
    iscsi: optional([8, iscsiVolumeSource], 'An iSCSI disk.'),
    glusterfs: optional([9, glusterfsVolumeSource], 'A Gluster volume; no longer supported.'),
    persistentVolumeClaim: optional([10, persistentVolumeClaimVolumeSource], 'The volume of a claim.'),
    rbd: optional([11, rbdVolumeSource], 'A Ceph block device; no longer supported.'),
    flexVolume: optional([12, flexVolumeSource], 'A volume of an exec-based driver; superseded by CSI.'),
    cinder: optional([13, cinderVolumeSource], 'An OpenStack disk; superseded by CSI.'),
    cephfs: optional([14, cephFSVolumeSource], 'A Ceph file system; no longer supported.'),
    flocker: optional([15, flockerVolumeSource], 'A Flocker dataset; no longer supported.'),
    downwardAPI: optional([16, downwardAPIVolumeSource], 'Information about the Pod as files.'),
    fc: optional([17, fcVolumeSource], 'A Fibre Channel disk.'),
    azureFile: optional([18, azureFileVolumeSource], 'An Azure file share; superseded by CSI.'),
    configMap: optional([19, configMapVolumeSource], 'Entries of a ConfigMap as files.'),
    vsphereVolume: optional([20, vsphereVirtualDiskVolumeSource], 'A vSphere disk; superseded by CSI.'),
    quobyte: optional([21, quobyteVolumeSource], 'A Quobyte volume; no longer supported.'),
    azureDisk: optional([22, azureDiskVolumeSource], 'An Azure disk; superseded by CSI.'),
    photonPersistentDisk: optional(
      [23, photonPersistentDiskVolumeSource],
      'A Photon Controller disk; no longer supported.',
    ),
    projected: optional([26, projectedVolumeSource], 'Several sources in one directory.'),
    portworxVolume: optional([24, portworxVolumeSource], 'A Portworx volume; superseded by CSI.'),
    scaleIO: optional([25, scaleIOVolumeSource], 'A ScaleIO volume; no longer supported.'),
    storageos: optional([27, storageOSVolumeSource], 'A StorageOS volume; no longer supported.'),
    csi: optional([28, csiVolumeSource], 'A volume that a CSI driver makes for this Pod.'),
    ephemeral: optional([29, ephemeralVolumeSource], 'A volume made for this Pod from a claim template.'),
    image: optional([30, imageVolumeSource], 'The files of an image.'),
  },
);
export type VolumeSource = Infer<typeof volumeSource>;

export const volume = message(
  'io.k8s.api.core.v1.Volume',
  'A directory that containers of the Pod can mount.',
  {
    name: required([1, string], 'Name by which mounts refer to the volume; unique within the Pod.'),
    ...inline(2, volumeSource),
  },
);
export type Volume = Infer<typeof volume>;

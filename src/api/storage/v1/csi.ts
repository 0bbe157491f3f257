import type { Kind } from '../../kind.ts';
import { objectMeta } from '../../meta/v1/object-meta.ts';
import {
  type Infer,
  bool,
  filled,
  int32,
  int64,
  list,
  listMap,
  message,
  optional,
  pointer,
  required,
  set,
  string,
  typeMeta,
} from '../../schema/schema.ts';

const tokenRequest = message('io.k8s.api.storage.v1.TokenRequest', 'A token that a driver gets.', {
  audience: required([1, string], 'Whom the token is for.'),
  expirationSeconds: pointer([2, int64], 'How long it lasts.'),
});

const csiDriverSpec = message('io.k8s.api.storage.v1.CSIDriverSpec', 'How a CSI driver works.', {
  attachRequired: pointer([1, bool], 'Whether volumes must be attached before they are mounted.', {
    default: true,
  }),
  podInfoOnMount: pointer([2, bool], 'Whether the driver is told of the Pod.', { default: false }),
  volumeLifecycleModes: optional([3, set(string)], 'Persistent, Ephemeral, or both.', {
    default: ['Persistent'],
  }),
  storageCapacity: pointer([4, bool], 'Whether the scheduler looks at the capacity it reports.', {
    default: false,
  }),
  fsGroupPolicy: pointer([5, string], 'Whether ownership of the files is changed.', {
    default: 'ReadWriteOnceWithFSType',
    values: ['ReadWriteOnceWithFSType', 'File', 'None'],
  }),
  tokenRequests: optional([6, list(tokenRequest)], 'Tokens of the Pod’s service account that it gets.'),
  requiresRepublish: pointer([7, bool], 'Whether it wants to be called again from time to time.', {
    default: false,
  }),
  seLinuxMount: pointer([8, bool], 'Whether it mounts with an SELinux context.', { default: false }),
  nodeAllocatableUpdatePeriodSeconds: pointer(
    [9, int64],
    'How often it is asked how many volumes a node can have.',
  ),
});
export type CSIDriverSpec = Infer<typeof csiDriverSpec>;

const csiDriver = message('io.k8s.api.storage.v1.CSIDriver', 'A CSI driver of the cluster.', {
  ...typeMeta,
  metadata: filled([1, objectMeta], 'Name, which is the driver’s, and other standard metadata.'),
  spec: required([2, csiDriverSpec], 'How it works.'),
});
export type CSIDriver = Infer<typeof csiDriver>;

const volumeNodeResources = message(
  'io.k8s.api.storage.v1.VolumeNodeResources',
  'How many volumes a node can have.',
  { count: pointer([1, int32], 'The most volumes of a driver; no limit when absent.') },
);

const csiNodeDriver = message('io.k8s.api.storage.v1.CSINodeDriver', 'A driver that runs on a node.', {
  name: required([1, string], 'Name of the driver.'),
  nodeID: required([2, string], 'What the driver calls the node.'),
  topologyKeys: optional([3, list(string)], 'Labels of the node that the driver knows.'),
  allocatable: optional([4, volumeNodeResources], 'How many volumes the node can have.'),
});
export type CSINodeDriver = Infer<typeof csiNodeDriver>;

const csiNodeSpec = message('io.k8s.api.storage.v1.CSINodeSpec', 'The drivers of a node.', {
  drivers: required([1, listMap(csiNodeDriver, ['name'])], 'The drivers.', { patchMergeKey: 'name' }),
});

const csiNode = message('io.k8s.api.storage.v1.CSINode', 'The CSI drivers of a node.', {
  ...typeMeta,
  metadata: filled([1, objectMeta], 'Name, which is the node’s, and other standard metadata.'),
  spec: required([2, csiNodeSpec], 'The drivers.'),
});
export type CSINode = Infer<typeof csiNode>;

const inGroup = {
  group: 'storage.k8s.io',
  version: 'v1',
  shortNames: [],
  categories: [],
  isNamespaced: false,
  subresources: [],
} as const;

export const csiDrivers: Kind<CSIDriver> = {
  ...inGroup,
  kind: 'CSIDriver',
  plural: 'csidrivers',
  singular: 'csidriver',
  schema: csiDriver,
};

export const csiNodes: Kind<CSINode> = {
  ...inGroup,
  kind: 'CSINode',
  plural: 'csinodes',
  singular: 'csinode',
  schema: csiNode,
};

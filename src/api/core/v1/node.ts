import type { Kind } from '../../kind.ts';
import { objectMeta } from '../../meta/v1/object-meta.ts';
import {
  type DefaultRule,
  type Infer,
  bool,
  int32,
  int64,
  list,
  listMap,
  map,
  message,
  optional,
  pointer,
  quantity,
  required,
  set,
  string,
  time,
  typeMeta,
} from '../../schema/schema.ts';

/** A node offers all it has unless it says otherwise. */
const sameAsCapacity: DefaultRule = ({ capacity }) => capacity;

export const taint = message('io.k8s.api.core.v1.Taint', '-', {
  key: required([1, string], '-'),
  value: optional([2, string], '-'),
  effect: required([3, string], '-', { values: ['NoSchedule', 'PreferNoSchedule', 'NoExecute'] }),
  timeAdded: optional([4, time], '-'),
});
export type Taint = Infer<typeof taint>;

export const configMapNodeConfigSource = message('io.k8s.api.core.v1.ConfigMapNodeConfigSource', '-', {
  namespace: required([1, string], '-'),
  name: required([2, string], '-'),
  uid: optional([3, string], '-'),
  resourceVersion: optional([4, string], '-'),
  kubeletConfigKey: required([5, string], '-'),
});
export type ConfigMapNodeConfigSource = Infer<typeof configMapNodeConfigSource>;

export const nodeConfigSource = message('io.k8s.api.core.v1.NodeConfigSource', '-', {
  configMap: optional([2, configMapNodeConfigSource], '-'),
});
export type NodeConfigSource = Infer<typeof nodeConfigSource>;

export const nodeSpec = message('io.k8s.api.core.v1.NodeSpec', '-', {
  podCIDR: optional([1, string], '-'),
  podCIDRs: optional([7, set(string)], '-', { patchStrategy: 'merge' }),
  providerID: optional([3, string], '-'),
  unschedulable: optional([4, bool], '-'),
  taints: optional([5, list(taint)], '-'),
  configSource: optional([6, nodeConfigSource], '-'),
  externalID: optional([2, string], '-'),
});
export type NodeSpec = Infer<typeof nodeSpec>;

export const nodeCondition = message('io.k8s.api.core.v1.NodeCondition', '-', {
  type: required([1, string], '-'),
  status: required([2, string], '-'),
  lastHeartbeatTime: optional([3, time], '-'),
  lastTransitionTime: optional([4, time], '-'),
  reason: optional([5, string], '-'),
  message: optional([6, string], '-'),
});
export type NodeCondition = Infer<typeof nodeCondition>;

export const nodeAddress = message('io.k8s.api.core.v1.NodeAddress', '-', {
  type: required([1, string], '-'),
  address: required([2, string], '-'),
});
export type NodeAddress = Infer<typeof nodeAddress>;

export const daemonEndpoint = message('io.k8s.api.core.v1.DaemonEndpoint', '-', {
  Port: required([1, int32], '-'),
});
export type DaemonEndpoint = Infer<typeof daemonEndpoint>;

export const nodeDaemonEndpoints = message('io.k8s.api.core.v1.NodeDaemonEndpoints', '-', {
  kubeletEndpoint: optional([1, daemonEndpoint], '-'),
});
export type NodeDaemonEndpoints = Infer<typeof nodeDaemonEndpoints>;

export const nodeSwapStatus = message('io.k8s.api.core.v1.NodeSwapStatus', '-', {
  capacity: pointer([1, int64], '-'),
});
export type NodeSwapStatus = Infer<typeof nodeSwapStatus>;

export const nodeSystemInfo = message('io.k8s.api.core.v1.NodeSystemInfo', '-', {
  machineID: required([1, string], '-'),
  systemUUID: required([2, string], '-'),
  bootID: required([3, string], '-'),
  kernelVersion: required([4, string], '-'),
  osImage: required([5, string], '-'),
  containerRuntimeVersion: required([6, string], '-'),
  kubeletVersion: required([7, string], '-'),
  kubeProxyVersion: required([8, string], '-'),
  operatingSystem: required([9, string], '-'),
  architecture: required([10, string], '-'),
  swap: optional([11, nodeSwapStatus], '-'),
});
export type NodeSystemInfo = Infer<typeof nodeSystemInfo>;

export const containerImage = message('io.k8s.api.core.v1.ContainerImage', '-', {
  names: optional([1, list(string)], '-'),
  sizeBytes: optional([2, int64], '-'),
});
export type ContainerImage = Infer<typeof containerImage>;

export const attachedVolume = message('io.k8s.api.core.v1.AttachedVolume', '-', {
  name: required([1, string], '-'),
  devicePath: required([2, string], '-'),
});
export type AttachedVolume = Infer<typeof attachedVolume>;

export const nodeConfigStatus = message('io.k8s.api.core.v1.NodeConfigStatus', '-', {
  assigned: optional([1, nodeConfigSource], '-'),
  active: optional([2, nodeConfigSource], '-'),
  lastKnownGood: optional([3, nodeConfigSource], '-'),
  error: optional([4, string], '-'),
});
export type NodeConfigStatus = Infer<typeof nodeConfigStatus>;

export const nodeRuntimeHandlerFeatures = message('io.k8s.api.core.v1.NodeRuntimeHandlerFeatures', '-', {
  recursiveReadOnlyMounts: pointer([1, bool], '-'),
  userNamespaces: pointer([2, bool], '-'),
});
export type NodeRuntimeHandlerFeatures = Infer<typeof nodeRuntimeHandlerFeatures>;

export const nodeRuntimeHandler = message('io.k8s.api.core.v1.NodeRuntimeHandler', '-', {
  name: optional([1, string], '-'),
  features: optional([2, nodeRuntimeHandlerFeatures], '-'),
});
export type NodeRuntimeHandler = Infer<typeof nodeRuntimeHandler>;

export const nodeFeatures = message('io.k8s.api.core.v1.NodeFeatures', '-', {
  supplementalGroupsPolicy: pointer([1, bool], '-'),
});
export type NodeFeatures = Infer<typeof nodeFeatures>;

export const nodeStatus = message('io.k8s.api.core.v1.NodeStatus', '-', {
  capacity: optional([1, map(quantity)], '-'),
  allocatable: optional([2, map(quantity)], '-', { default: sameAsCapacity }),
  phase: optional([3, string], '-'),
  conditions: optional([4, listMap(nodeCondition, ['type'])], '-', { patchMergeKey: 'type' }),
  addresses: optional([5, listMap(nodeAddress, ['type'])], '-', { patchMergeKey: 'type' }),
  daemonEndpoints: optional([6, nodeDaemonEndpoints], '-'),
  nodeInfo: optional([7, nodeSystemInfo], '-'),
  images: optional([8, list(containerImage)], '-'),
  volumesInUse: optional([9, list(string)], '-'),
  volumesAttached: optional([10, list(attachedVolume)], '-'),
  config: optional([11, nodeConfigStatus], '-'),
  runtimeHandlers: optional([12, list(nodeRuntimeHandler)], '-'),
  features: optional([13, nodeFeatures], '-'),
  declaredFeatures: optional([14, list(string)], '-'),
});
export type NodeStatus = Infer<typeof nodeStatus>;

export const node = message('io.k8s.api.core.v1.Node', '-', {
  ...typeMeta,
  metadata: required([1, objectMeta], 'Name, labels and other standard metadata.'),
  spec: required([2, nodeSpec], '-'),
  status: optional([3, nodeStatus], '-'),
});
export type Node = Infer<typeof node>;

export const nodes: Kind<Node> = {
  group: '',
  version: 'v1',
  kind: 'Node',
  plural: 'nodes',
  singular: 'node',
  shortNames: ['no'],
  categories: [],
  isNamespaced: false,
  subresources: ['status'],
  schema: node,
};

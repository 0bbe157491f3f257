import type { Kind } from '../../kind.ts';
import { objectMeta } from '../../meta/v1/object-meta.ts';
import {
  type DefaultRule,
  type Infer,
  bool,
  filled,
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

export const taint = message(
  'io.k8s.api.core.v1.Taint',
  'Keeps Pods without a matching toleration off a node.',
  {
    key: required([1, string], 'Key of the taint.'),
    value: optional([2, string], 'Value of the taint.'),
    effect: required([3, string], 'What happens to Pods that do not tolerate it.', {
      values: ['NoSchedule', 'PreferNoSchedule', 'NoExecute'],
    }),
    timeAdded: optional([4, time], 'When the taint was added.'),
  },
);
export type Taint = Infer<typeof taint>;

export const configMapNodeConfigSource = message(
  'io.k8s.api.core.v1.ConfigMapNodeConfigSource',
  "A ConfigMap with the node agent's configuration; no longer used.",
  {
    namespace: required([1, string], 'Namespace of the ConfigMap.'),
    name: required([2, string], 'Name of the ConfigMap.'),
    uid: optional([3, string], 'UID of the ConfigMap.'),
    resourceVersion: optional([4, string], 'Revision of the ConfigMap.'),
    kubeletConfigKey: required([5, string], 'Key that holds the configuration.'),
  },
);
export type ConfigMapNodeConfigSource = Infer<typeof configMapNodeConfigSource>;

export const nodeConfigSource = message(
  'io.k8s.api.core.v1.NodeConfigSource',
  "Where the node agent's configuration comes from; no longer used.",
  {
    configMap: optional([2, configMapNodeConfigSource], 'A ConfigMap.'),
  },
);
export type NodeConfigSource = Infer<typeof nodeConfigSource>;

export const nodeSpec = message('io.k8s.api.core.v1.NodeSpec', 'What is decided about a node.', {
  podCIDR: optional([1, string], "Addresses of the node's Pods."),
  podCIDRs: optional(
    [7, set(string)],
    "Addresses of the node's Pods, one range per family; the first equals podCIDR.",
    { patchStrategy: 'merge' },
  ),
  providerID: optional([3, string], "The machine's identifier at its provider."),
  unschedulable: optional([4, bool], 'Whether new Pods are kept away.'),
  taints: optional([5, list(taint)], 'Taints of the node.'),
  configSource: optional([6, nodeConfigSource], 'No longer used.'),
  externalID: optional([2, string], 'No longer used.'),
});
export type NodeSpec = Infer<typeof nodeSpec>;

export const nodeCondition = message('io.k8s.api.core.v1.NodeCondition', "One aspect of a node's state.", {
  type: required([1, string], 'Name of the aspect, such as Ready.'),
  status: required([2, string], 'True, False or Unknown.'),
  lastHeartbeatTime: optional([3, time], 'When the node last said so.'),
  lastTransitionTime: optional([4, time], 'When the status last changed.'),
  reason: optional([5, string], 'Why it changed last, as one CamelCase word.'),
  message: optional([6, string], 'The same for people.'),
});
export type NodeCondition = Infer<typeof nodeCondition>;

export const nodeAddress = message('io.k8s.api.core.v1.NodeAddress', 'An address of a node.', {
  type: required([1, string], 'Hostname, InternalIP, ExternalIP, InternalDNS or ExternalDNS.'),
  address: required([2, string], 'The address.'),
});
export type NodeAddress = Infer<typeof nodeAddress>;

export const daemonEndpoint = message('io.k8s.api.core.v1.DaemonEndpoint', 'A port of the node agent.', {
  Port: required([1, int32], 'Number of the port.'),
});
export type DaemonEndpoint = Infer<typeof daemonEndpoint>;

export const nodeDaemonEndpoints = message(
  'io.k8s.api.core.v1.NodeDaemonEndpoints',
  "Ports of the node's own services.",
  {
    kubeletEndpoint: optional([1, daemonEndpoint], 'Port of the node agent.'),
  },
);
export type NodeDaemonEndpoints = Infer<typeof nodeDaemonEndpoints>;

export const nodeSwapStatus = message('io.k8s.api.core.v1.NodeSwapStatus', 'Swap space of a node.', {
  capacity: pointer([1, int64], 'Its size in bytes.'),
});
export type NodeSwapStatus = Infer<typeof nodeSwapStatus>;

export const nodeSystemInfo = message(
  'io.k8s.api.core.v1.NodeSystemInfo',
  'What software and hardware a node has.',
  {
    machineID: required([1, string], 'Identifier of the machine within the cluster.'),
    systemUUID: required([2, string], 'Identifier the hardware reports.'),
    bootID: required([3, string], 'Identifier of this boot.'),
    kernelVersion: required([4, string], 'Version of the kernel.'),
    osImage: required([5, string], 'Name of the operating system.'),
    containerRuntimeVersion: required([6, string], 'Runtime and its version, as name://version.'),
    kubeletVersion: required([7, string], 'Version of the node agent.'),
    kubeProxyVersion: required([8, string], 'No longer meaningful.'),
    operatingSystem: required([9, string], 'Kind of operating system, such as linux.'),
    architecture: required([10, string], 'Kind of processor, such as amd64.'),
    swap: optional([11, nodeSwapStatus], 'Swap space.'),
  },
);
export type NodeSystemInfo = Infer<typeof nodeSystemInfo>;

export const containerImage = message('io.k8s.api.core.v1.ContainerImage', 'An image a node has.', {
  names: optional([1, list(string)], 'Names of the image.'),
  sizeBytes: optional([2, int64], 'Size in bytes.'),
});
export type ContainerImage = Infer<typeof containerImage>;

export const attachedVolume = message('io.k8s.api.core.v1.AttachedVolume', 'A volume attached to a node.', {
  name: required([1, string], 'Name of the volume.'),
  devicePath: required([2, string], 'Device it appears as.'),
});
export type AttachedVolume = Infer<typeof attachedVolume>;

export const nodeConfigStatus = message(
  'io.k8s.api.core.v1.NodeConfigStatus',
  "State of the node agent's configuration; no longer used.",
  {
    assigned: optional([1, nodeConfigSource], 'Configuration that was asked for.'),
    active: optional([2, nodeConfigSource], 'Configuration in force.'),
    lastKnownGood: optional([3, nodeConfigSource], 'Configuration to fall back to.'),
    error: optional([4, string], 'What is wrong with it.'),
  },
);
export type NodeConfigStatus = Infer<typeof nodeConfigStatus>;

export const nodeRuntimeHandlerFeatures = message(
  'io.k8s.api.core.v1.NodeRuntimeHandlerFeatures',
  'What a runtime handler can do.',
  {
    recursiveReadOnlyMounts: pointer([1, bool], 'Whether mounts can be read-only with all below.'),
    userNamespaces: pointer([2, bool], 'Whether Pods can have their own user ids.'),
  },
);
export type NodeRuntimeHandlerFeatures = Infer<typeof nodeRuntimeHandlerFeatures>;

export const nodeRuntimeHandler = message(
  'io.k8s.api.core.v1.NodeRuntimeHandler',
  'A way of running containers.',
  {
    name: optional([1, string], 'Name of the handler; empty for the default.'),
    features: optional([2, nodeRuntimeHandlerFeatures], 'What it can do.'),
  },
);
export type NodeRuntimeHandler = Infer<typeof nodeRuntimeHandler>;

export const nodeFeatures = message('io.k8s.api.core.v1.NodeFeatures', "What the node's runtime can do.", {
  supplementalGroupsPolicy: pointer([1, bool], 'Whether supplementalGroupsPolicy is supported.'),
});
export type NodeFeatures = Infer<typeof nodeFeatures>;

export const nodeStatus = message('io.k8s.api.core.v1.NodeStatus', 'What is known of a node.', {
  capacity: optional([1, map(quantity)], 'All that the node has, by resource name.'),
  allocatable: optional([2, map(quantity)], 'What Pods may use of it.', { default: sameAsCapacity }),
  phase: optional([3, string], 'No longer used.'),
  conditions: optional([4, listMap(nodeCondition, ['type'])], 'Aspects of its state.', {
    patchMergeKey: 'type',
  }),
  addresses: optional([5, listMap(nodeAddress, ['type'])], 'Its addresses.', { patchMergeKey: 'type' }),
  daemonEndpoints: optional([6, nodeDaemonEndpoints], 'Ports of its own services.'),
  nodeInfo: optional([7, nodeSystemInfo], 'Its software and hardware.'),
  images: optional([8, list(containerImage)], 'Images it has.'),
  volumesInUse: optional([9, list(string)], 'Volumes in use, which must not be detached.'),
  volumesAttached: optional([10, list(attachedVolume)], 'Volumes attached to it.'),
  config: optional([11, nodeConfigStatus], 'No longer used.'),
  runtimeHandlers: optional([12, list(nodeRuntimeHandler)], 'Its ways of running containers.'),
  features: optional([13, nodeFeatures], 'What its runtime can do.'),
  declaredFeatures: optional([14, list(string)], 'Features the node says it supports.'),
});
export type NodeStatus = Infer<typeof nodeStatus>;

export const node = message('io.k8s.api.core.v1.Node', 'A machine that runs Pods.', {
  ...typeMeta,
  metadata: filled([1, objectMeta], 'Name, labels and other standard metadata.'),
  spec: filled([2, nodeSpec], 'What is decided about the node.'),
  status: optional([3, nodeStatus], 'What is known of it; written by the node.'),
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

import { arch, platform, release } from 'node:os';
import type { Node, NodeStatus } from '../../api/core/v1/node.ts';
import { formatTime } from '../../api/schema/time.ts';
import { kubeletVersion, runtimeName, type NodeConfig } from '../config.ts';
import { images } from '../images/images.ts';
import { capacity } from './capacity.ts';

/** Names of processor architectures as Kubernetes has them. */
const architectures: Readonly<Record<string, string>> = {
  x64: 'amd64',
  arm64: 'arm64',
  ia32: '386',
  arm: 'arm',
};

export const architecture = (): string => architectures[arch()] ?? arch();

/** The Node as the agent makes it when there is none. */
export function nodeObject(config: NodeConfig): Node {
  const os = platform();
  return {
    metadata: {
      name: config.nodeName,
      labels: {
        'kubernetes.io/hostname': config.nodeName,
        'kubernetes.io/os': os,
        'kubernetes.io/arch': architecture(),
        'beta.kubernetes.io/os': os,
        'beta.kubernetes.io/arch': architecture(),
      },
      annotations: { 'portico.dev/network': config.network },
    },
    spec: { podCIDR: config.podCIDR, podCIDRs: [config.podCIDR] },
  };
}

export interface NodeStatusInput {
  readonly config: NodeConfig;
  readonly nowMs: number;
  /** Where the kubelet API listens; undefined when it is not served. */
  readonly kubeletPort: number | undefined;
  /** The status there is, whose transition times are kept. */
  readonly former: NodeStatus | undefined;
  readonly bootID: string;
}

type Wanted = readonly [type: string, status: 'True' | 'False', reason: string, message: string];

const conditions: readonly Wanted[] = [
  ['MemoryPressure', 'False', 'KubeletHasSufficientMemory', 'kubelet has sufficient memory available'],
  ['DiskPressure', 'False', 'KubeletHasNoDiskPressure', 'kubelet has no disk pressure'],
  ['PIDPressure', 'False', 'KubeletHasSufficientPID', 'kubelet has sufficient PID available'],
  ['Ready', 'True', 'KubeletReady', 'kubelet is posting ready status'],
];

/** The Node's status. Pressure is not measured: the conditions say what upstream says of a healthy node. */
export function nodeStatus({ config, nowMs, kubeletPort, former, bootID }: NodeStatusInput): NodeStatus {
  const resources = capacity();
  const now = formatTime(nowMs);
  return {
    capacity: resources,
    allocatable: resources,
    addresses: [
      { type: 'InternalIP', address: config.nodeIP },
      { type: 'Hostname', address: config.nodeName },
    ],
    conditions: conditions.map(([type, status, reason, message]) => {
      const before = former?.conditions?.find((condition) => condition.type === type);
      const since = before?.status === status ? (before.lastTransitionTime ?? now) : now;
      return { type, status, reason, message, lastHeartbeatTime: now, lastTransitionTime: since };
    }),
    ...(kubeletPort !== undefined && { daemonEndpoints: { kubeletEndpoint: { Port: kubeletPort } } }),
    nodeInfo: {
      machineID: bootID,
      systemUUID: bootID,
      bootID,
      kernelVersion: release(),
      osImage: `${platform()} (processes of this machine)`,
      containerRuntimeVersion: `${runtimeName}://0.1.0`,
      kubeletVersion,
      kubeProxyVersion: '',
      operatingSystem: platform(),
      architecture: architecture(),
    },
    images: images.map(({ name }) => ({ names: [name], sizeBytes: 0 })),
  };
}

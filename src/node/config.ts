/** How Pods, nodes and the machine's network belong together. */
export type NetworkMode = 'sandbox' | 'host' | 'none';

/** What one node agent needs to know. */
export interface NodeConfig {
  readonly nodeName: string;
  /** The node's InternalIP. */
  readonly nodeIP: string;
  /** Addresses of this node's Pods; with `network: none` a block of 127.0.0.0/8. */
  readonly podCIDR: string;
  readonly network: NetworkMode;
  /** Survives the agent: one folder per Pod below `pods/`, logs below `logs/`. */
  readonly stateDir: string;
  /** Where namespaces are bound; unused with `network: none`. */
  readonly netnsDir: string;
  /** Compiled code of the built-in images (default: below `stateDir`); nodes of one machine do well to share it: a start takes 55 ms with it, 350 without. */
  readonly compileCacheDir?: string;
  /** Name server of ClusterFirst Pods; the empty string leaves them the machine's. */
  readonly clusterDNS: string;
  readonly clusterDomain: string;
  /** Port of the kubelet API; with `network: none` 0 chooses one. */
  readonly kubeletPort: number;
  /** PEM texts; without them the kubelet API is not served. */
  readonly kubeletTls?: { readonly cert: string; readonly key: string; readonly clientCA: string };
  /** Whether Pods and their network end with `run` (default: only with `network: none`, where nothing else would end them). */
  readonly isStoppingPods?: boolean;
}

/** Shown as the node's version; the API version this agent speaks. */
export const kubeletVersion = 'v1.36.0+portico';
export const runtimeName = 'portico-process';

import type { PodNamespaces } from '../runtime/model.ts';

export interface PodNetworkSpec {
  readonly uid: string;
  readonly hostname: string;
  readonly ip: string;
  /** The Pod uses the node's own network and name. */
  readonly isHostNetwork: boolean;
}

/** What all containers of a Pod share. */
export interface PodNetwork {
  /** Makes or keeps the Pod's namespaces and devices; the second run changes nothing. `isNew` when they were not there before. */
  setUp(pod: PodNetworkSpec): { readonly namespaces: PodNamespaces; readonly isNew: boolean };
  /** Removes whatever is there of a Pod; harmless when nothing is. */
  tearDown(uid: string, ip: string): void;
  /** Pods that have something here. */
  list(): readonly string[];
  /** Lets go of what Pods shared here; call it when none is left. */
  dispose(): void;
}

/** Pods without namespaces: an address of the machine's loopback each, nothing to make. */
export const plainPodNetwork: PodNetwork = {
  setUp: () => ({ namespaces: {}, isNew: false }),
  tearDown: () => undefined,
  list: () => [],
  dispose: () => undefined,
};

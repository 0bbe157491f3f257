import { join } from 'node:path';
import type { Node } from '../api/core/v1/node.ts';
import type { Clock } from '../base/clock.ts';
import type { Logger } from '../base/logger.ts';
import type { Informer } from '../client/informer.ts';
import type { NodeConfig } from './config.ts';
import { plainPodNetwork, type PodNetwork } from './network/plain-pod-network.ts';
import { podsSuffix } from './network/plan.ts';
import type { ContainerRuntime } from './runtime/model.ts';
import { createProcessRuntime } from './runtime/process/process-runtime.ts';

/** Where a node's Pods live. */
export interface Room {
  readonly runtime: ContainerRuntime;
  readonly network: PodNetwork;
  /** Ends what the room has open; namespaces and routes stay. */
  readonly close: () => void;
}

export interface RoomOptions {
  readonly config: NodeConfig;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly nodes: Informer<Node>;
}

/** Prepares the node's network for Pods. Without namespaces nothing of the kernel is loaded, so it works for everybody and everywhere. */
export async function openRoom({ config, clock, logger, nodes }: RoomOptions): Promise<Room> {
  if (config.network === 'none') {
    return { runtime: createProcessRuntime({ clock }), network: plainPodNetwork, close: () => undefined };
  }
  const [
    kernel,
    { createNamespacedPodNetwork },
    { ensureNodeSysctls },
    { openNetworkStack },
    { followNodeRoutes },
  ] = await Promise.all([
    import('./runtime/process/namespaced.ts'),
    import('./network/pod-network.ts'),
    import('./network/node-network.ts'),
    import('../kernel/route/network-stack.ts'),
    import('./network/node-routes.ts'),
  ]);
  const stack = openNetworkStack();
  ensureNodeSysctls(stack);
  const unfollow = followNodeRoutes(nodes, {
    ownName: config.nodeName,
    stack,
    onError: (err) => logger.warn('cannot set the route to the Pods of another node', { err }),
  });
  return {
    runtime: createProcessRuntime({ clock, namespaces: { netnsDir: config.netnsDir, kernel } }),
    network: createNamespacedPodNetwork(
      join(config.netnsDir, `${config.nodeName}${podsSuffix}`),
      config.nodeIP,
    ),
    close: () => {
      unfollow();
      stack.close();
    },
  };
}

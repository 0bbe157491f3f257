import { createNamedNetns, isNamespaceBound } from '../../kernel/netns/named-netns.ts';
import { openNetworkStack } from '../../kernel/route/network-stack.ts';
import type { NetworkStack } from '../../kernel/route/model.ts';
import {
  fabricPlan,
  nodeNetworkPlan,
  nodePortName,
  nodeSysctls,
  sandboxSysctls,
  type FabricInput,
  type NetworkPlan,
  type NodeNetworkInput,
} from './plan.ts';

/** The network namespace of the sandbox's first process. */
export const rootNetns = '/proc/1/ns/net';

/** The path of a node's own network namespace. */
export const nodeNetnsPath = (netnsDir: string, nodeName: string): string => `${netnsDir}/${nodeName}`;

export function applyPlan(stack: NetworkStack, plan: NetworkPlan): void {
  for (const object of plan) stack.ensure(object);
}

/** Runs `fn` with the configuration of a namespace (default: the calling thread's) and closes it. */
export function withStack<T>(netnsPath: string | undefined, fn: (stack: NetworkStack) => T): T {
  const stack = openNetworkStack(netnsPath);
  try {
    return fn(stack);
  } finally {
    stack.close();
  }
}

/** Makes the network between the nodes in the sandbox's first namespace; may be called by all who need it, in any order. */
export function ensureFabric(input: FabricInput): void {
  withStack(rootNetns, (stack) => {
    applyPlan(stack, fabricPlan(input));
    stack.sysctl('net.ipv4.ip_forward', '1');
  });
}

/**
 * Makes a node's network namespace in a sandbox, joins it to the fabric and tells the sandbox the way to its Pods. What exists is kept, so traffic
 * does not notice an agent that starts again. The caller enters the namespace (`enterNetns`) before it opens sockets.
 */
export function ensureNodeNetwork(input: NodeNetworkInput): void {
  ensureFabric(input);
  const plan = nodeNetworkPlan(input);
  withStack(rootNetns, (root) => {
    if (!isNamespaceBound(input.netnsPath)) {
      root.remove({ kind: 'link', name: nodePortName(input.nodeIP) });
      createNamedNetns(input.netnsPath);
    }
    applyPlan(root, plan.fabric);
    withStack(input.netnsPath, (node) => {
      ensureNodeSysctls(node);
      for (const [name, value] of Object.entries(sandboxSysctls)) node.sysctl(name, value);
      applyPlan(node, plan.node);
    });
    root.ensure({ kind: 'route', to: input.podCIDR, via: input.nodeIP });
  });
}

/** What Pods need of a node's namespace; on a real machine the only thing changed. */
export function ensureNodeSysctls(stack: NetworkStack): void {
  for (const [name, value] of Object.entries(nodeSysctls)) stack.sysctl(name, value);
}

import type { Node } from '../../api/core/v1/node.ts';
import type { Informer } from '../../client/informer.ts';
import type { NetworkStack } from '../../kernel/route/model.ts';
import { nodeRoutesPlan, type NodeRoute } from './plan.ts';

/** How others reach a node's Pods. */
export function nodeRouteOf({ metadata, spec, status }: Node): NodeRoute {
  const address = status?.addresses?.find(({ type }) => type === 'InternalIP')?.address;
  return { name: metadata.name, nodeIP: address ?? '', podCIDR: spec.podCIDR ?? spec.podCIDRs?.[0] ?? '' };
}

/** Keeps the routes to the Pods of the other nodes while `signal` lasts; routes of nodes that are gone are removed. */
export function followNodeRoutes(
  nodes: Informer<Node>,
  options: {
    readonly ownName: string;
    readonly stack: NetworkStack;
    readonly onError: (error: unknown) => void;
  },
): () => void {
  const { ownName, stack, onError } = options;
  return nodes.onChange(({ prev, next }) => {
    try {
      const [wanted] = next === undefined ? [] : nodeRoutesPlan([nodeRouteOf(next)], ownName);
      const [former] = prev === undefined ? [] : nodeRoutesPlan([nodeRouteOf(prev)], ownName);
      if (former?.kind === 'route' && (wanted?.kind !== 'route' || wanted.to !== former.to))
        stack.remove(former);
      if (wanted !== undefined) stack.ensure(wanted);
    } catch (error) {
      onError(error);
    }
  });
}

import type { Node } from '../../../api/core/v1/node.ts';
import { type Strategy, statusStrategy } from '../strategy.ts';
import { nodeChangeFaults, nodeFaults, nodeWarnings } from './validation.ts';

/** podCIDR is the first of podCIDRs; clients may write either, and the old one counts where they differ. */
function withPodCIDRs(node: Node): Node {
  const { podCIDR = '', podCIDRs = [] } = node.spec;
  const [first] = podCIDRs;
  if (podCIDR !== '' && first !== podCIDR) return { ...node, spec: { ...node.spec, podCIDRs: [podCIDR] } };
  return podCIDR === '' && first !== undefined ? { ...node, spec: { ...node.spec, podCIDR: first } } : node;
}

/** A node agent registers its status along with the node; later the status goes its own way. */
export const nodeStrategy: Strategy<Node> = {
  prepare: ({ next, prev }) => {
    const node = withPodCIDRs(next);
    if (prev === undefined) return node;
    const { status: _, ...rest } = node;
    return prev.status === undefined ? rest : { ...rest, status: prev.status };
  },
  validate: ({ next, prev }) => [
    ...nodeFaults(next, prev),
    ...(prev === undefined ? [] : nodeChangeFaults(next, prev)),
  ],
  warnings: ({ next }) => nodeWarnings(next),
};

export const nodeStatusStrategy: Strategy<Node> = statusStrategy(({ next, prev }) => nodeFaults(next, prev));

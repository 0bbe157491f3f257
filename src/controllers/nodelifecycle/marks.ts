import { nodes as nodeKind } from '../../api/core/v1/node.ts';
import type { Node } from '../../api/core/v1/node.ts';
import { pods as podKind } from '../../api/core/v1/pod.ts';
import type { Pod } from '../../api/core/v1/pod.ts';
import { isNotFound } from '../../api/errors/api-error.ts';
import { formatTime } from '../../api/schema/time.ts';
import { withCondition } from '../conditions.ts';
import type { ControllerDeps } from '../controller.ts';

/** What is written about a node that fell silent. */
export interface Marks {
  node(node: Node): Promise<void>;
  pod(pod: Pod): Promise<void>;
}

export function createMarks({ client, clock, logger }: ControllerDeps): Marks {
  const markNode = async (node: Node): Promise<void> => {
    const now = formatTime(clock.now());
    const ready = node.status?.conditions?.find(({ type }) => type === 'Ready');
    const condition = {
      ...ready,
      type: 'Ready',
      status: 'Unknown',
      reason: 'NodeStatusUnknown',
      message: 'Kubelet stopped posting node status.',
      lastTransitionTime: now,
    };
    const body = { status: { conditions: [condition] } };
    await client.patch(nodeKind, node.metadata, { type: 'strategic', subresource: 'status', body });
    logger.warn('a node no longer renews its lease', { node: node.metadata.name });
  };

  const markPod = async (pod: Pod): Promise<void> => {
    const condition = {
      type: 'Ready',
      status: 'False',
      reason: 'NodeNotReady',
      lastTransitionTime: formatTime(clock.now()),
    };
    const conditions = withCondition(pod.status?.conditions ?? [], condition);
    const body = { metadata: { uid: pod.metadata.uid }, status: { conditions } };
    try {
      await client.patch(podKind, pod.metadata, { type: 'strategic', subresource: 'status', body });
    } catch (error) {
      if (!isNotFound(error)) throw error;
    }
  };

  return { node: markNode, pod: markPod };
}

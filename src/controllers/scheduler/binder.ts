import { pods as podKind } from '../../api/core/v1/pod.ts';
import type { Pod } from '../../api/core/v1/pod.ts';
import { isConflict, isNotFound } from '../../api/errors/api-error.ts';
import { objectKey } from '../../api/kind.ts';
import { formatTime } from '../../api/schema/time.ts';
import type { Clock } from '../../base/clock.ts';
import { call } from '../../client/call.ts';
import type { Client } from '../../client/client.ts';
import type { EventRecorder } from '../../client/event-recorder.ts';
import { resourcePath } from '../../client/resource-path.ts';
import { withCondition } from '../conditions.ts';
import { podCondition } from '../pod-state.ts';

export interface Binder {
  /** False when the Pod is gone or was bound by someone else: nothing to do any more. */
  bind(pod: Pod, node: string): Promise<boolean>;
  /** Tells the Pod, by condition and Event, why it has no node. */
  refuse(pod: Pod, message: string): Promise<void>;
}

export interface BinderDeps {
  readonly client: Client;
  readonly recorder: EventRecorder;
  readonly clock: Clock;
}

export function createBinder({ client, recorder, clock }: BinderDeps): Binder {
  const bind = async (pod: Pod, node: string): Promise<boolean> => {
    const { name, namespace, uid } = pod.metadata;
    try {
      await call(client.transport, {
        method: 'POST',
        path: resourcePath(podKind, { namespace, name, subresource: 'binding' }),
        headers: { 'content-type': 'application/json', accept: 'application/json' },
        body: JSON.stringify({
          apiVersion: 'v1',
          kind: 'Binding',
          metadata: { name, namespace, uid },
          target: { apiVersion: 'v1', kind: 'Node', name: node },
        }),
      });
    } catch (error) {
      if (isNotFound(error) || isConflict(error)) return false;
      throw error;
    }
    const message = `Successfully assigned ${objectKey(pod)} to ${node}`;
    recorder.record(podKind, pod, { type: 'Normal', reason: 'Scheduled', message });
    return true;
  };

  const refuse = async (pod: Pod, message: string): Promise<void> => {
    recorder.record(podKind, pod, { type: 'Warning', reason: 'FailedScheduling', message });
    const current = podCondition(pod, 'PodScheduled');
    if (current?.status === 'False' && current.message === message) return;
    const lastTransitionTime = formatTime(clock.now());
    const condition = {
      type: 'PodScheduled',
      status: 'False',
      reason: 'Unschedulable',
      message,
      lastTransitionTime,
    };
    const conditions = withCondition(pod.status?.conditions ?? [], condition);
    const body = { metadata: { uid: pod.metadata.uid }, status: { conditions } };
    await client.patch(podKind, pod.metadata, { type: 'strategic', subresource: 'status', body });
  };

  return { bind, refuse };
}

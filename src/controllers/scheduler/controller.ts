import { nodes as nodeKind } from '../../api/core/v1/node.ts';
import type { Node } from '../../api/core/v1/node.ts';
import { pods as podKind } from '../../api/core/v1/pod.ts';
import type { Pod } from '../../api/core/v1/pod.ts';
import { deepEqual } from '../../base/deep-equal.ts';
import { createEventRecorder } from '../../client/event-recorder.ts';
import { createIndex } from '../../client/object-index.ts';
import { alongside, createController } from '../controller.ts';
import type { Controller, ControllerDeps } from '../controller.ts';
import { isPodFinished } from '../pod-state.ts';
import { createBinder } from './binder.ts';
import { planBinding } from './plan.ts';

export const schedulerName = 'default-scheduler';
/** A Pod that fits nowhere is looked at again after this long even if nothing is seen to change. */
const retryMs = 60_000;

const isWaiting = ({ metadata, spec, status }: Pod): boolean =>
  (spec.nodeName ?? '') === '' &&
  metadata.deletionTimestamp === undefined &&
  (spec.schedulerName ?? schedulerName) === schedulerName &&
  (spec.schedulingGates ?? []).length === 0 &&
  status?.phase !== 'Succeeded' &&
  status?.phase !== 'Failed';

/** What of a Node decides whether Pods fit; heartbeats do not. */
const factsOf = (node: Node | undefined): unknown =>
  node && {
    labels: node.metadata.labels,
    taints: node.spec.taints,
    unschedulable: node.spec.unschedulable,
    allocatable: node.status?.allocatable,
    ready: node.status?.conditions?.find(({ type }) => type === 'Ready')?.status,
  };

/** Gives every Pod that has no node one, spreading those of one kind. One Pod at a time, each seeing the one before. */
export function createScheduler(deps: ControllerDeps): Controller {
  const { client, informers, clock, logger } = deps;
  const pods = informers.for(podKind);
  const nodes = informers.for(nodeKind);
  const byNode = createIndex((pod: Pod) =>
    isPodFinished(pod) || !pod.spec.nodeName ? [] : [pod.spec.nodeName],
  );
  const waiting = new Set<string>();
  /** Bound by us, not seen as bound yet. */
  const assumed = new Map<string, Pod>();
  const recorder = createEventRecorder({ client, component: schedulerName, clock, logger });
  const binder = createBinder({ client, recorder, clock });

  const podsOn = (node: string): readonly Pod[] => [
    ...[...byNode.keys(node)].flatMap((key) => pods.get(key) ?? []),
    ...[...assumed.values()].filter(({ spec }) => spec.nodeName === node),
  ];

  const reconcile = async (key: string): Promise<number | void> => {
    const pod = pods.get(key);
    if (pod === undefined || !isWaiting(pod) || assumed.has(key)) return;
    const plan = planBinding({ pod, nodes: nodes.list(), podsOn });
    if (plan.node !== undefined) {
      assumed.set(key, { ...pod, spec: { ...pod.spec, nodeName: plan.node } });
      const isBound = await binder.bind(pod, plan.node).catch((error: unknown) => {
        assumed.delete(key);
        throw error;
      });
      if (!isBound) assumed.delete(key);
      return;
    }
    await binder.refuse(pod, plan.message);
    return retryMs;
  };

  const onPod = (key: string, prev: Pod | undefined, next: Pod | undefined): void => {
    byNode.move(key, prev, next);
    if (next === undefined || next.spec.nodeName) assumed.delete(key);
    if (next !== undefined && isWaiting(next)) waiting.add(key);
    else waiting.delete(key);
  };

  const controller = createController(deps, {
    name: 'scheduler',
    reads: [pods, nodes],
    reconcile,
    workers: 1,
    connect: (queue) => {
      const retryAll = (): void => waiting.forEach((key) => queue.add(key));
      return [
        pods.onChange(({ key, prev, next }) => {
          onPod(key, prev, next);
          if (waiting.has(key) && !deepEqual(prev?.spec, next?.spec)) queue.add(key);
          const isRoomFreed =
            prev?.spec.nodeName !== undefined && (next === undefined || isPodFinished(next));
          if (isRoomFreed) retryAll();
        }),
        nodes.onChange(({ prev, next }) => {
          if (!deepEqual(factsOf(prev), factsOf(next))) retryAll();
        }),
      ];
    },
  });
  return alongside(controller, recorder);
}

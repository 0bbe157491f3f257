import { events } from '../../api/core/v1/event.ts';
import type { KubeObject } from '../../api/kind.ts';
import { allKinds } from '../../api/kinds.ts';
import { deepEqual } from '../../base/deep-equal.ts';
import { createController } from '../controller.ts';
import type { Controller, ControllerDeps } from '../controller.ts';
import { createOwnershipGraph } from './ownership-graph.ts';
import type { GraphNode } from './ownership-graph.ts';
import { foregroundFinalizer, hasFinalizer, orphanFinalizer } from './plan.ts';
import { createSteps } from './steps.ts';

/** Events are many, own nothing and are owned by nothing. */
const collectedKinds = allKinds.filter((kind) => kind.plural !== events.plural);

/** Deletes what its owners no longer keep, and carries out foreground and orphan deletion. */
export function createGarbageController(deps: ControllerDeps): Controller {
  const graph = createOwnershipGraph(deps.informers, collectedKinds);
  const steps = createSteps(deps.client, graph);

  const reconcile = async (id: string): Promise<void> => {
    const node = graph.get(id);
    if (node === undefined) return;
    if (node.object.metadata.deletionTimestamp !== undefined) {
      if (hasFinalizer(node.object, orphanFinalizer)) return steps.orphan(node);
      if (hasFinalizer(node.object, foregroundFinalizer)) return steps.foreground(node);
      return;
    }
    await steps.collect(node);
  };

  return createController(deps, {
    name: 'garbage',
    reads: graph.informers,
    reconcile,
    connect: (queue) =>
      graph.connect((id, prev, next) => {
        if (next !== undefined && needsLook(prev, next)) queue.add(id);
        const uid = (next ?? prev)?.metadata.uid;
        const isGoing = next === undefined || next.metadata.deletionTimestamp !== undefined;
        if (isGoing && uid !== undefined)
          for (const dependent of graph.dependentsOf(uid)) queue.add(dependent);
        // The last dependent of an owner that waits for it lets the owner go.
        for (const { uid: ownerUid } of prev?.metadata.ownerReferences ?? []) {
          const owner = graph.byUid(ownerUid);
          if (owner?.object.metadata.deletionTimestamp !== undefined) queue.add(idOf(owner));
        }
      }),
  });
}

const idOf = ({ kind, object: { metadata } }: GraphNode): string => {
  const apiVersion = kind.group === '' ? kind.version : `${kind.group}/${kind.version}`;
  const key = metadata.namespace === undefined ? metadata.name : `${metadata.namespace}/${metadata.name}`;
  return `${apiVersion} ${kind.kind} ${key}`;
};

/** New or changed owners, or the beginning of a deletion that has to wait. */
function needsLook(prev: KubeObject | undefined, next: KubeObject): boolean {
  const { ownerReferences, deletionTimestamp, finalizers } = next.metadata;
  if (deletionTimestamp !== undefined) return (finalizers ?? []).length > 0;
  return ownerReferences !== undefined && !deepEqual(prev?.metadata.ownerReferences, ownerReferences);
}

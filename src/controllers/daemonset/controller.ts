import { controllerRevisions, daemonSets } from '../../api/apps/v1/revisioned-workloads.ts';
import type { ControllerRevision, DaemonSet } from '../../api/apps/v1/revisioned-workloads.ts';
import { nodes as nodeKind } from '../../api/core/v1/node.ts';
import type { Node } from '../../api/core/v1/node.ts';
import type { Pod } from '../../api/core/v1/pod.ts';
import { objectKey } from '../../api/kind.ts';
import { deepEqual } from '../../base/deep-equal.ts';
import { messageOf } from '../../base/thrown.ts';
import { alongside, createController } from '../controller.ts';
import type { Controller, ControllerDeps } from '../controller.ts';
import { collision, dropRevisions, keepRevision } from '../history/keep.ts';
import { hashOf, planHistory, revisionLabel, surplusRevisions } from '../history/plan.ts';
import type { HistoryPlan } from '../history/plan.ts';
import { behindMs } from '../own-writes.ts';
import { controllerRef } from '../ownership.ts';
import { createWorkloadPods, settleAll, statusWriter } from '../workload-pods.ts';
import { daemonPod, planDaemonSet } from './plan.ts';

/** What of a node decides whether daemons run there. */
const factsOf = (node: Node | undefined): unknown => ({
  labels: node?.metadata.labels,
  taints: node?.spec.taints,
  isUnschedulable: node?.spec.unschedulable,
});

const noDaemons = {
  currentNumberScheduled: 0,
  numberMisscheduled: 0,
  desiredNumberScheduled: 0,
  numberReady: 0,
};

const historyOf = (set: DaemonSet, revisions: readonly ControllerRevision[]): HistoryPlan => {
  const { name, namespace, annotations } = set.metadata;
  const owner = { name, namespace, annotations, reference: controllerRef(daemonSets, set) };
  const nCollisions = set.status?.collisionCount ?? 0;
  return planHistory({ owner, template: set.spec.template, revisions, nCollisions });
};

/** Keeps a Pod of each DaemonSet on every node that fits. */
export function createDaemonSetController(deps: ControllerDeps): Controller {
  const { client, informers, clock } = deps;
  const revisions = informers.for(controllerRevisions);
  const nodes = informers.for(nodeKind);
  const workload = createWorkloadPods<DaemonSet>(deps, {
    kind: daemonSets,
    component: 'daemonset-controller',
    selectorOf: ({ spec }) => spec.selector,
  });
  const { create, remove, noteFailed } = writerFor(workload);

  const updateStatus = statusWriter(client, daemonSets);

  const reconcile = async (key: string): Promise<number | void> => {
    const set = workload.owners.get(key);
    if (set === undefined) return workload.forget(key);
    const pods = await workload.claim(set);
    if (workload.isBehind(set)) return behindMs;
    const known = revisions.by('owner', set.metadata.uid ?? '');
    const { collisionCount: nCollisions = 0 } = set.status ?? {};
    const history = historyOf(set, known);
    const current = await keepRevision(client, history);
    if (current === collision) {
      return updateStatus(set, { ...noDaemons, ...set.status, collisionCount: nCollisions + 1 });
    }
    const hash = hashOf(current);
    const plan = planDaemonSet({
      daemonSet: set,
      pods,
      nodes: nodes.list(),
      hash,
      nCollisions,
      now: clock.now(),
    });
    for (const pod of plan.failed) noteFailed(set, pod);
    await settleAll([
      ...plan.creates.map((nodeName) => create(set, daemonPod(set, nodeName, hash))),
      ...plan.deletes.map((pod) => remove(set, pod)),
    ]);
    await updateStatus(set, plan.status);
    const all = [...known.filter((revision) => revision.metadata.name !== current.metadata.name), current];
    const live = new Set([hash, ...pods.map((pod) => pod.metadata.labels?.[revisionLabel] ?? '')]);
    await dropRevisions(client, surplusRevisions(all, live, set.spec.revisionHistoryLimit ?? 10));
    return workload.isBehind(set) ? behindMs : plan.againMs;
  };

  const controller = createController(deps, {
    name: 'daemonset',
    reads: [workload.owners, workload.pods, nodes, revisions],
    reconcile,
    connect: (queue) => [
      ...workload.connect((key) => queue.add(key)),
      nodes.onChange(({ prev, next }) => {
        const isNews = prev === undefined || !deepEqual(factsOf(prev), factsOf(next));
        if (isNews) for (const set of workload.owners.list()) queue.add(objectKey(set));
      }),
    ],
  });
  return alongside(controller, workload.recorder);
}

function writerFor({ write, recorder }: ReturnType<typeof createWorkloadPods<DaemonSet>>) {
  const note = (set: DaemonSet, reason: string, message: string): void => {
    const type = reason.startsWith('Failed') ? 'Warning' : 'Normal';
    recorder.record(daemonSets, set, { type, reason, message });
  };
  return {
    noteFailed: (set: DaemonSet, pod: Pod): void => {
      const message = `Found failed daemon pod ${objectKey(pod)} on node ${pod.spec.nodeName ?? ''}, will try to kill it`;
      note(set, 'FailedDaemonPod', message);
    },
    create: async (set: DaemonSet, pod: Pod): Promise<void> => {
      try {
        const created = await write.create(set, pod);
        if (created !== undefined) note(set, 'SuccessfulCreate', `Created pod: ${created.metadata.name}`);
      } catch (error) {
        note(set, 'FailedCreate', `Error creating: ${messageOf(error)}`);
        throw error;
      }
    },
    remove: async (set: DaemonSet, pod: Pod): Promise<void> => {
      await write.delete(set, pod);
      note(set, 'SuccessfulDelete', `Deleted pod: ${pod.metadata.name}`);
    },
  };
}

import { controllerRevisions, statefulSets } from '../../api/apps/v1/revisioned-workloads.ts';
import type { StatefulSet } from '../../api/apps/v1/revisioned-workloads.ts';
import { alongside, createController } from '../controller.ts';
import type { Controller, ControllerDeps } from '../controller.ts';
import { collision, dropRevisions, keepRevision } from '../history/keep.ts';
import { planHistory, revisionLabel, surplusRevisions } from '../history/plan.ts';
import { behindMs } from '../own-writes.ts';
import { controllerRef } from '../ownership.ts';
import { createWorkloadPods, settleAll, statusWriter } from '../workload-pods.ts';
import { createStatefulWriter } from './apply.ts';
import { ordinalOf } from './model.ts';
import { planStatefulSet } from './plan.ts';

/** Keeps the Pods of each StatefulSet: their numbers, their claims and their history. */
export function createStatefulSetController(deps: ControllerDeps): Controller {
  const { client, informers, clock } = deps;
  const revisions = informers.for(controllerRevisions);
  const workload = createWorkloadPods<StatefulSet>(deps, {
    kind: statefulSets,
    component: 'statefulset-controller',
    selectorOf: ({ spec }) => spec.selector,
    mayAdopt: (set, pod) => ordinalOf(set, pod) !== undefined,
  });
  const { create, remove } = createStatefulWriter(client, workload);

  const updateStatus = statusWriter(client, statefulSets);

  const reconcile = async (key: string): Promise<number | void> => {
    const set = workload.owners.get(key);
    if (set === undefined) return workload.forget(key);
    const pods = await workload.claim(set);
    if (workload.isBehind(set)) return behindMs;
    const { name, namespace, uid = '' } = set.metadata;
    const known = revisions.by('owner', uid);
    const nCollisions = set.status?.collisionCount ?? 0;
    const reference = controllerRef(statefulSets, set);
    const owner = { name, namespace, annotations: undefined, reference };
    const history = planHistory({ owner, template: set.spec.template, revisions: known, nCollisions });
    const update = await keepRevision(client, history);
    if (update === collision) {
      const status = { ...set.status, replicas: set.status?.replicas ?? 0, collisionCount: nCollisions + 1 };
      return updateStatus(set, status);
    }
    const all = [...known.filter((revision) => revision.metadata.name !== update.metadata.name), update];
    const current = all.find((revision) => revision.metadata.name === set.status?.currentRevision) ?? update;
    const plan = planStatefulSet({
      set,
      pods,
      currentRevision: current.metadata.name,
      updateRevision: update.metadata.name,
      nCollisions,
      now: clock.now(),
    });
    await settleAll([
      ...plan.creates.map(({ ordinal, revision }) =>
        create(set, ordinal, revision === current.metadata.name ? current : update),
      ),
      ...plan.deletes.map((pod) => remove(set, pod)),
    ]);
    await updateStatus(set, plan.status);
    const inUse = pods.map((pod) => pod.metadata.labels?.[revisionLabel] ?? '');
    const live = new Set([current.metadata.name, update.metadata.name, ...inUse]);
    await dropRevisions(client, surplusRevisions(all, live, set.spec.revisionHistoryLimit ?? 10));
    return workload.isBehind(set) ? behindMs : plan.againMs;
  };

  const controller = createController(deps, {
    name: 'statefulset',
    reads: [workload.owners, workload.pods, revisions],
    reconcile,
    connect: (queue) => workload.connect((key) => queue.add(key)),
  });
  return alongside(controller, workload.recorder);
}

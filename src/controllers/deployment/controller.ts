import { deployments as deploymentKind } from '../../api/apps/v1/deployment.ts';
import type { Deployment } from '../../api/apps/v1/deployment.ts';
import { replicaSets as replicaSetKind } from '../../api/apps/v1/replica-set.ts';
import type { ReplicaSet } from '../../api/apps/v1/replica-set.ts';
import { pods as podKind } from '../../api/core/v1/pod.ts';
import type { Pod } from '../../api/core/v1/pod.ts';
import { objectKey } from '../../api/kind.ts';
import { fromLabelSelector, matchesLabels } from '../../api/selectors/label-selector.ts';
import { createEventRecorder } from '../../client/event-recorder.ts';
import type { Informer } from '../../client/informer.ts';
import { settleClaims } from '../adoption.ts';
import { claim } from '../claims.ts';
import { alongside, createController } from '../controller.ts';
import type { Controller, ControllerDeps } from '../controller.ts';
import { behindMs, createOwnWrites } from '../own-writes.ts';
import { controllerOf } from '../ownership.ts';
import { isPodFinished } from '../pod-state.ts';
import { planDeployment } from './plan.ts';
import { createRolloutWriter } from './rollout-writer.ts';
import { isSameTemplate } from './template-hash.ts';

/** Rolls each Deployment out over its ReplicaSets. */
export function createDeploymentController(deps: ControllerDeps): Controller {
  const { client, informers, clock, logger } = deps;
  const deployments = informers.for(deploymentKind);
  const replicaSets = informers.for(replicaSetKind);
  const pods = informers.for(podKind);
  const ownWrites = createOwnWrites(clock);
  const recorder = createEventRecorder({ client, component: 'deployment-controller', clock, logger });
  const write = createRolloutWriter({ client, recorder, ownWrites });

  const ownedSets = (deployment: Deployment): Promise<readonly ReplicaSet[]> => {
    const selector = fromLabelSelector(deployment.spec.selector);
    const candidates = replicaSets.by('namespace', deployment.metadata.namespace ?? '');
    const claims = claim(deployment, selector, candidates);
    return settleClaims({
      client,
      ownerKind: deploymentKind,
      owner: deployment,
      kind: replicaSetKind,
      claims,
    });
  };

  /** A stopping Pod counts until it is gone: Recreate promises that old and new never run together. */
  const countOldPods = (deployment: Deployment, sets: readonly ReplicaSet[]): number =>
    sets
      .filter(({ spec }) => !isSameTemplate(spec.template, deployment.spec.template))
      .flatMap(({ metadata }) => pods.by('owner', metadata.uid ?? ''))
      .filter((pod) => !isPodFinished(pod)).length;

  const reconcile = async (key: string): Promise<number | void> => {
    const deployment = deployments.get(key);
    if (deployment === undefined) return ownWrites.forget(key);
    if (deployment.metadata.deletionTimestamp !== undefined) return;
    const sets = await ownedSets(deployment);
    if (ownWrites.isBehind(key, sets)) return behindMs;
    const nOldPods = countOldPods(deployment, sets);
    const plan = planDeployment({ deployment, replicaSets: sets, nOldPods, now: clock.now() });
    await write(deployment, plan, sets);
    const shown = replicaSets.by('owner', deployment.metadata.uid ?? '');
    return ownWrites.isBehind(key, shown) ? behindMs : plan.againMs;
  };

  const controller = createController(deps, {
    name: 'deployment',
    reads: [deployments, replicaSets, pods],
    reconcile,
    connect: (queue) => [
      deployments.onChange(({ key }) => queue.add(key)),
      replicaSets.onChange(({ prev, next }) => {
        for (const set of [prev, next])
          for (const key of set ? ownersOf(deployments, set) : []) queue.add(key);
      }),
      pods.onChange(({ prev, next }) => {
        // Pods that live show in their ReplicaSet's status; only the end of one may be news of its own.
        const set = next === undefined && prev !== undefined ? setOf(replicaSets, prev) : undefined;
        for (const key of set === undefined ? [] : ownersOf(deployments, set)) queue.add(key);
      }),
    ],
  });
  return alongside(controller, recorder);
}

function setOf(replicaSets: Informer<ReplicaSet>, pod: Pod): ReplicaSet | undefined {
  const owner = controllerOf(pod);
  return owner?.kind === replicaSetKind.kind
    ? replicaSets.get(`${pod.metadata.namespace}/${owner.name}`)
    : undefined;
}

/** The Deployments that a ReplicaSet concerns: its owner, or, when it has none, those that might adopt it. */
function ownersOf(deployments: Informer<Deployment>, set: ReplicaSet): readonly string[] {
  const { namespace = '', labels } = set.metadata;
  const owner = controllerOf(set);
  if (owner !== undefined) return owner.kind === deploymentKind.kind ? [`${namespace}/${owner.name}`] : [];
  return deployments
    .by('namespace', namespace)
    .filter(({ spec }) => matchesLabels(fromLabelSelector(spec.selector), labels))
    .map(objectKey);
}

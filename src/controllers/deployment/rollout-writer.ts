import { deployments as deploymentKind } from '../../api/apps/v1/deployment.ts';
import type { Deployment } from '../../api/apps/v1/deployment.ts';
import { replicaSets as replicaSetKind } from '../../api/apps/v1/replica-set.ts';
import type { ReplicaSet } from '../../api/apps/v1/replica-set.ts';
import { isAlreadyExists, isNotFound } from '../../api/errors/api-error.ts';
import { objectKey } from '../../api/kind.ts';
import type { Client } from '../../client/client.ts';
import type { EventRecorder } from '../../client/event-recorder.ts';
import { isSameStatus } from '../conditions.ts';
import type { OwnWrites } from '../own-writes.ts';
import { isControlledBy } from '../ownership.ts';
import { revisionAnnotation } from './plan.ts';
import type { DeploymentPlan } from './plan.ts';
import { replicasOf } from './scaling.ts';
import { isSameTemplate } from './template-hash.ts';

export interface RolloutWriterDeps {
  readonly client: Client;
  readonly recorder: EventRecorder;
  readonly ownWrites: OwnWrites;
}

type Write = (deployment: Deployment, plan: DeploymentPlan, before: readonly ReplicaSet[]) => Promise<void>;

/** Carries out one step of a rollout, the status last. */
export function createRolloutWriter({ client, recorder, ownWrites }: RolloutWriterDeps): Write {
  /** `from` is the ReplicaSet before; undefined for a new one. */
  const note = (deployment: Deployment, set: ReplicaSet, from: ReplicaSet | undefined): void => {
    const [before, after] = [from === undefined ? 0 : replicasOf(from), replicasOf(set)];
    if (before === after) return;
    const direction = after > before ? 'up' : 'down';
    const message = `Scaled ${direction} replica set ${set.metadata.name} from ${before} to ${after}`;
    recorder.record(deploymentKind, deployment, { type: 'Normal', reason: 'ScalingReplicaSet', message });
  };

  /** False when another ReplicaSet has the name. */
  const create = async (deployment: Deployment, set: ReplicaSet): Promise<boolean> => {
    try {
      ownWrites.wrote(objectKey(deployment), await client.create(replicaSetKind, set));
    } catch (error) {
      if (!isAlreadyExists(error)) throw error;
      const existing = await client.get(replicaSetKind, set.metadata);
      return (
        isControlledBy(existing, deployment) && isSameTemplate(existing.spec.template, set.spec.template)
      );
    }
    note(deployment, set, undefined);
    return true;
  };

  const remove = async (set: ReplicaSet): Promise<void> => {
    const { uid, resourceVersion } = set.metadata;
    try {
      await client.delete(replicaSetKind, set.metadata, { preconditions: { uid, resourceVersion } });
    } catch (error) {
      if (!isNotFound(error)) throw error;
    }
  };

  const writeOwn = async (
    deployment: Deployment,
    plan: DeploymentPlan,
    nCollisions: number,
  ): Promise<void> => {
    let live = deployment;
    if (
      plan.revision !== undefined &&
      plan.revision !== deployment.metadata.annotations?.[revisionAnnotation]
    ) {
      const annotations = { ...deployment.metadata.annotations, [revisionAnnotation]: plan.revision };
      // Not a patch: the role of this controller has none.
      const metadata = { ...deployment.metadata, annotations };
      live = await client.update(deploymentKind, { ...deployment, metadata });
    }
    const collisionCount = nCollisions > 0 ? nCollisions : plan.status.collisionCount;
    const status = { ...plan.status, collisionCount };
    if (isSameStatus(deployment.status ?? {}, status)) return;
    await client.update(deploymentKind, { ...live, status }, { subresource: 'status' });
  };

  return async (deployment, plan, before) => {
    const isTaken = plan.create !== undefined && !(await create(deployment, plan.create));
    for (const set of plan.updates) {
      const old = before.find(({ metadata }) => metadata.uid === set.metadata.uid);
      ownWrites.wrote(objectKey(deployment), await client.update(replicaSetKind, set));
      note(deployment, set, old);
    }
    for (const set of plan.deletes) await remove(set);
    await writeOwn(deployment, plan, isTaken ? (deployment.status?.collisionCount ?? 0) + 1 : 0);
  };
}

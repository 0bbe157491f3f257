import type { ReplicaSet } from '../../api/apps/v1/replica-set.ts';
import { pods as podKind } from '../../api/core/v1/pod.ts';
import type { Pod } from '../../api/core/v1/pod.ts';
import { isNotFound } from '../../api/errors/api-error.ts';
import { objectKey } from '../../api/kind.ts';
import type { Kind } from '../../api/kind.ts';
import type { Client } from '../../client/client.ts';
import { isNamespaceTerminating } from '../../client/expected-errors.ts';
import type { EventRecorder } from '../../client/event-recorder.ts';
import type { OwnWrites } from '../own-writes.ts';
import { podFromTemplate } from './plan.ts';
import type { ReplicasPlan } from './plan.ts';
import { slowStart } from './slow-start.ts';

/** What went wrong first. */
export interface Failure {
  readonly reason: 'FailedCreate' | 'FailedDelete';
  readonly error: unknown;
}

export interface PodWriterDeps {
  readonly client: Client;
  readonly recorder: EventRecorder;
  readonly ownWrites: OwnWrites;
  readonly kind: Kind<ReplicaSet>;
}

/** Creates and deletes the Pods of a plan; the result is undefined when all went well. */
export function createPodWriter({
  client,
  recorder,
  ownWrites,
  kind,
}: PodWriterDeps): (replicaSet: ReplicaSet, plan: ReplicasPlan) => Promise<Failure | undefined> {
  const note = (replicaSet: ReplicaSet, reason: string, message: string): void =>
    recorder.record(kind, replicaSet, { type: 'Normal', reason, message });

  const createPod = async (replicaSet: ReplicaSet): Promise<void> => {
    const pod = await client.create(podKind, podFromTemplate(kind, replicaSet));
    ownWrites.wrote(objectKey(replicaSet), pod);
    note(replicaSet, 'SuccessfulCreate', `Created pod: ${pod.metadata.name}`);
  };

  const deletePod = async (replicaSet: ReplicaSet, pod: Pod): Promise<void> => {
    try {
      await client.delete(podKind, pod.metadata, { preconditions: { uid: pod.metadata.uid } });
    } catch (error) {
      if (!isNotFound(error)) throw error;
    }
    ownWrites.deleted(objectKey(replicaSet), pod);
    note(replicaSet, 'SuccessfulDelete', `Deleted pod: ${pod.metadata.name}`);
  };

  return async (replicaSet, plan) => {
    try {
      await slowStart(plan.nCreate, () => createPod(replicaSet));
    } catch (error) {
      return isNamespaceTerminating(error) ? undefined : { reason: 'FailedCreate', error };
    }
    const results = await Promise.allSettled(plan.deletes.map((pod) => deletePod(replicaSet, pod)));
    const failed = results.find((result) => result.status === 'rejected');
    return failed === undefined ? undefined : { reason: 'FailedDelete', error: failed.reason };
  };
}

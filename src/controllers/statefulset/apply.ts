import { statefulSets } from '../../api/apps/v1/revisioned-workloads.ts';
import type { ControllerRevision, StatefulSet } from '../../api/apps/v1/revisioned-workloads.ts';
import { pods as podKind } from '../../api/core/v1/pod.ts';
import type { Pod } from '../../api/core/v1/pod.ts';
import { persistentVolumeClaims } from '../../api/core/v1/volume-claim.ts';
import { isAlreadyExists, isNotFound } from '../../api/errors/api-error.ts';
import { apiVersionOf } from '../../api/kind.ts';
import { messageOf } from '../../base/thrown.ts';
import type { Client } from '../../client/client.ts';
import { templateOf } from '../history/plan.ts';
import type { WorkloadPods } from '../workload-pods.ts';
import { claimsOf, ordinalOf, podOf } from './model.ts';

export interface StatefulWriter {
  /** The claims of the number first, then its Pod. */
  create(this: void, set: StatefulSet, ordinal: number, revision: ControllerRevision): Promise<void>;
  remove(this: void, set: StatefulSet, pod: Pod): Promise<void>;
}

export function createStatefulWriter(client: Client, workload: WorkloadPods<StatefulSet>): StatefulWriter {
  const note = (set: StatefulSet, reason: string, message: string): void => {
    const type = reason.startsWith('Failed') ? 'Warning' : 'Normal';
    workload.recorder.record(statefulSets, set, { type, reason, message });
  };

  const createClaims = async (set: StatefulSet, ordinal: number): Promise<void> => {
    const podName = `${set.metadata.name}-${ordinal}`;
    for (const claim of claimsOf(set, ordinal)) {
      const text = `create Claim ${claim.metadata.name} Pod ${podName} in StatefulSet ${set.metadata.name}`;
      try {
        await client.create(persistentVolumeClaims, claim);
        note(set, 'SuccessfulCreate', `${text} success`);
      } catch (error) {
        if (isAlreadyExists(error)) continue;
        note(set, 'FailedCreate', `${text} failed error: ${messageOf(error)}`);
        throw error;
      }
    }
  };

  const create = async (set: StatefulSet, ordinal: number, revision: ControllerRevision): Promise<void> => {
    await createClaims(set, ordinal);
    const template = templateOf(revision) ?? set.spec.template;
    const pod = podOf(set, ordinal, { template, revision: revision.metadata.name });
    const text = `create Pod ${pod.metadata.name} in StatefulSet ${set.metadata.name}`;
    try {
      const created = await workload.write.create(set, pod);
      if (created !== undefined) note(set, 'SuccessfulCreate', `${text} successful`);
    } catch (error) {
      // The one of the old name is still stopping.
      if (isAlreadyExists(error)) return;
      note(set, 'FailedCreate', `${text} failed error: ${messageOf(error)}`);
      throw error;
    }
  };

  /** Claims of a Pod that is scaled away go with it, where the StatefulSet says so. */
  const bindClaims = async (set: StatefulSet, pod: Pod): Promise<void> => {
    if (set.spec.persistentVolumeClaimRetentionPolicy?.whenScaled !== 'Delete') return;
    const { name, uid = '' } = pod.metadata;
    const reference = { apiVersion: apiVersionOf(podKind), kind: podKind.kind, name, uid };
    for (const { metadata } of claimsOf(set, ordinalOf(set, pod) ?? 0)) {
      try {
        const claim = await client.get(persistentVolumeClaims, metadata);
        const owned = { ...claim.metadata, ownerReferences: [reference] };
        // Not a patch: the role of this controller has none.
        await client.update(persistentVolumeClaims, { ...claim, metadata: owned });
      } catch (error) {
        if (!isNotFound(error)) throw error;
      }
    }
  };

  const remove = async (set: StatefulSet, pod: Pod): Promise<void> => {
    const ordinal = (ordinalOf(set, pod) ?? 0) - (set.spec.ordinals?.start ?? 0);
    if (ordinal < 0 || ordinal >= (set.spec.replicas ?? 1)) await bindClaims(set, pod);
    const text = `delete Pod ${pod.metadata.name} in StatefulSet ${set.metadata.name}`;
    await workload.write.delete(set, pod);
    note(set, 'SuccessfulDelete', `${text} successful`);
  };

  return { create, remove };
}

import { controllerRevisions } from '../../api/apps/v1/revisioned-workloads.ts';
import type { ControllerRevision } from '../../api/apps/v1/revisioned-workloads.ts';
import { isAlreadyExists, isNotFound } from '../../api/errors/api-error.ts';
import { deepEqual } from '../../base/deep-equal.ts';
import type { Client } from '../../client/client.ts';
import { controllerOf } from '../ownership.ts';
import type { HistoryPlan } from './plan.ts';

/** Another revision has the name; the owner's collisionCount has to grow. */
export const collision = Symbol('collision');

/** Stores what the plan says; the revision as it stands in the server afterwards. */
export async function keepRevision(
  client: Client,
  { current, write }: HistoryPlan,
): Promise<ControllerRevision | typeof collision> {
  if (write === 'keep') return current;
  if (write === 'renumber') return client.update(controllerRevisions, current);
  try {
    return await client.create(controllerRevisions, current);
  } catch (error) {
    if (!isAlreadyExists(error)) throw error;
    const existing = await client.get(controllerRevisions, current.metadata);
    const isOurs = controllerOf(existing)?.uid === controllerOf(current)?.uid;
    return isOurs && deepEqual(existing.data, current.data) ? existing : collision;
  }
}

export async function dropRevisions(client: Client, revisions: readonly ControllerRevision[]): Promise<void> {
  for (const { metadata } of revisions) {
    try {
      await client.delete(controllerRevisions, metadata, { preconditions: { uid: metadata.uid } });
    } catch (error) {
      if (!isNotFound(error)) throw error;
    }
  }
}

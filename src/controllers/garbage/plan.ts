import type { KubeObject } from '../../api/kind.ts';
import type { OwnerReference } from '../../api/meta/v1/object-meta.ts';

export const foregroundFinalizer = 'foregroundDeletion';
export const orphanFinalizer = 'orphan';

/** What is known about an owner. `unknown` is a kind we cannot look up; it may exist. */
export type OwnerState = 'present' | 'waiting' | 'absent' | 'unknown';

export type GarbagePlan =
  | { readonly do: 'nothing' }
  | { readonly do: 'delete'; readonly policy: 'Background' | 'Foreground' | 'Orphan' }
  /** Some owners are gone, others keep the object. */
  | { readonly do: 'keepOwners'; readonly owners: readonly OwnerReference[] };

/** `waiting` owners are themselves deleted in the foreground, once their dependents are gone. */
export const ownerStateOf = (owner: KubeObject): OwnerState =>
  hasFinalizer(owner, foregroundFinalizer) && owner.metadata.deletionTimestamp !== undefined
    ? 'waiting'
    : 'present';

export const hasFinalizer = ({ metadata }: KubeObject, name: string): boolean =>
  metadata.finalizers?.includes(name) ?? false;

/** Upstream's attemptToDeleteItem: an object goes when none of its owners keeps it. */
export function planGarbage(
  object: KubeObject,
  hasBlockingDependents: boolean,
  stateOf: (owner: OwnerReference) => OwnerState,
): GarbagePlan {
  const owners = object.metadata.ownerReferences ?? [];
  if (owners.length === 0 || object.metadata.deletionTimestamp !== undefined) return { do: 'nothing' };
  const states = owners.map((owner) => ({ owner, state: stateOf(owner) }));
  const keeping = states.filter(({ state }) => state === 'present' || state === 'unknown');
  if (keeping.length > 0) {
    return keeping.length === owners.length
      ? { do: 'nothing' }
      : { do: 'keepOwners', owners: keeping.map(({ owner }) => owner) };
  }
  // An owner that waits must see the whole tree below the object go before the object itself.
  if (states.some(({ state }) => state === 'waiting') && hasBlockingDependents)
    return { do: 'delete', policy: 'Foreground' };
  if (hasFinalizer(object, orphanFinalizer)) return { do: 'delete', policy: 'Orphan' };
  return { do: 'delete', policy: hasFinalizer(object, foregroundFinalizer) ? 'Foreground' : 'Background' };
}

/** Whether the dependent holds up the foreground deletion of the owner. */
export const isBlocking = (dependent: KubeObject, ownerUid: string): boolean =>
  dependent.metadata.ownerReferences?.some(
    ({ uid, blockOwnerDeletion }) => uid === ownerUid && blockOwnerDeletion === true,
  ) ?? false;

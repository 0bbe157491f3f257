import { isInvalid, isNotFound } from '../api/errors/api-error.ts';
import type { Kind, KubeObject } from '../api/kind.ts';
import type { Client } from '../client/client.ts';
import type { Claims } from './claims.ts';
import { controllerRef } from './ownership.ts';

export interface AdoptionInput<O extends KubeObject, T extends KubeObject> {
  readonly client: Client;
  readonly ownerKind: Kind<O>;
  readonly owner: O;
  readonly kind: Kind<T>;
  readonly claims: Claims<T>;
}

/** Writes the owner references that `claims` asks for and gives all that belongs to the owner afterwards. */
export async function settleClaims<O extends KubeObject, T extends KubeObject>(
  input: AdoptionInput<O, T>,
): Promise<readonly T[]> {
  const { client, ownerKind, owner, kind, claims } = input;
  const patchOwners = async (
    object: T,
    owners: KubeObject['metadata']['ownerReferences'],
  ): Promise<T | undefined> => {
    const { resourceVersion, uid } = object.metadata;
    const body = { metadata: { uid, resourceVersion, ownerReferences: owners } };
    try {
      return await client.patch(kind, object.metadata, { type: 'merge', body });
    } catch (error) {
      // Gone, or another object by now: nothing to claim.
      if (isNotFound(error) || isInvalid(error)) return undefined;
      throw error;
    }
  };
  for (const object of claims.release) {
    const others = (object.metadata.ownerReferences ?? []).filter(({ uid }) => uid !== owner.metadata.uid);
    await patchOwners(object, others);
  }
  if (claims.adopt.length === 0) return claims.owned;
  // The copy may not know yet that the owner is going; adopting then would delete what was meant to be kept.
  const live = await client.get(ownerKind, owner.metadata);
  if (live.metadata.uid !== owner.metadata.uid || live.metadata.deletionTimestamp !== undefined)
    return claims.owned;
  const adopted: T[] = [];
  for (const object of claims.adopt) {
    const owners = [...(object.metadata.ownerReferences ?? []), controllerRef(ownerKind, owner)];
    const result = await patchOwners(object, owners);
    if (result !== undefined) adopted.push(result);
  }
  return [...claims.owned, ...adopted];
}

import { apiVersionOf } from '../api/kind.ts';
import type { Kind, KubeObject } from '../api/kind.ts';
import type { OwnerReference } from '../api/meta/v1/object-meta.ts';

/** The reference to the one owner that manages the object, if it has one. */
export const controllerOf = (object: KubeObject): OwnerReference | undefined =>
  object.metadata.ownerReferences?.find((owner) => owner.controller === true);

/** The reference by which `owner` manages another object. */
export function controllerRef<T extends KubeObject>(kind: Kind<T>, owner: T): OwnerReference {
  return {
    apiVersion: apiVersionOf(kind),
    kind: kind.kind,
    name: owner.metadata.name,
    uid: owner.metadata.uid ?? '',
    controller: true,
    blockOwnerDeletion: true,
  };
}

/** Whether `owner` itself, not another object of its name, manages the object. */
export const isControlledBy = (object: KubeObject, owner: KubeObject): boolean => {
  const uid = controllerOf(object)?.uid;
  return uid !== undefined && uid === owner.metadata.uid;
};

import type { KubeObject } from '../api/kind.ts';
import type { LabelRequirement } from '../api/selectors/label-selector.ts';
import { matchesLabels } from '../api/selectors/label-selector.ts';
import { controllerOf, isControlledBy } from './ownership.ts';

/** What belongs to an owner, and what has to be done so that the owner references say so. */
export interface Claims<T> {
  /** Already the owner's, and rightly so. */
  readonly owned: readonly T[];
  /** Without a controller, matching: to be adopted. */
  readonly adopt: readonly T[];
  /** The owner's, but no longer matching: to be let go. */
  readonly release: readonly T[];
}

/** Upstream's rules of ControllerRefManager; nothing is adopted or released by an owner that is being deleted. */
export function claim<T extends KubeObject>(
  owner: KubeObject,
  selector: readonly LabelRequirement[],
  candidates: readonly T[],
): Claims<T> {
  const isGoing = owner.metadata.deletionTimestamp !== undefined;
  const owned: T[] = [];
  const adopt: T[] = [];
  const release: T[] = [];
  for (const object of candidates) {
    const isMatching = matchesLabels(selector, object.metadata.labels);
    if (isControlledBy(object, owner)) {
      if (isMatching) owned.push(object);
      else if (!isGoing && object.metadata.deletionTimestamp === undefined) release.push(object);
    } else if (controllerOf(object) === undefined && isMatching && !isGoing) {
      if (object.metadata.deletionTimestamp === undefined) adopt.push(object);
    }
  }
  return { owned, adopt, release };
}

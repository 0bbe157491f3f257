import type { KubeObject } from '../api/kind.ts';
import type { Clock } from '../base/clock.ts';
import { compareResourceVersions } from '../client/resource-version.ts';

/**
 * What a controller wrote and its informer has not shown yet. Planning on a copy without one's own last write makes
 * everything twice, so a controller waits until the copy has caught up. The event that does it brings the key back; but
 * what somebody else undid while the copy was cut off never makes one, so a key that waits is also looked at again after
 * `behindMs`.
 */
export interface OwnWrites {
  /** `object` is what the server answered. */
  wrote(owner: string, object: KubeObject): void;
  deleted(owner: string, object: KubeObject): void;
  /** Whether the copy is behind. A write not seen within ten seconds counts as undone by someone else. */
  isBehind(owner: string, copy: readonly KubeObject[]): boolean;
  forget(owner: string): void;
}

/** How soon a copy that does not catch up by itself is looked at again. */
export const behindMs = 1_000;

const patienceMs = 10_000;

interface Expected {
  readonly at: number;
  /** Undefined: gone, or on its way (a Pod in its grace period). */
  readonly version: string | undefined;
}

export function createOwnWrites(clock: Clock): OwnWrites {
  const byOwner = new Map<string, Map<string, Expected>>();
  const expect = (owner: string, object: KubeObject, version: string | undefined): void => {
    const { uid } = object.metadata;
    if (uid === undefined) return;
    const expected = byOwner.get(owner) ?? new Map<string, Expected>();
    byOwner.set(owner, expected.set(uid, { at: clock.now(), version }));
  };
  return {
    wrote: (owner, object) => expect(owner, object, object.metadata.resourceVersion),
    deleted: (owner, object) => expect(owner, object, undefined),
    isBehind: (owner, copy) => {
      const expected = byOwner.get(owner);
      if (expected === undefined) return false;
      const shown = new Map(copy.map((object) => [object.metadata.uid, object]));
      for (const [uid, wanted] of expected) {
        if (isMet(wanted, shown.get(uid)) || clock.now() - wanted.at > patienceMs) expected.delete(uid);
      }
      if (expected.size === 0) byOwner.delete(owner);
      return expected.size > 0;
    },
    forget: (owner) => void byOwner.delete(owner),
  };
}

function isMet({ version }: Expected, shown: KubeObject | undefined): boolean {
  if (version === undefined) return shown === undefined || shown.metadata.deletionTimestamp !== undefined;
  if (shown === undefined) return false;
  const order = compareResourceVersions(shown.metadata.resourceVersion, version);
  return order === undefined || order >= 0;
}

import type { KubeObject } from '../../api/kind.ts';
import { withRevision } from './stored-object.ts';

/** One change of one object. `next` is undefined for a deletion, `prev` for a creation. */
export interface Change<T extends KubeObject = KubeObject> {
  readonly revision: number;
  /** `namespace/name`, or `name` without a namespace. */
  readonly key: string;
  readonly next: T | undefined;
  readonly prev: T | undefined;
  /** `prev` with the revision of this change: what a watcher is told when it loses sight of the object. */
  gone(): T;
}

export function changeOf<T extends KubeObject>(parts: {
  readonly revision: number;
  readonly key: string;
  readonly next: T | undefined;
  readonly prev: T | undefined;
}): Change<T> {
  let gone: T | undefined;
  return {
    ...parts,
    gone() {
      if (parts.prev === undefined)
        throw new Error(`${parts.key} did not exist before revision ${parts.revision}`);
      // Made once, so that all watchers share it and its JSON.
      gone ??= withRevision(parts.prev, parts.revision);
      return gone;
    },
  };
}

/** The recent changes of one resource, in order. Watchers keep their place in it by revision; it holds nothing for them. */
export interface EventLog<T extends KubeObject = KubeObject> {
  /** All changes with a greater revision are here. */
  readonly floor: number;
  append(change: Change<T>): void;
  /** Changes with a greater revision; undefined when some of them have been dropped. */
  after(revision: number): readonly Change<T>[] | undefined;
}

/** `floor` is the revision the log starts from; at most `capacity` changes are kept for good. */
export function createEventLog<T extends KubeObject>(floor: number, capacity: number): EventLog<T> {
  let changes: Change<T>[] = [];
  let low = floor;
  return {
    get floor() {
      return low;
    },
    append(change) {
      changes.push(change);
      if (changes.length < capacity * 2) return;
      const cut = firstAfter(changes, changes[capacity - 1]?.revision ?? 0);
      low = changes[cut - 1]?.revision ?? low;
      changes = changes.slice(cut);
    },
    after(revision) {
      if (revision < low) return undefined;
      return changes.slice(firstAfter(changes, revision));
    },
  };
}

/** Binary search for the first change with a greater revision. */
function firstAfter(changes: readonly Change[], revision: number): number {
  let start = 0;
  let end = changes.length;
  while (start < end) {
    const middle = (start + end) >>> 1;
    if ((changes[middle]?.revision ?? 0) > revision) end = middle;
    else start = middle + 1;
  }
  return start;
}

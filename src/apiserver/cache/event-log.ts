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
  /** The revision of the newest change; the floor when there is none. */
  readonly head: number;
  /** `bytes` is the stored size of what the change wrote; 0 for a deletion. */
  append(change: Change<T>, bytes: number): void;
  /** Changes with a greater revision; undefined when some of them have been dropped. */
  after(revision: number): readonly Change<T>[] | undefined;
}

export interface EventLogLimit {
  /** Changes kept for good; twice as many before the older half goes. */
  readonly changes: number;
  /** Of the objects they wrote, as stored; counted in the same way. */
  readonly bytes: number;
}

/** `floor` is the revision the log starts from. */
export function createEventLog<T extends KubeObject>(floor: number, limit: EventLogLimit): EventLog<T> {
  let changes: Change<T>[] = [];
  let sizes: number[] = [];
  let nBytes = 0;
  let low = floor;
  /** All changes of a revision go together. */
  const trim = (): void => {
    let n = Math.max(0, changes.length - limit.changes);
    let left = sizes.slice(n).reduce((sum, size) => sum + size, 0);
    for (; left > limit.bytes && n < changes.length; n++) left -= sizes[n] ?? 0;
    const cut = firstAfter(changes, changes[n - 1]?.revision ?? 0);
    low = changes[cut - 1]?.revision ?? low;
    changes = changes.slice(cut);
    sizes = sizes.slice(cut);
    nBytes = sizes.reduce((sum, size) => sum + size, 0);
  };
  return {
    get floor() {
      return low;
    },
    get head() {
      return changes.at(-1)?.revision ?? low;
    },
    append(change, bytes) {
      changes.push(change);
      sizes.push(bytes);
      nBytes += bytes;
      if (changes.length >= limit.changes * 2 || nBytes > limit.bytes * 2) trim();
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

import type { KubeObject } from '../../api/kind.ts';
import type { FieldError } from '../../api/errors/field-error.ts';

/** A write as the rules of a kind see it: `prev` is what stands now, undefined for a create. */
export interface Change<T> {
  readonly next: T;
  readonly prev: T | undefined;
}

/** A key of the store that only one object may hold. */
export interface Claim {
  readonly key: string;
  /** The answer when another object holds it; absent where the choice was ours and another will do. */
  readonly refusal?: FieldError;
  /** What is written at the key: an object that lacks but uid and time; absent: a note of who holds the key. */
  readonly object?: KubeObject;
}

export type ClaimPlan<T> =
  /** `take` and `release` are committed together with `object`. */
  | { readonly object: T; readonly take: readonly Claim[]; readonly release: readonly string[] }
  | { readonly refused: readonly FieldError[] }
  /** Nothing is left to choose from. */
  | { readonly exhausted: string };

/** The rules of one kind (or of one of its subresources). Pure: no clock, no store. */
export interface Strategy<T extends KubeObject> {
  /** Drops what a client may not set, and fills in what follows from the rest. Metadata has been dealt with. */
  prepare(change: Change<T>): T;
  /** Empty when all is well. The metadata every kind shares is checked elsewhere. */
  validate(change: Change<T>): readonly FieldError[];
  /**
   * Chooses what must be unique in the cluster. `tried` holds the keys that turned out to be taken although they seemed
   * free. Called anew after a conflict, until it holds.
   */
  claim?(change: Change<T>, tried: ReadonlySet<string>): ClaimPlan<T>;
  /** The keys `object` holds; they go with it. */
  held?(object: T): readonly string[];
  /** Sentences for the client about a change that is allowed but unwise. */
  warnings?(change: Change<T>): readonly string[];
}

/** The rules of `/status`: only the status (and, as upstream, labels and annotations of metadata) may change. */
export function statusStrategy<T extends KubeObject & { readonly status?: unknown }>(
  validate: (change: Change<T>) => readonly FieldError[] = () => [],
): Strategy<T> {
  return {
    prepare: ({ next, prev }) =>
      prev === undefined ? next : { ...prev, metadata: next.metadata, status: next.status },
    validate,
  };
}

/** `next` with the status of `prev`: what the main resource does with a status a client sends. */
export function withStatusOf<T extends { readonly status?: unknown }>(
  next: T,
  prev: { readonly status?: T['status'] } | undefined,
): T {
  const { status: _, ...rest } = next;
  return (prev?.status === undefined ? rest : { ...rest, status: prev.status }) as T;
}

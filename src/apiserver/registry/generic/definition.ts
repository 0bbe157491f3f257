import type { Kind, KubeObject } from '../../../api/kind.ts';
import type { NameRule } from '../../../api/validation/names.ts';
import type { Column } from '../../rest/rest.ts';
import type { Strategy } from '../strategy.ts';

/** How objects of a kind go. Everything may be left out: then a delete removes the object at once. */
export interface DeletionRules<T extends KubeObject> {
  /** Seconds between the wish and the end, for a client that asked for `requested` (undefined: no wish). */
  graceSeconds?(object: T, requested: number | undefined): number;
  /** What happens to dependents when the client does not say; without it they are collected in the background. */
  readonly propagation?: 'Orphan';
  /** The reason why this object may never be deleted. */
  refusal?(object: T): string | undefined;
  /** The object as it looks while it is being deleted. */
  mark?(object: T): T;
  /** Whether something beside metadata.finalizers keeps the object alive. */
  isHeld?(object: T): boolean;
  /** Store keys of objects that go in the same commit. */
  companions?(object: T): readonly string[];
}

/** All that the generic handlers need to know of a kind. A resource is one of these, in a folder of its own. */
export interface Definition<T extends KubeObject = KubeObject> {
  readonly kind: Kind<T>;
  readonly name: NameRule;
  readonly strategy: Strategy<T>;
  /** The rules of subresources that are written as the whole object: status, binding, finalize. */
  readonly subresources?: Readonly<Record<string, Strategy<T>>>;
  readonly columns: readonly Column<T>[];
  /** What field selectors may ask for, beside metadata.name and metadata.namespace. */
  readonly fields?: Readonly<Record<string, (object: T) => string>>;
  /** 'optional': an update without resourceVersion overwrites what stands. */
  readonly resourceVersion: 'optional' | 'required';
  /** A PUT of an object that does not exist creates it. */
  readonly isCreatedByUpdate?: boolean;
  /** The part whose changes count as generations; absent for kinds that have none. */
  readonly generationOf?: (object: T) => unknown;
  /** A delete answers the object itself, not a Status. */
  readonly answersDeleted?: boolean;
  readonly deletion?: DeletionRules<T>;
  /** Verbs not served, of those in `allVerbs`. */
  readonly withoutVerbs?: readonly string[];
}

/** As discovery names them. */
export const allVerbs: readonly string[] = [
  'create',
  'delete',
  'deletecollection',
  'get',
  'list',
  'patch',
  'update',
  'watch',
];

/** A definition among those of other kinds. Its functions are only ever given objects of its own kind. */
export const anyDefinition = <T extends KubeObject>(definition: Definition<T>): Definition =>
  definition as unknown as Definition;

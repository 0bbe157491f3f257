import type { JsonObject } from '../../base/json.ts';
import type { KindVersion } from '../kind-version.ts';
import { apiVersionOf, type Kind } from '../kind.ts';
import { type Comparison, compareValues } from './compare.ts';
import { type FieldSet, unionOf } from './field-set.ts';
import { emptyObject, ignoredFields } from './ignored-fields.ts';

/** A kind of which several versions are served, of which one is stored. */
export interface Versions {
  readonly stored: Kind;
  readonly others: readonly KindVersion[];
}

/** What a write is made in: a version, and the versions of the same kind that others may have written in. */
export interface InVersions {
  readonly kind: Kind;
  /** Undefined for a kind of one version. */
  readonly versions?: Versions | undefined;
}

/**
 * The kind in a version; undefined where nobody serves that. A kind of another group is none: upstream tells the fields of a
 * group by the schemas of that group alone, so that the owners an Event has through core/v1 end with a write through
 * events.k8s.io.
 */
export function kindIn({ kind, versions }: InVersions, apiVersion: string): Kind | undefined {
  if (apiVersionOf(kind) === apiVersion) return kind;
  if (versions === undefined) return undefined;
  return [versions.stored, ...versions.others.map((other) => other.kind)].find(
    (each) => each.group === kind.group && apiVersionOf(each) === apiVersion,
  );
}

/** An object of one version as another has it. */
export function converted(
  versions: Versions | undefined,
  object: JsonObject,
  [from, to]: readonly [from: Kind, to: Kind],
): JsonObject {
  if (from === to || versions === undefined) return object;
  const toStored = versions.others.find(({ kind }) => kind === from)?.toStored;
  const fromStored = versions.others.find(({ kind }) => kind === to)?.fromStored;
  const stored = toStored === undefined ? object : toStored(object);
  const shown = fromStored === undefined ? stored : fromStored(stored);
  return { ...shown, apiVersion: apiVersionOf(to), kind: to.kind };
}

/** What a write changes, in the words of one version. */
export interface Change {
  readonly comparison: Comparison;
  /** What it modifies and adds. */
  readonly written: FieldSet;
}

/** The change in a version; undefined for a version that nobody serves. Each is worked out once. */
export type ChangeIn = (apiVersion: string) => Change | undefined;

/**
 * Who wrote in a version owns fields by its names, so what a write changes must be said in those. `live` and `next` are of
 * the version the write is made in.
 */
export function changesBetween(
  writing: InVersions & { readonly subresource?: string | undefined },
  [live, next]: readonly [live: JsonObject | undefined, next: JsonObject],
): ChangeIn {
  const { kind: own, versions, subresource } = writing;
  const known = new Map<string, Change | undefined>();
  const changeIn = (apiVersion: string): Change | undefined => {
    const kind = kindIn(writing, apiVersion);
    if (kind === undefined) return undefined;
    const shown = (object: JsonObject): JsonObject => converted(versions, object, [own, kind]);
    const before = live === undefined ? emptyObject(kind) : shown(live);
    const comparison = compareValues(kind.schema, [before, shown(next)], ignoredFields(kind, subresource));
    return { comparison, written: unionOf(comparison.modified, comparison.added) };
  };
  return (apiVersion) => {
    if (!known.has(apiVersion)) known.set(apiVersion, changeIn(apiVersion));
    return known.get(apiVersion);
  };
}

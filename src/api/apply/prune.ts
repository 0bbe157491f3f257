import type { JsonObject } from '../../base/json.ts';
import type { Kind } from '../kind.ts';
import { fieldsOf, withNamedFields } from './config-fields.ts';
import { differenceOf, type FieldSet, intersectionOf, isEmptySet, unionOf } from './field-set.ts';
import type { Manager, Managers } from './managed-fields.ts';
import { removeFields } from './merge.ts';
import { converted, type InVersions, kindIn } from './versions.ts';

export interface Pruning {
  /** Everyone, with what the applier names now. */
  readonly all: Managers;
  /** The applier as it was. */
  readonly last: Manager;
}

/** An object on its way, in one version. */
interface Place {
  readonly kind: Kind;
  /** With everything that the configuration says. */
  readonly merged: JsonObject;
  /** Without what is to go. */
  readonly pruned: JsonObject;
}

/**
 * Takes away what the applier named the last time, names no longer, and nobody else owns. What nobody owned stays. Each
 * owner's fields are looked for in the version it wrote in; of a version that is served no longer nothing is known, and
 * nothing goes. Source: structured-merge-diff, merge/update.go.
 */
export function prune(writing: InVersions, merged: JsonObject, { all, last }: Pruning): JsonObject {
  const { kind: own, versions } = writing;
  const kind = kindIn(writing, last.apiVersion);
  if (kind === undefined || isEmptySet(last.fields)) return merged;
  const start = converted(versions, merged, [own, kind]);
  const gone = withNamedFields(kind.schema, last.fields);
  const owned = ownedByVersion(all, last.apiVersion);
  let place: Place = { kind, merged: start, pruned: without(kind, start, { gone }) };
  for (const [apiVersion, fields] of owned) {
    const next = kindIn(writing, apiVersion);
    if (next !== undefined) place = withOwned(moved(writing, place, next), fields);
  }
  const back = moved(writing, place, kind);
  const left = fieldsIn(kind, back.pruned);
  const dangling = intersectionOf(differenceOf(fieldsIn(kind, start), left), gone);
  const pruned = without(kind, start, { gone: dangling, kept: owned.get(last.apiVersion) });
  return converted(versions, pruned, [kind, own]);
}

/** What somebody owns, by version, beginning with `first`: conversions need what others of that version want to keep. */
function ownedByVersion(all: Managers, first: string): ReadonlyMap<string, FieldSet> {
  const sets = new Map<string, FieldSet>([[first, {}]]);
  for (const { apiVersion, fields } of all.values()) {
    sets.set(apiVersion, unionOf(sets.get(apiVersion) ?? {}, fields));
  }
  return sets;
}

function moved({ versions }: InVersions, { kind, merged, pruned }: Place, to: Kind): Place {
  const shown = (object: JsonObject): JsonObject => converted(versions, object, [kind, to]);
  return { kind: to, merged: shown(merged), pruned: shown(pruned) };
}

/** Puts back what writers of this version own. */
function withOwned({ kind, merged, pruned }: Place, owned: FieldSet): Place {
  const stays = unionOf(fieldsIn(kind, pruned), withNamedFields(kind.schema, owned));
  const gone = differenceOf(fieldsIn(kind, merged), stays);
  return { kind, merged, pruned: without(kind, merged, { gone }) };
}

const fieldsIn = ({ schema }: Kind, object: JsonObject): FieldSet =>
  withNamedFields(schema, fieldsOf(schema, object));

const without = (
  { schema }: Kind,
  object: JsonObject,
  removal: { readonly gone: FieldSet; readonly kept?: FieldSet | undefined },
): JsonObject => (removeFields(schema, object, removal) ?? {}) as JsonObject;

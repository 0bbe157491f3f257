import { isJsonObject, type JsonObject } from '../../base/json.ts';
import { ApiError, badRequest } from '../errors/api-error.ts';
import { apiVersionOf, asJson, type Kind, parseApiVersion } from '../kind.ts';
import type { ManagedFieldsEntry } from '../meta/v1/object-meta.ts';
import { compareValues, type Ignored, isSame } from './compare.ts';
import { faultsOf, fieldsOf } from './config-fields.ts';
import {
  differenceOf,
  type FieldSet,
  type FieldTree,
  hasPath,
  insertPath,
  intersectionOf,
  isEmptySet,
  pathsOf,
  pathText,
  withoutSubtrees,
} from './field-set.ts';
import { emptyObject, ignoredFields } from './ignored-fields.ts';
import {
  identityOf,
  type Manager,
  type Managers,
  readManagers,
  updateManagers,
  withoutChanged,
  writeManagers,
  type Writing,
} from './managed-fields.ts';
import { mergeValues } from './merge.ts';
import { prune } from './prune.ts';
import { type ChangeIn, changesBetween, converted } from './versions.ts';

export interface Application {
  /** The object as it stands, in the stored version; undefined when there is none yet. */
  readonly live: object | undefined;
  /** What the client applies, in the version it writes in. */
  readonly config: JsonObject;
  /** Takes what belongs to others. */
  readonly isForced: boolean;
}

export interface Applied {
  /**
   * Of the version that is written. To be decoded and given its defaults: a client's spelling of quantities and times is
   * still in it.
   */
  readonly object: JsonObject;
  readonly managedFields: readonly ManagedFieldsEntry[];
}

const LAST_APPLIED = 'kubectl.kubernetes.io/last-applied-configuration';
/** kubectl's own name, which two rules about its annotation go by. */
const KUBECTL = 'kubectl';
const ANNOTATIONS_LIMIT = 256 * 1024;

/**
 * Server-side apply: the object with everything the configuration says and without what its applier said before, alone,
 * and now says no longer. Throws ApiError: 409 naming every field that another manager owns with another value, and
 * BadRequest for a configuration that does not fit the kind. Pure. Source: structured-merge-diff, merge/update.go;
 * apimachinery, util/managedfields.
 */
export function applyConfiguration(
  writing: Writing,
  { live: stored, config, isForced }: Application,
): Applied {
  const { kind, versions } = writing;
  const live =
    stored === undefined || versions === undefined
      ? stored && asJson(stored)
      : converted(versions, asJson(stored), [versions.stored, kind]);
  checkConfig(kind, config, live);
  const before = live === undefined ? emptyObject(kind) : withoutManagedFields(live);
  const managers = live === undefined ? new Map<string, Manager>() : standingManagers(writing, live);
  const state: State = { writing, before, config, managers };
  let outcome = attempt(state, isForced);
  if (Array.isArray(outcome)) {
    const left = writing.manager === KUBECTL ? withoutLastApplied(state, outcome) : outcome;
    if (left.length > 0) throw conflictError(left);
    outcome = attempt(state, true);
    if (Array.isArray(outcome)) throw conflictError(outcome);
  }
  return writing.manager === KUBECTL ? withLastApplied(outcome, config) : outcome;
}

interface State {
  readonly writing: Writing;
  readonly before: JsonObject;
  readonly config: JsonObject;
  readonly managers: Managers;
}

/** A field of the configuration that belongs to someone else, who gave it another value. */
interface Conflict {
  readonly owner: Manager;
  readonly path: readonly string[];
}

const textOf = (value: unknown): string => (typeof value === 'string' ? value : '');

function checkConfig(kind: Kind, config: JsonObject, live: object | undefined): void {
  const { apiVersion = '', kind: name = '', metadata } = config;
  if (apiVersion !== apiVersionOf(kind) || name !== kind.kind) {
    const { group, version } = parseApiVersion(textOf(apiVersion));
    throw badRequest(`invalid object type: ${group}/${version}, Kind=${textOf(name)}`);
  }
  const meta = isJsonObject(metadata) ? metadata : {};
  if (meta.managedFields !== undefined && meta.managedFields !== null) {
    throw badRequest('metadata.managedFields must be nil');
  }
  const faults = faultsOf(kind.schema, config);
  if (faults.length === 0) return;
  const place = isJsonObject(live) && isJsonObject(live.metadata) ? live.metadata : meta;
  const at = `${textOf(place.namespace)}/${textOf(meta.name)}`;
  const [only = ''] = faults;
  const why = faults.length === 1 ? only : ['errors:', ...faults.map((fault) => `  ${fault}`)].join('\n');
  const gvk = `${kind.group}/${kind.version}, Kind=${kind.kind}`;
  throw badRequest(`failed to create typed patch object (${at}; ${gvk}): ${why}`);
}

function withoutManagedFields(object: JsonObject): JsonObject {
  if (!isJsonObject(object.metadata) || object.metadata.managedFields === undefined) return object;
  const { managedFields: _, ...metadata } = object.metadata;
  return { ...object, metadata };
}

/** What stood before anyone kept track belongs to a writer of its own from the first apply on. */
function standingManagers(writing: Writing, live: JsonObject): Managers {
  const { managedFields } = isJsonObject(live.metadata) ? live.metadata : {};
  let managers: Managers;
  try {
    managers = readManagers((managedFields ?? []) as unknown as readonly ManagedFieldsEntry[], true);
  } catch (error) {
    throw badRequest(`failed to decode managed fields: ${(error as Error).message}`, error);
  }
  if (managers.size > 0) return managers;
  return updateManagers({ ...writing, manager: 'before-first-apply' }, managers, [undefined, live]);
}

/** One try; the conflicts when there are some and `isForced` is not set. */
function attempt({ writing, before, config, managers }: State, isForced: boolean): Applied | Conflict[] {
  const { kind, manager, subresource = '', now } = writing;
  const ignored = ignoredFields(kind, subresource);
  const identity = { manager, operation: 'Apply', apiVersion: apiVersionOf(kind), subresource } as const;
  const id = identityOf(identity);
  const last = managers.get(id);
  const fields = withoutIgnored(fieldsOf(kind.schema, config), ignored);
  const wanted: Manager = { ...identity, time: last?.time ?? now, fields };
  const merged = mergeValues(kind.schema, before, config) as JsonObject;
  const all = new Map(managers).set(id, wanted);
  const object = last === undefined ? merged : prune(writing, merged, { all, last });
  const changes = changesBetween(writing, [before, object]);
  const others = new Map(managers);
  others.delete(id);
  const conflicts = conflictsWith(others, changes);
  if (!isForced && conflicts.length > 0) return conflicts;
  const after = withoutChanged(others, changes);
  const own = changes(identity.apiVersion);
  const isUnchanged = own === undefined || isSame(own.comparison);
  if (!isEmptySet(fields)) after.set(id, isUnchanged ? wanted : { ...wanted, time: now });
  return { object, managedFields: writeManagers(after) };
}

function withoutIgnored(set: FieldSet, ignored: Ignored): FieldSet {
  const gone: FieldTree = {};
  for (const [parent, names] of ignored) {
    for (const name of names) insertPath(gone, parent === '' ? [name] : [parent, name]);
  }
  return withoutSubtrees(set, gone);
}

/** Each in the words of the version its owner wrote in. */
function conflictsWith(others: Managers, changes: ChangeIn): Conflict[] {
  return [...others.entries()]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .flatMap(([, owner]) => {
      const changed = changes(owner.apiVersion)?.written ?? {};
      return pathsOf(intersectionOf(owner.fields, changed)).map((path): Conflict => ({ owner, path }));
    });
}

const quoted = JSON.stringify;

function ownerText({ manager, subresource, operation, apiVersion }: Manager): string {
  const name =
    subresource === '' ? quoted(manager) : `${quoted(manager)} with subresource ${quoted(subresource)}`;
  return operation === 'Update' ? `${name} using ${apiVersion}` : name;
}

/** 409 as upstream words it; kubectl prints the causes. */
function conflictError(conflicts: readonly Conflict[]): ApiError {
  const causes = conflicts.map(({ owner, path }) => ({
    reason: 'FieldManagerConflict',
    message: `conflict with ${ownerText(owner)}`,
    field: pathText(path),
  }));
  return new ApiError({
    apiVersion: 'v1',
    kind: 'Status',
    metadata: {},
    status: 'Failure',
    message: conflictMessage(conflicts),
    reason: 'Conflict',
    details: { causes },
    code: 409,
  });
}

function conflictMessage(conflicts: readonly Conflict[]): string {
  const [first] = conflicts;
  if (conflicts.length === 1 && first !== undefined) {
    return `Apply failed with 1 conflict: conflict with ${ownerText(first.owner)}: ${pathText(first.path)}`;
  }
  const lines: string[] = [];
  for (const [i, { owner, path }] of conflicts.entries()) {
    if (owner !== conflicts[i - 1]?.owner) lines.push(`conflicts with ${ownerText(owner)}:`);
    lines.push(`- ${pathText(path)}`);
  }
  return `Apply failed with ${conflicts.length} conflicts: ${lines.join('\n')}`;
}

/**
 * The conflicts that stay when kubectl goes over from its own way of applying: fields that still have the value its
 * annotation says it gave them are its own.
 */
function withoutLastApplied({ writing, before }: State, conflicts: readonly Conflict[]): readonly Conflict[] {
  const { kind } = writing;
  const text = annotationsOf(before)[LAST_APPLIED];
  if (typeof text !== 'string' || text === '') return conflicts;
  let last: unknown;
  try {
    last = JSON.parse(text);
  } catch {
    return conflicts;
  }
  if (!isJsonObject(last) || last.apiVersion !== apiVersionOf(kind)) return conflicts;
  if (faultsOf(kind.schema, last).length > 0) return conflicts;
  const { removed, modified, added } = compareValues(kind.schema, [last, before]);
  const own = [modified, added, removed].reduce(differenceOf, fieldsOf(kind.schema, last));
  return conflicts.filter(({ path }) => !hasPath(own, path));
}

function annotationsOf({ metadata }: JsonObject): JsonObject {
  const annotations = isJsonObject(metadata) ? metadata.annotations : undefined;
  return isJsonObject(annotations) ? annotations : {};
}

/** Keeps kubectl's annotation up to date where there is one, so that its own way of applying still works. */
function withLastApplied({ object, managedFields }: Applied, config: JsonObject): Applied {
  const annotations = annotationsOf(object);
  if (annotations[LAST_APPLIED] === undefined || annotations[LAST_APPLIED] === '')
    return { object, managedFields };
  const { [LAST_APPLIED]: _, ...own } = annotationsOf(config);
  const { annotations: _all, ...metadata } = isJsonObject(config.metadata) ? config.metadata : {};
  const applied = {
    ...config,
    metadata: Object.keys(own).length === 0 ? metadata : { ...metadata, annotations: own },
  };
  const text = `${JSON.stringify(applied)}\n`;
  const kept = { ...annotations, [LAST_APPLIED]: Buffer.byteLength(text) > ANNOTATIONS_LIMIT ? '' : text };
  return {
    object: { ...object, metadata: { ...(object.metadata as JsonObject), annotations: kept } },
    managedFields,
  };
}

import { deepEqual } from '../../base/deep-equal.ts';
import { isJsonObject, type JsonObject } from '../../base/json.ts';
import { apiVersionOf, asJson } from '../kind.ts';
import type { ManagedFieldsEntry } from '../meta/v1/object-meta.ts';
import { covers, differenceOf, type FieldSet, isEmptySet, readSet, sortedSet, unionOf } from './field-set.ts';
import { emptyObject, ignoredFields } from './ignored-fields.ts';
import { sharedText, shareFields } from './shared-fields.ts';
import { type ChangeIn, changesBetween, converted, type InVersions } from './versions.ts';
import { writtenFields } from './written-fields.ts';

/** One writer of an object, and what belongs to it. */
export interface Manager {
  readonly manager: string;
  readonly operation: 'Apply' | 'Update';
  readonly apiVersion: string;
  /** '' for the object itself. */
  readonly subresource: string;
  /** RFC 3339; undefined where nobody wrote it down. */
  readonly time: string | undefined;
  readonly fields: FieldSet;
}

/** The writers of an object by their identity. */
export type Managers = Map<string, Manager>;

/** How a write comes about. */
export interface Writing extends InVersions {
  /** Who writes; '' is called unknown. */
  readonly manager: string;
  /** '' or undefined for the object itself. */
  readonly subresource?: string | undefined;
  /** RFC 3339 with whole seconds. */
  readonly now: string;
}

type Identity = Pick<Manager, 'manager' | 'operation' | 'apiVersion' | 'subresource'>;

/** Two entries with the same identity are one: an applier keeps its own whatever version it applies in. */
export const identityOf = ({ manager, operation, apiVersion, subresource }: Identity): string =>
  JSON.stringify([manager, operation, operation === 'Apply' ? '' : apiVersion, subresource]);

/** Entries of older updates are put together when there are more than this. */
const MAX_UPDATE_MANAGERS = 10;
const ANCIENT = 'ancient-changes';

/** Throws RangeError for an entry that means nothing. */
export function readManagers(entries: readonly ManagedFieldsEntry[], isTrusted: boolean): Managers {
  const managers: Managers = new Map();
  for (const { manager = '', operation, apiVersion = '', subresource = '', time, ...rest } of entries) {
    if (operation !== 'Apply' && operation !== 'Update') {
      throw new RangeError('operation must be `Apply` or `Update`');
    }
    if (apiVersion === '') throw new RangeError('apiVersion must not be empty');
    if (rest.fieldsType !== 'FieldsV1') {
      throw new RangeError(`invalid fieldsType ${JSON.stringify(rest.fieldsType ?? '')}`);
    }
    const raw = rest.fieldsV1 ?? {};
    const fields = isTrusted ? (raw as unknown as FieldSet) : readSet(raw);
    const one: Manager = { manager, operation, apiVersion, subresource, time, fields };
    managers.set(identityOf(one), one);
  }
  return managers;
}

/** The entries as an object carries them: appliers first, then by time and name. */
export function writeManagers(managers: Managers): readonly ManagedFieldsEntry[] {
  return [...managers.values()].sort(compareManagers).map((one) => ({
    ...(one.manager === '' ? {} : { manager: one.manager }),
    operation: one.operation,
    apiVersion: one.apiVersion,
    ...(one.time === undefined ? {} : { time: one.time }),
    fieldsType: 'FieldsV1',
    fieldsV1: sharedText(one.fields) === undefined ? shareFields(sortedSet(one.fields)) : one.fields,
    ...(one.subresource === '' ? {} : { subresource: one.subresource }),
  }));
}

const byText = (a = '', b = ''): number => (a < b ? -1 : a > b ? 1 : 0);

const compareManagers = (a: Manager, b: Manager): number =>
  byText(a.operation, b.operation) ||
  byText(a.time, b.time) ||
  byText(a.manager, b.manager) ||
  byText(a.apiVersion, b.apiVersion) ||
  byText(a.subresource, b.subresource);

type Entries = readonly ManagedFieldsEntry[] | undefined;

const entriesOf = (object: JsonObject | undefined): Entries =>
  isJsonObject(object?.metadata) ? (object.metadata.managedFields as unknown as Entries) : undefined;

/** Whether a body asks to forget who owns what: an empty list, or one empty entry. */
export function isReset(body: JsonObject): boolean {
  const entries = isJsonObject(body.metadata) ? body.metadata.managedFields : undefined;
  if (!Array.isArray(entries) || entries.length > 1) return false;
  const [only] = entries;
  return only === undefined || (isJsonObject(only) && Object.values(only).every((value) => value === null));
}

/** What a write is about; both objects are of the stored version. */
export interface Written {
  /** The object before; undefined for a new one. */
  readonly live: object | undefined;
  /** The object as the client wants it, with its defaults and with its own managedFields, if it sent any. */
  readonly next: object;
  /** The client asks to forget who owns what. */
  readonly isReset?: boolean;
}

/**
 * The managedFields of an object after a create, an update or a patch that is no apply: whatever the write changed belongs
 * to its writer now. Empty where nobody keeps track. Pure.
 */
export function trackUpdate(
  writing: Writing,
  { live, next, isReset: isForgotten = false }: Written,
): readonly ManagedFieldsEntry[] {
  const before = live && asJson(live);
  const managers = isForgotten ? new Map<string, Manager>() : managersFor(writing, before, asJson(next));
  // What was there before anyone kept track stays without owners until somebody applies.
  if (before !== undefined && managers.size === 0) return [];
  const { kind, versions } = writing;
  const shown = (object: JsonObject): JsonObject =>
    versions === undefined ? object : converted(versions, object, [versions.stored, kind]);
  try {
    return writeManagers(updateManagers(writing, managers, [before && shown(before), shown(asJson(next))]));
  } catch (error) {
    // Of lists whose items cannot be told apart nobody owns anything; the write itself is no worse for it.
    if (error instanceof RangeError) return [];
    throw error;
  }
}

/**
 * Both objects are of the version that is written; `live` undefined: whatever `next` holds was just written. Never changes
 * `managers`.
 */
export function updateManagers(
  writing: Writing,
  managers: Managers,
  [live, next]: readonly [live: JsonObject | undefined, next: JsonObject],
): Managers {
  const { kind, manager, subresource = '', now } = writing;
  const self: Identity = {
    manager: manager === '' ? 'unknown' : manager,
    operation: 'Update',
    apiVersion: apiVersionOf(kind),
    subresource,
  };
  const id = identityOf(self);
  if (managers.size === 0) {
    const pair = [live ?? emptyObject(kind), next] as const;
    const fields = writtenFields(kind.schema, pair, ignoredFields(kind, subresource));
    return isEmptySet(fields) ? managers : new Map([[id, { ...self, time: now, fields }]]);
  }
  const changes = changesBetween(writing, [live, next]);
  const change = changes(self.apiVersion);
  const changed = change?.written ?? {};
  const standing = managers.get(id);
  const after = withoutChanged(managers, changes);
  if (isEmptySet(changed)) return after;
  // What one owns already need not be taken from oneself first: the set stays the very same.
  const own = standing === undefined ? {} : differenceOf(standing.fields, change?.comparison.removed ?? {});
  after.set(id, { ...self, time: now, fields: covers(own, changed) ? own : unionOf(changed, own) });
  return capped(after);
}

/** Everyone without what was written or removed. Who has nothing left is gone, and so is who wrote in a version that is. */
export function withoutChanged(managers: Managers, changes: ChangeIn): Managers {
  const after: Managers = new Map();
  for (const [id, one] of managers) {
    const change = changes(one.apiVersion);
    if (change === undefined) continue;
    const fields = differenceOf(differenceOf(one.fields, change.written), change.comparison.removed);
    if (!isEmptySet(fields)) after.set(id, fields === one.fields ? one : { ...one, fields });
  }
  return after;
}

/**
 * The entries that a write starts from. A subresource has no say in them; a client that sends none, or what nobody can
 * read, leaves them as they are.
 */
function managersFor(
  { subresource = '' }: Writing,
  live: JsonObject | undefined,
  next: JsonObject,
): Managers {
  const standing = entriesOf(live) ?? [];
  const sent = subresource === '' ? (entriesOf(next) ?? []) : [];
  if (sent.length > 0 && !deepEqual(sent, standing)) {
    const managers = readOrNone(sent, false);
    if (managers.size > 0) return managers;
  }
  return readOrNone(standing, true);
}

function readOrNone(entries: readonly ManagedFieldsEntry[], isTrusted: boolean): Managers {
  try {
    return readManagers(entries, isTrusted);
  } catch (error) {
    if (error instanceof RangeError) return new Map();
    throw error;
  }
}

/** Puts the oldest updates of a version together until there are few enough entries of updates. */
function capped(managers: Managers): Managers {
  const updates = [...managers.values()].filter(({ operation }) => operation === 'Update');
  if (updates.length <= MAX_UPDATE_MANAGERS) return managers;
  updates.sort((a, b) => byText(a.time, b.time) || byText(identityOf(a), identityOf(b)));
  const firsts = new Map<string, Manager>();
  let n = updates.length;
  for (const one of updates) {
    if (n <= MAX_UPDATE_MANAGERS) break;
    const first = firsts.get(one.apiVersion);
    if (first === undefined) {
      firsts.set(one.apiVersion, one);
      continue;
    }
    const bucket: Identity = {
      manager: ANCIENT,
      operation: 'Update',
      apiVersion: one.apiVersion,
      subresource: '',
    };
    const id = identityOf(bucket);
    const standing = managers.get(id) ?? first;
    managers.delete(identityOf(first));
    managers.delete(identityOf(one));
    managers.set(id, { ...bucket, time: one.time, fields: unionOf(one.fields, standing.fields) });
    n--;
  }
  return managers;
}

/** Whether two lists of entries say the same but for their times: then a write has changed nothing. */
export function isSameButTimes(a: Entries, b: Entries): boolean {
  if (a === b) return true;
  if (a === undefined || b === undefined || a.length !== b.length)
    return (a?.length ?? 0) === (b?.length ?? 0);
  const text = (entries: readonly ManagedFieldsEntry[]): readonly ManagedFieldsEntry[] =>
    entries.map(({ time: _, ...entry }) => entry).sort((p, q) => byText(keyOfEntry(p), keyOfEntry(q)));
  return deepEqual(text(a), text(b));
}

const keyOfEntry = ({ manager, operation, apiVersion, subresource }: ManagedFieldsEntry): string =>
  JSON.stringify([manager, operation, apiVersion, subresource]);

import { type JsonObject, type JsonValue, isJsonObject } from '../../base/json.ts';
import { badRequest } from '../errors/api-error.ts';
import type { AnyType, Field, MessageType } from '../schema/schema.ts';
import { identityOf, orderElements } from './element-order.ts';

const directive = '$patch';
const retainKeys = '$retainKeys';
const deletePrefix = '$deleteFromPrimitiveList/';
const orderPrefix = '$setElementOrder/';

/** What the schema says of a field; fields it does not know merge as plain JSON. */
interface Meta {
  readonly type: AnyType | undefined;
  readonly mergeKey: string | undefined;
  readonly isMerged: boolean;
  readonly isReplaced: boolean;
}

function metaOf(type: AnyType | undefined, name: string): Meta {
  let field: Field | undefined;
  if (type?.is === 'message' && Object.hasOwn(type.fields, name)) field = type.fields[name];
  const strategies = (field?.patchStrategy ?? '').split(',');
  return {
    type: type?.is === 'map' ? type.of : field?.type,
    mergeKey: field?.patchMergeKey,
    isMerged: field?.patchMergeKey !== undefined || strategies.includes('merge'),
    isReplaced: strategies.includes('replace'),
  };
}

const isDirective = (name: string): boolean =>
  name === directive || name === retainKeys || name.startsWith(deletePrefix) || name.startsWith(orderPrefix);

/** A value that only the patch has: directives and nulls mean nothing there. */
function withoutDirectives(value: JsonValue): JsonValue {
  if (Array.isArray(value)) {
    return value
      .filter((item) => !isJsonObject(item) || item[directive] === undefined || item[directive] === 'merge')
      .map(withoutDirectives);
  }
  if (!isJsonObject(value)) return value;
  const members = Object.entries(value).filter(
    ([name, item]) => item !== null && item !== undefined && !isDirective(name),
  );
  return Object.fromEntries(members.map(([name, item]) => [name, withoutDirectives(item ?? null)]));
}

const asList = (value: JsonValue | undefined, name: string): JsonValue[] => {
  if (Array.isArray(value)) return value;
  throw badRequest(`unable to apply patch: ${name} must be a list`);
};

/** Keeps of the original only what $retainKeys names. */
function retain(members: Map<string, JsonValue>, patch: JsonObject): void {
  const keys = patch[retainKeys];
  if (keys === undefined) return;
  const kept = new Set(asList(keys, retainKeys));
  for (const [name, value] of Object.entries(patch)) {
    if (value !== null && !isDirective(name) && !kept.has(name)) {
      throw badRequest(`patch format for ${retainKeys} is invalid: it does not name ${JSON.stringify(name)}`);
    }
  }
  for (const name of members.keys()) if (!kept.has(name)) members.delete(name);
}

function deleteFromLists(members: Map<string, JsonValue>, patch: JsonObject): void {
  for (const [name, value] of Object.entries(patch)) {
    if (!name.startsWith(deletePrefix)) continue;
    const target = name.slice(deletePrefix.length);
    const list = members.get(target);
    if (!Array.isArray(list)) continue;
    const gone = new Set(asList(value, name).map((item) => JSON.stringify(item)));
    members.set(
      target,
      list.filter((item) => !gone.has(JSON.stringify(item))),
    );
  }
}

function mergeField(before: JsonValue | undefined, patch: JsonValue, meta: Meta): JsonValue {
  if (isJsonObject(patch) && isJsonObject(before)) {
    return meta.isReplaced ? withoutDirectives(patch) : mergeObject(before, patch, meta.type);
  }
  if (Array.isArray(patch) && meta.isMerged) {
    return mergeList(Array.isArray(before) ? before : [], patch, meta);
  }
  return withoutDirectives(patch);
}

function mergeObject(before: JsonObject, patch: JsonObject, type: AnyType | undefined): JsonObject {
  const how = patch[directive];
  if (how === 'replace') return withoutDirectives(patch) as JsonObject;
  if (how === 'delete') return {};
  if (how !== undefined && how !== 'merge') throw badRequest(`unknown patch type: ${JSON.stringify(how)}`);
  const members = new Map<string, JsonValue>();
  for (const [name, value] of Object.entries(before)) if (value !== undefined) members.set(name, value);
  retain(members, patch);
  deleteFromLists(members, patch);
  for (const [name, value] of Object.entries(patch)) {
    if (isDirective(name) || value === undefined) continue;
    if (value === null) members.delete(name);
    else members.set(name, mergeField(members.get(name), value, metaOf(type, name)));
  }
  for (const [name, value] of Object.entries(patch)) {
    if (!name.startsWith(orderPrefix)) continue;
    const target = name.slice(orderPrefix.length);
    const merged = members.get(target);
    if (!Array.isArray(merged)) continue;
    const { mergeKey } = metaOf(type, target);
    const server = Object.hasOwn(before, target) ? before[target] : undefined;
    const orders = { patch: asList(value, name), server: Array.isArray(server) ? server : [], mergeKey };
    members.set(target, orderElements(merged, orders));
  }
  return Object.fromEntries(members);
}

/** An item's merge key; every item of the patch must have one. */
function keyOf(item: JsonValue, mergeKey: string): string {
  if (!isJsonObject(item) || item[mergeKey] === undefined) {
    throw badRequest(`map: ${JSON.stringify(item)} does not contain declared merge key: ${mergeKey}`);
  }
  return identityOf(item, mergeKey);
}

function mergeList(before: readonly JsonValue[], patch: readonly JsonValue[], meta: Meta): JsonValue[] {
  const { mergeKey } = meta;
  if (mergeKey === undefined) {
    const distinct = new Map([...before, ...patch].map((item) => [JSON.stringify(item), item]));
    return orderElements([...distinct.values()], { patch, server: before, mergeKey });
  }
  const directives = patch.filter((item) => isJsonObject(item) && item[directive] !== undefined);
  const isReplacing = directives.some((item) => isJsonObject(item) && item[directive] === 'replace');
  const merging = patch.filter((item) => !isJsonObject(item) || (item[directive] ?? 'merge') === 'merge');
  if (isReplacing) return withoutDirectives([...merging]) as JsonValue[];
  const gone = new Set<string>();
  for (const item of directives) {
    const how = isJsonObject(item) ? item[directive] : undefined;
    if (how === 'delete') gone.add(keyOf(item, mergeKey));
    else if (how !== 'merge') throw badRequest(`unknown patch type: ${JSON.stringify(how)}`);
  }
  const kept = before.filter((item) => !gone.has(identityOf(item, mergeKey)));
  const merged = [...kept];
  const itemType = meta.type?.is === 'list' ? meta.type.of : undefined;
  /** Of several with one key the first counts. */
  const places = new Map<string, number>();
  const note = (key: string, at: number): void => void (places.has(key) || places.set(key, at));
  for (const [at, item] of kept.entries()) note(identityOf(item, mergeKey), at);
  for (const item of merging) {
    const key = keyOf(item, mergeKey);
    const at = places.get(key) ?? -1;
    const found = merged[at];
    if (!isJsonObject(item)) continue;
    if (isJsonObject(found)) merged[at] = mergeObject(found, item, itemType);
    else note(key, merged.push(withoutDirectives(item)) - 1);
  }
  return orderElements(merged, { patch: merging, server: kept, mergeKey });
}

/**
 * Applies a strategic merge patch: objects merge, lists merge by the schema's merge keys, and the directives $patch,
 * $retainKeys, $setElementOrder and $deleteFromPrimitiveList are obeyed (apimachinery/pkg/util/strategicpatch). Pure.
 * Throws ApiError BadRequest.
 */
export function applyStrategicMergePatch(
  schema: MessageType,
  document: JsonObject,
  patch: JsonValue,
): JsonObject {
  if (!isJsonObject(patch))
    throw badRequest('error decoding patch: a strategic merge patch must be a JSON object');
  return mergeObject(document, patch, schema);
}

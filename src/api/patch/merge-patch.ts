import { type JsonObject, type JsonValue, isJsonObject } from '../../base/json.ts';
import { badRequest } from '../errors/api-error.ts';

function merge(target: JsonValue | undefined, patch: JsonValue): JsonValue {
  if (!isJsonObject(patch)) return patch;
  const members = new Map<string, JsonValue | undefined>(isJsonObject(target) ? Object.entries(target) : []);
  for (const [name, value] of Object.entries(patch)) {
    if (value === null) members.delete(name);
    else if (value !== undefined) members.set(name, merge(members.get(name), value));
  }
  return Object.fromEntries(members);
}

/** Applies an RFC 7386 merge patch: null removes, objects merge, all else replaces. Pure. Throws ApiError BadRequest. */
export function applyMergePatch(document: JsonObject, patch: JsonValue): JsonObject {
  if (!isJsonObject(patch)) throw badRequest('error decoding patch: a merge patch must be a JSON object');
  return merge(document, patch) as JsonObject;
}

/** The merge patch that turns `from` into `to`; {} when they are equal. Lists are replaced as a whole. */
export function createMergePatch(from: JsonObject, to: JsonObject): JsonObject {
  const patch = new Map<string, JsonValue>();
  for (const name of Object.keys(from)) if (to[name] === undefined) patch.set(name, null);
  for (const [name, value] of Object.entries(to)) {
    if (value === undefined) continue;
    const before = Object.hasOwn(from, name) ? from[name] : undefined;
    if (isJsonObject(value) && isJsonObject(before)) {
      const inner = createMergePatch(before, value);
      if (Object.keys(inner).length > 0) patch.set(name, inner);
    } else if (JSON.stringify(before) !== JSON.stringify(value)) patch.set(name, value);
  }
  return Object.fromEntries(patch);
}

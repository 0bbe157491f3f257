import { isJsonObject, type JsonValue } from '../../base/json.ts';
import type { AnyType, ListType } from '../schema/schema.ts';
import { elementOf, isLeafType, itemsOf, memberType } from './elements.ts';
import { type FieldSet, fieldElement, hasChildren, isMember } from './field-set.ts';

type Value = JsonValue | undefined;

const isEmptyContainer = (value: Value): boolean =>
  value === undefined ||
  value === null ||
  (Array.isArray(value) ? value.length === 0 : isJsonObject(value) && Object.keys(value).length === 0);

/** `live` with everything `config` says; nothing is taken away. Lists keep the order of `config` where it has one. */
export function mergeValues(type: AnyType, live: Value, config: Value): Value {
  if (live === undefined || config === undefined) return config ?? live;
  if (isLeafType(type) || (isEmptyContainer(live) && isEmptyContainer(config))) return config;
  if (type.is === 'list') return mergeLists(type, live, config);
  const left = isJsonObject(live) ? live : {};
  const right = isJsonObject(config) ? config : {};
  const members = new Map<string, Value>(Object.entries(left));
  for (const [name, value] of Object.entries(right)) {
    const of = memberType(type, name);
    members.set(name, of === undefined ? value : mergeValues(of, members.get(name), value));
  }
  return Object.fromEntries(members);
}

/**
 * Items of both lists: those of `config` in its order, and among them those only `live` has, before the shared item they
 * stood before (structured-merge-diff, visitListItems).
 */
function mergeLists(type: ListType, live: JsonValue, config: JsonValue): JsonValue {
  const left = itemsOf(type, live);
  const right = itemsOf(type, config);
  const lefts = [...left.keys()];
  const rights = [...right.keys()];
  const shared = rights.filter((element) => left.has(element));
  const out: JsonValue[] = [];
  let [l, r, s] = [0, 0, 0];
  const takeRight = (element: string): void => {
    for (const item of right.get(element) ?? []) {
      const standing = left.get(element) ?? [];
      const merged = standing.length > 1 ? item : mergeValues(type.of, standing[0], item);
      if (merged !== undefined) out.push(merged);
    }
    r++;
    if (element === shared[s]) s++;
  };
  while (l < lefts.length || r < rights.length) {
    const [fromLeft, fromRight] = [lefts[l], rights[r]];
    if (fromLeft !== undefined && fromLeft === fromRight) {
      takeRight(fromLeft);
      l++;
    } else if (fromLeft !== undefined && fromRight !== undefined && isOutOfTurn(fromLeft)) l++;
    else if (fromLeft !== undefined && !right.has(fromLeft)) {
      out.push(...(left.get(fromLeft) ?? []));
      l++;
    } else if (fromRight !== undefined) takeRight(fromRight);
    else l++;
  }
  return out;

  /** A shared item, but not the one whose turn it is: it comes where `config` has it. */
  function isOutOfTurn(element: string): boolean {
    return right.has(element) && shared[s] !== undefined && shared[s] !== element;
  }
}

/** What to take from a value, and what of it somebody wants even if there is nothing in it. */
interface Removal {
  readonly gone: FieldSet;
  readonly kept?: FieldSet | undefined;
}

/**
 * The value without the fields and items that are members of `gone`. Null where nothing is left of a container, but for
 * members of `kept`, which stay, empty: else an applier that names an empty part would take turns with itself.
 */
export function removeFields(type: AnyType, value: Value, { gone, kept }: Removal): Value {
  const isContainer = type.is === 'message' || type.is === 'map' || type.is === 'list';
  if (!isContainer) return value;
  if (isEmptyContainer(value) || isLeafType(type)) return null;
  if (type.is === 'list') return Array.isArray(value) ? removeItems(type, value, { gone, kept }) : null;
  if (!isJsonObject(value)) return null;
  const members = new Map<string, Value>();
  for (const [name, member] of Object.entries(value)) {
    const element = fieldElement(name);
    const node = gone[element];
    if (isMember(node)) continue;
    const of = memberType(type, name);
    const isTouched = node !== undefined && hasChildren(node) && of !== undefined;
    members.set(name, isTouched ? removeFields(of, member, { gone: node, kept: kept?.[element] }) : member);
  }
  return members.size === 0 && !isMember(kept) ? null : Object.fromEntries<Value>(members);
}

function removeItems(type: ListType, list: readonly JsonValue[], { gone, kept }: Removal): Value {
  const left: JsonValue[] = [];
  for (const item of list) {
    const element = elementOf(type, item);
    const node = gone[element];
    if (isMember(node)) continue;
    const removal = { gone: node ?? {}, kept: kept?.[element] };
    left.push((node === undefined ? item : removeFields(type.of, item, removal)) ?? null);
  }
  return left.length === 0 ? null : left;
}

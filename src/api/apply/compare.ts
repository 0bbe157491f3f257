import { deepEqual } from '../../base/deep-equal.ts';
import { isJsonObject, type JsonValue } from '../../base/json.ts';
import type { AnyType, ListType, MapType, MessageType } from '../schema/schema.ts';
import { EMPTY, isInPlace, isLeafType, itemsOf } from './elements.ts';
import { createSetBuilder, fieldElement, type FieldSet, isEmptySet, type SetBuilder } from './field-set.ts';

/** What distinguishes two objects; no field is in more than one of the sets. */
export interface Comparison {
  readonly removed: FieldSet;
  readonly modified: FieldSet;
  readonly added: FieldSet;
}

export const isSame = ({ removed, modified, added }: Comparison): boolean =>
  isEmptySet(removed) && isEmptySet(modified) && isEmptySet(added);

type Value = JsonValue | undefined;

interface Walk {
  readonly removed: SetBuilder;
  readonly modified: SetBuilder;
  readonly added: SetBuilder;
  /** The place of the values that are being compared; grows and shrinks on the way. */
  readonly path: string[];
  readonly ignored: Ignored;
}

/** Fields nobody owns, to be passed by: at the top (''), and of what stands there, such as `f:metadata`. */
export type Ignored = ReadonlyMap<string, ReadonlySet<string>>;

/** The longest of the paths that may be ignored. */
const IGNORED_DEPTH = 2;

/**
 * Compares two values of one type, field by field as server-side apply sees them: lists by the identity of their items,
 * atomic values as a whole.
 */
export function compareValues(
  type: AnyType,
  [before, after]: readonly [before: Value, after: Value],
  ignored: Ignored = new Map(),
): Comparison {
  const [removed, modified, added] = [createSetBuilder(), createSetBuilder(), createSetBuilder()];
  compare({ removed, modified, added, path: [], ignored }, type, [before, after]);
  return { removed: removed.set, modified: modified.set, added: added.set };
}

function enter({ removed, modified, added, path }: Walk, element: string): void {
  path.push(element);
  removed.enter(element);
  modified.enter(element);
  added.enter(element);
}

function leave({ removed, modified, added, path }: Walk): void {
  path.pop();
  removed.leave();
  modified.leave();
  added.leave();
}

type Pair = readonly [before: Value, after: Value];

function compare(walk: Walk, type: AnyType, pair: Pair): void {
  const [before, after] = pair;
  if (before === after) return;
  if (isLeafType(type) || (isEmptyValue(before) && isEmptyValue(after))) {
    leaf(walk, pair);
    return;
  }
  if (type.is === 'list') compareLists(walk, type, pair);
  else compareMembers(walk, type as MapType | MessageType, pair);
  if (before === undefined) walk.added.add();
  else if (after === undefined) walk.removed.add();
}

function leaf({ removed, modified, added }: Walk, [before, after]: Pair): void {
  if (before === undefined) added.add();
  else if (after === undefined) removed.add();
  else if (!deepEqual(before, after)) modified.add();
}

function isEmptyValue(value: Value): boolean {
  if (value === undefined || value === null) return true;
  if (typeof value !== 'object') return false;
  if (Array.isArray(value)) return value.length === 0;
  for (const _ in value) return false;
  return true;
}

function compareMembers(walk: Walk, type: MapType | MessageType, [before, after]: Pair): void {
  const left = isJsonObject(before) ? before : EMPTY;
  const right = isJsonObject(after) ? after : EMPTY;
  const owners = [before, after] as const;
  for (const name in right) {
    const value = right[name];
    if (value !== undefined) compareMember(walk, type, { name, pair: [left[name], value], owners });
  }
  for (const name in left) {
    const value = left[name];
    if (value !== undefined && right[name] === undefined)
      compareMember(walk, type, { name, pair: [value, undefined], owners });
  }
}

interface Member {
  readonly name: string;
  readonly pair: Pair;
  /** The values that hold the members. */
  readonly owners: Pair;
}

function compareMember(walk: Walk, type: MapType | MessageType, { name, pair, owners }: Member): void {
  const element = fieldElement(name);
  const { path } = walk;
  if (path.length < IGNORED_DEPTH && isIgnored(walk, element)) return;
  let memberType: AnyType;
  let members = pair;
  if (type.is === 'map') memberType = type.of;
  else {
    const field = Object.hasOwn(type.fields, name) ? type.fields[name] : undefined;
    if (field === undefined) return;
    memberType = field.type;
    if (isInPlace(type, name, field)) members = [inPlace(pair[0], owners[0]), inPlace(pair[1], owners[1])];
  }
  enter(walk, element);
  compare(walk, memberType, members);
  leave(walk);
}

/** A message that is held in place is there wherever its owner is. */
const inPlace = (value: Value, owner: Value): Value =>
  value === undefined && owner !== undefined ? EMPTY : value;

const isIgnored = ({ path, ignored }: Walk, element: string): boolean =>
  ignored.get(path[0] ?? '')?.has(element) === true;

function compareLists(walk: Walk, type: ListType, [before, after]: Pair): void {
  const left = itemsOf(type, before);
  const right = itemsOf(type, after);
  for (const [element, items] of right) compareItems(walk, type, [element, left.get(element), items]);
  for (const [element, items] of left)
    if (!right.has(element)) compareItems(walk, type, [element, items, undefined]);
}

function compareItems(
  walk: Walk,
  type: ListType,
  [element, left, right]: readonly [
    element: string,
    left: JsonValue[] | undefined,
    right: JsonValue[] | undefined,
  ],
): void {
  enter(walk, element);
  // Items with the same identity cannot be told apart, so they are one value.
  if ((left?.length ?? 0) > 1 || (right?.length ?? 0) > 1) leaf(walk, [left, right]);
  else compare(walk, type.of, [left?.[0], right?.[0]]);
  leave(walk);
}

import { deepEqual } from '../../base/deep-equal.ts';
import { isJsonObject, type JsonObject, type JsonValue } from '../../base/json.ts';
import type { AnyType, ListType, MapType, MessageType } from '../schema/schema.ts';
import type { Ignored } from './compare.ts';
import { EMPTY, isInPlace, isLeafType, itemsOf } from './elements.ts';
import { type FieldSet, fieldElement, sortedSet } from './field-set.ts';
import { shareFields } from './shared-fields.ts';

type Value = JsonValue | undefined;
type Pair = readonly [before: Value, after: Value];
/** Elements that nobody owns. */
type Passed = ReadonlySet<string> | undefined;

/** Sets by their JSON with the elements as they came. */
const LIMIT = 2000;
let known = new Map<string, FieldSet>();

/**
 * What `after` has that `before` has not, or has otherwise: what a comparison calls added and modified, together, sorted
 * and shared. Most new objects have the same fields as one before, in the same order; for those no tree is built.
 */
export function writtenFields(
  schema: MessageType,
  [before, after]: readonly [before: JsonObject, after: JsonObject],
  ignored: Ignored,
): FieldSet {
  const below = (element: string): Passed => ignored.get(element);
  const text = messageText(schema, [before, after], { passed: ignored.get(''), below });
  let fields = known.get(text);
  if (fields === undefined) {
    fields = shareFields(sortedSet(JSON.parse(`{${text}}`) as FieldSet));
    if (known.size >= LIMIT) known = new Map();
    known.set(text, fields);
  }
  return fields;
}

/** The node of a value, '' for none. */
function nodeText(type: AnyType, pair: Pair, passed?: Passed): string {
  const [before, after] = pair;
  if (before === after || after === undefined) return '';
  if (isLeafType(type) || (isEmptyValue(before) && isEmptyValue(after))) return leafText(before, after);
  const children = childrenText(type, pair, passed);
  if (before === undefined) return children === '' ? '{}' : `{".":{},${children}}`;
  return children === '' ? '' : `{${children}}`;
}

const leafText = (before: unknown, after: unknown): string =>
  before !== undefined && deepEqual(before, after) ? '' : '{}';

function childrenText(type: AnyType, pair: Pair, passed: Passed): string {
  switch (type.is) {
    case 'list':
      return itemsText(type, pair);
    case 'message':
      return messageText(type, pair, passed === undefined ? NOTHING : { passed, below: never });
    default:
      return mapText(type as MapType, pair);
  }
}

function isEmptyValue(value: Value): boolean {
  if (value === undefined || value === null) return true;
  if (typeof value !== 'object') return false;
  if (Array.isArray(value)) return value.length === 0;
  for (const _ in value) return false;
  return true;
}

/** A field of a message as it is needed here, worked out once. */
interface Member {
  readonly element: string;
  /** JSON of the element and a colon. */
  readonly head: string;
  readonly type: AnyType;
  readonly isInPlace: boolean;
}

const members = new WeakMap<MessageType, ReadonlyMap<string, Member>>();

function membersOf(type: MessageType): ReadonlyMap<string, Member> {
  let found = members.get(type);
  if (found === undefined) {
    const fields = Object.entries(type.fields);
    found = new Map(
      fields.map(([name, field]) => {
        const element = fieldElement(name);
        const head = `${JSON.stringify(element)}:`;
        return [name, { element, head, type: field.type, isInPlace: isInPlace(type, name, field) }];
      }),
    );
    members.set(type, found);
  }
  return found;
}

interface Passing {
  readonly passed: Passed;
  /** What is passed by below an element. */
  readonly below: (element: string) => Passed;
}
const never = (): Passed => undefined;
const NOTHING: Passing = { passed: undefined, below: never };

function messageText(type: MessageType, [before, after]: Pair, { passed, below }: Passing): string {
  if (!isJsonObject(after)) return '';
  const left = isJsonObject(before) ? before : EMPTY;
  const all = membersOf(type);
  let text = '';
  for (const name in after) {
    const value = after[name];
    const member = all.get(name);
    if (value === undefined || member === undefined || passed?.has(member.element) === true) continue;
    let old = left[name];
    // A message that is held in place is there wherever its owner is.
    if (old === undefined && member.isInPlace && before !== undefined) old = EMPTY;
    const node = nodeText(member.type, [old, value], below(member.element));
    if (node !== '') text += text === '' ? member.head + node : `,${member.head}${node}`;
  }
  return text;
}

function mapText(type: MapType, [before, after]: Pair): string {
  if (!isJsonObject(after)) return '';
  const left = isJsonObject(before) ? before : EMPTY;
  let text = '';
  for (const name in after) {
    const value = after[name];
    const node = value === undefined ? '' : nodeText(type.of, [left[name], value]);
    if (node !== '') text += `${text === '' ? '' : ','}${JSON.stringify(fieldElement(name))}:${node}`;
  }
  return text;
}

function itemsText(type: ListType, [before, after]: Pair): string {
  const left = itemsOf(type, before);
  let text = '';
  for (const [element, items] of itemsOf(type, after)) {
    const old = left.get(element);
    // Items with the same identity cannot be told apart, so they are one value.
    const isOne = items.length === 1 && (old === undefined || old.length === 1);
    const node = isOne ? nodeText(type.of, [old?.[0], items[0]]) : leafText(old, items);
    if (node !== '') text += `${text === '' ? '' : ','}${JSON.stringify(element)}:${node}`;
  }
  return text;
}

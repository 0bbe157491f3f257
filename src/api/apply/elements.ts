import { isJsonObject, type JsonObject, type JsonValue } from '../../base/json.ts';
import type { AnyType, Field, ListType, MessageType } from '../schema/schema.ts';
import { keyElement, valueElement } from './field-set.ts';

/** The items of a list by their path elements, in the list's order; usually one each. */
export type Items = Map<string, JsonValue[]>;

/** A list of distinct items, of which several writers may each own some. */
export const isAssociative = (type: ListType): boolean => type.listType !== 'atomic';

/** Whether a value of this type has one owner as a whole. */
export function isLeafType(type: AnyType): boolean {
  switch (type.is) {
    case 'message':
    case 'map':
      return type.isAtomic;
    case 'list':
      return !isAssociative(type);
    default:
      return true;
  }
}

interface Key {
  readonly name: string;
  readonly default: JsonValue | undefined;
}
const knownKeys = new WeakMap<ListType, readonly Key[]>();

/** The keys of a list in the order of their names, with the defaults that stand for those an item leaves out. */
function keysOf(type: ListType): readonly Key[] {
  const known = knownKeys.get(type);
  if (known !== undefined) return known;
  const fields = type.of.is === 'message' ? type.of.fields : {};
  const keys = [...type.keys].sort().map((name): Key => {
    const value = fields[name]?.default;
    return { name, default: typeof value === 'function' ? undefined : value };
  });
  knownKeys.set(type, keys);
  return keys;
}

/** The path element of an item of an associative list. Throws RangeError for an item that has no identity. */
export function elementOf(type: ListType, item: JsonValue | undefined): string {
  if (type.listType === 'set') {
    if (item === null || item === undefined) throw new RangeError('a set may not have a null element');
    if (typeof item === 'object') throw new RangeError('a set may only have scalar elements');
    return valueElement(item);
  }
  if (!isJsonObject(item)) {
    throw new RangeError('associative list with keys may not have non-map elements');
  }
  const pairs: [string, JsonValue][] = [];
  for (const { name, default: standing } of keysOf(type)) {
    const value = item[name] ?? standing;
    if (value !== undefined) pairs.push([name, value]);
  }
  if (pairs.length > 0) return keyElement(pairs);
  const names = type.keys.map((name) => JSON.stringify(name)).join(' ');
  throw new RangeError(
    `associative list with keys has an element that omits all key fields [${names}] (and doesn't have default values for any key fields)`,
  );
}

/** Items by what tells them apart. Throws RangeError for an item that has no identity. */
export function itemsOf(type: ListType, list: unknown): Items {
  const items: Items = new Map();
  if (!Array.isArray(list)) return items;
  for (const item of list as JsonValue[]) {
    const element = elementOf(type, item);
    const others = items.get(element);
    if (others === undefined) items.set(element, [item]);
    else others.push(item);
  }
  return items;
}

/** The type of a member of a message or map; undefined for a field the message does not have. */
export function memberType(type: AnyType, name: string): AnyType | undefined {
  if (type.is === 'map') return type.of;
  if (type.is === 'message' && Object.hasOwn(type.fields, name)) return type.fields[name]?.type;
  return undefined;
}

/**
 * Messages that Go holds in place and not by reference: they are always there, with nothing in them if need be, so nobody
 * adds or removes them. Names of fields; where a name stands for both, with its message.
 */
const inPlace: ReadonlySet<string> = new Set(
  (
    'metadata spec status template jobTemplate strategy updateStrategy loadBalancer state lastState conditions source ' +
    'nodeInfo daemonEndpoints kubeletEndpoint Container.resources EphemeralContainer.resources ' +
    'PersistentVolumeClaimSpec.resources'
  ).split(' '),
);

const knownInPlace = new WeakMap<Field, boolean>();

export function isInPlace(owner: MessageType, name: string, field: Field): boolean {
  if (field.type.is !== 'message') return false;
  let known = knownInPlace.get(field);
  if (known === undefined) {
    const message = owner.name.slice(owner.name.lastIndexOf('.') + 1);
    known =
      field.presence === 'required' ||
      field.presence === 'filled' ||
      field.presence === 'assigned' ||
      (field.presence === 'optional' && (inPlace.has(name) || inPlace.has(`${message}.${name}`)));
    knownInPlace.set(field, known);
  }
  return known;
}

export const EMPTY: JsonObject = Object.freeze({});

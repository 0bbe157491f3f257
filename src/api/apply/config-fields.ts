import { isJsonObject, type JsonObject, type JsonValue } from '../../base/json.ts';
import type { AnyType, ListType, MapType, MessageType } from '../schema/schema.ts';
import { elementOf, isLeafType, itemsOf, memberType } from './elements.ts';
import {
  createSetBuilder,
  fieldElement,
  type FieldSet,
  type FieldTree,
  isMember,
  pathText,
  type SetBuilder,
} from './field-set.ts';

type Value = JsonValue | undefined;

/** Every leaf and item that a value mentions: what someone who applies it wants to own. */
export function fieldsOf(type: AnyType, value: Value): FieldSet {
  const builder = createSetBuilder();
  collect(builder, type, value);
  return builder.set;
}

function collect(builder: SetBuilder, type: AnyType, value: Value): void {
  if (isLeafType(type)) builder.add();
  else if (type.is === 'list') collectItems(builder, type, value);
  else if (isJsonObject(value)) collectMembers(builder, type as MapType | MessageType, value);
}

function collectMembers(builder: SetBuilder, type: MapType | MessageType, object: JsonObject): void {
  for (const [name, value] of Object.entries(object)) {
    const of = memberType(type, name);
    if (of === undefined || value === undefined) continue;
    builder.enter(fieldElement(name));
    // Fields of a message are there anyway; what a map holds is there because someone put it there.
    const isEmpty = value === null || (isJsonObject(value) && Object.keys(value).length === 0);
    const isLeaf = isLeafType(of);
    if (!isLeaf) collect(builder, of, value);
    if (isLeaf || type.is === 'map' || isEmpty) builder.add();
    builder.leave();
  }
}

function collectItems(builder: SetBuilder, type: ListType, value: Value): void {
  for (const [element, items] of itemsOf(type, value)) {
    builder.enter(element);
    if (items.length === 1 && !isLeafType(type.of)) collect(builder, type.of, items[0]);
    builder.add();
    builder.leave();
  }
}

/** The set with the fields of messages as members that lead to members: whoever owns a part may remove the whole. */
export function withNamedFields(type: AnyType, set: FieldSet): FieldSet {
  const out: FieldTree = {};
  for (const [element, node] of Object.entries(set)) {
    if (element === '.') {
      out[element] = {};
      continue;
    }
    const below = elementType(type, element);
    const inner = below === undefined ? node : withNamedFields(below, node);
    const isNamed = type.is === 'message' && below !== undefined && !isMember(node);
    out[element] = isNamed ? { '.': {}, ...inner } : inner;
  }
  return out;
}

function elementType(type: AnyType, element: string): AnyType | undefined {
  if (element.startsWith('f:')) return memberType(type, element.slice(2));
  return type.is === 'list' ? type.of : undefined;
}

const kindsOfValue = {
  string: 'string',
  bytes: 'string',
  time: 'string',
  microTime: 'string',
  bool: 'boolean',
  int32: 'numeric (int or float)',
  int64: 'numeric (int or float)',
} as const;
const typeOfKind: Readonly<Record<string, string>> = {
  string: 'string',
  boolean: 'boolean',
  'numeric (int or float)': 'number',
};

/** What keeps a configuration from being applied, as `.path: reason`; empty when nothing does. */
export function faultsOf(type: AnyType, value: Value, path: readonly string[] = []): readonly string[] {
  const fault = (why: string): readonly string[] => [path.length === 0 ? why : `${pathText(path)}: ${why}`];
  if (value === null || value === undefined) return [];
  switch (type.is) {
    case 'message':
    case 'map': {
      if (!isJsonObject(value)) return fault(`expected map, got ${shown(value)}`);
      return Object.entries(value).flatMap(([name, member]) => {
        const of = memberType(type, name);
        const at = [...path, fieldElement(name)];
        return of === undefined
          ? [`${pathText(at)}: field not declared in schema`]
          : faultsOf(of, member, at);
      });
    }
    case 'list':
      if (!Array.isArray(value)) return fault(`expected list, got ${shown(value)}`);
      return isLeafType(type)
        ? value.flatMap((item, i) => faultsOf(type.of, item, [...path, `i:${i}`]))
        : faultsOfItems(type, value, path);
    case 'json':
      return [];
    case 'quantity':
    case 'intOrString':
      return typeof value === 'string' || typeof value === 'number'
        ? []
        : fault(`expected scalar, got ${shown(value)}`);
    default: {
      const kind = kindsOfValue[type.is];
      return typeof value === typeOfKind[kind] ? [] : fault(`expected ${kind}, got ${shown(value)}`);
    }
  }
}

function faultsOfItems(
  type: ListType,
  list: readonly JsonValue[],
  path: readonly string[],
): readonly string[] {
  const seen = new Set<string>();
  return list.flatMap((item, i) => {
    let element: string;
    try {
      element = elementOf(type, item);
    } catch (error) {
      return [`${pathText(path)}: element ${i}: ${(error as Error).message}`];
    }
    if (seen.has(element)) return [`${pathText(path)}: duplicate entries for key ${pathText([element])}`];
    seen.add(element);
    return faultsOf(type.of, item, [...path, element]);
  });
}

function shown(value: JsonValue): string {
  if (Array.isArray(value)) return 'list';
  return typeof value === 'object' ? 'map' : JSON.stringify(value);
}

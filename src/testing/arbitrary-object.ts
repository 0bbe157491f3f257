import fc from 'fast-check';
import type { JsonObject, JsonValue } from '../base/json.ts';
import type { Kind } from '../api/kind.ts';
import { apiVersionOf } from '../api/kind.ts';
import type { AnyType, Field, ListType, MessageType, ScalarName } from '../api/schema/schema.ts';

/**
 * Objects made from their schema, in the form decoding returns: no zero values where they mean nothing, canonical
 * times and quantities, distinct keys in lists that have keys.
 */

/** Objects like those JSON.parse makes. */
const plain = { noNullPrototype: true };

const text = fc.string({ minLength: 1, maxLength: 6, unit: fc.constantFrom(...'abcxyz019-') });
const int = fc.integer({ min: 1, max: 65535 });

const scalars: Readonly<Record<ScalarName, fc.Arbitrary<JsonValue>>> = {
  string: text,
  int32: int,
  int64: int,
  bool: fc.constant(true),
  bytes: fc.uint8Array({ minLength: 1, maxLength: 4 }).map((b) => Buffer.from(b).toString('base64')),
  quantity: fc.constantFrom('100m', '1', '64Mi', '2k', '0'),
  time: fc.constantFrom('2024-02-29T12:00:00Z', '2001-01-01T00:00:00Z'),
  microTime: fc.constantFrom('2024-02-29T12:00:00.000001Z', '2001-01-01T00:00:00.500000Z'),
  intOrString: fc.oneof(int, text),
  json: fc.constantFrom({ 'f:metadata': { 'f:labels': {} } }, { 'f:spec': {} }),
};

/** How many optional fields a message has at most; deep messages are small. */
const nFields = (depth: number): number => (depth < 2 ? 6 : depth < 5 ? 3 : 1);

function ofType(type: AnyType, depth: number): fc.Arbitrary<JsonValue> {
  switch (type.is) {
    case 'message':
      return arbitraryMessage(type, depth + 1);
    case 'list':
      return ofList(type, depth);
    case 'map':
      return fc.dictionary(text, ofType(type.of, depth), { minKeys: 1, maxKeys: 3, noNullPrototype: true });
    default:
      return scalars[type.is];
  }
}

/** `mergeKey` tells items apart in patches, also of lists that are one value to everybody else. */
function ofList({ of, listType, keys }: ListType, depth: number, mergeKey?: string): fc.Arbitrary<JsonValue> {
  const items = { minLength: 1, maxLength: 3 };
  if (listType === 'atomic' && mergeKey === undefined)
    return fc.array(ofType(of, depth), items).map((list) => list);
  const [key = mergeKey] = keys;
  // Patches look at one key only, so that one must be distinct.
  const selector = (item: JsonValue): string =>
    JSON.stringify(key === undefined ? item : (item as JsonObject)[key]);
  const present = key === undefined || keys.includes(key) ? keys : [...keys, key];
  return fc.uniqueArray(ofKeyed(of, present, depth), { ...items, selector }).map((list) => list);
}

/** An item that certainly has the fields that identify it. */
function ofKeyed(of: AnyType, keys: readonly string[], depth: number): fc.Arbitrary<JsonValue> {
  if (of.is !== 'message') return ofType(of, depth);
  const present = keys.flatMap((key) => {
    const field = of.fields[key];
    return field === undefined ? [] : [[key, ofType(field.type, depth)] as const];
  });
  return fc
    .tuple(arbitraryMessage(of, depth + 1), fc.record(Object.fromEntries(present), plain))
    .map(([item, identity]): JsonValue => ({ ...item, ...identity }));
}

const isAlways = ({ presence }: Field): boolean => presence === 'required' || presence === 'filled';

/** Any message of a type, with a few of its fields beside those that are always there. */
export function arbitraryMessage(type: MessageType, depth = 0): fc.Arbitrary<JsonObject> {
  const fields = Object.entries(type.fields).filter(([, field]) => field.number > 0);
  const always = fields.filter(([, field]) => isAlways(field)).map(([name]) => name);
  const others = fields.filter(([, field]) => !isAlways(field)).map(([name]) => name);
  return fc.subarray(others, { maxLength: Math.min(others.length, nFields(depth)) }).chain((chosen) => {
    const members = [...always, ...chosen].flatMap((name) => {
      const field = type.fields[name];
      if (field === undefined) return [];
      const { type: inner, patchMergeKey } = field;
      return [
        [name, inner.is === 'list' ? ofList(inner, depth, patchMergeKey) : ofType(inner, depth)] as const,
      ];
    });
    return fc.record(Object.fromEntries(members), plain);
  });
}

/** Any object of a kind. */
export const arbitraryObject = (kind: Kind): fc.Arbitrary<JsonObject> =>
  arbitraryMessage(kind.schema).map((body) => ({
    apiVersion: apiVersionOf(kind),
    kind: kind.kind,
    ...body,
  }));

const samples: Readonly<Record<ScalarName, JsonValue>> = {
  string: 'text',
  int32: 7,
  int64: 9_007_199_254_740_991,
  bool: true,
  bytes: 'AAE=',
  quantity: '1500m',
  time: '2024-02-29T12:00:00Z',
  microTime: '2024-02-29T12:00:00.000001Z',
  intOrString: '25%',
  json: { 'f:spec': {} },
};

/** A value with every field of its type, and of the types below, set once. */
export function completeValue(type: AnyType): JsonValue {
  switch (type.is) {
    case 'list':
      return [completeValue(type.of)];
    case 'map':
      return { key: completeValue(type.of) };
    case 'message':
      return Object.fromEntries(
        Object.entries(type.fields)
          .filter(([, field]) => field.number > 0)
          .map(([name, field]) => [name, completeValue(field.type)]),
      );
    default:
      return samples[type.is];
  }
}

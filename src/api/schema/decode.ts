import { type JsonObject, isJsonObject } from '../../base/json.ts';
import { ApiError, badRequest } from '../errors/api-error.ts';
import { type Kind, type KubeObject, apiVersionOf } from '../kind.ts';
import { DecodeContext, DecodeError, shortName } from './decode-context.ts';
import { type Decoder, scalarDecoders, zeroScalar } from './decode-scalar.ts';
import type { AnyType, Field, ListType, MapType, MessageType } from './schema.ts';

/** What happens to unknown and duplicate fields (the query parameter fieldValidation). */
export type FieldValidation = 'Strict' | 'Warn' | 'Ignore';

export interface DecodeOptions {
  readonly mode: FieldValidation;
  /** What the parser found beside the value, such as `duplicate field "spec.type"`. */
  readonly duplicates?: readonly string[];
}

export interface Decoded<T> {
  readonly object: T;
  /** Empty unless the mode is Warn. */
  readonly warnings: readonly string[];
}

const compiled = new WeakMap<AnyType, Decoder>();

/** The decoder of a type, made once. */
function decoderOf(type: AnyType): Decoder {
  const known = compiled.get(type);
  if (known !== undefined) return known;
  const decoder = compile(type);
  compiled.set(type, decoder);
  return decoder;
}

function compile(type: AnyType): Decoder {
  switch (type.is) {
    case 'message':
      return messageDecoder(type);
    case 'list':
      return listDecoder(type);
    case 'map':
      return mapDecoder(type);
    default:
      return scalarDecoders[type.is];
  }
}

/** How Go prints a type. */
function goType(type: AnyType): string {
  switch (type.is) {
    case 'message':
      return `v1.${shortName(type)}`;
    case 'list':
      return `[]${goType(type.of)}`;
    case 'map':
      return `map[string]${goType(type.of)}`;
    case 'quantity':
      return 'resource.Quantity';
    case 'intOrString':
      return 'intstr.IntOrString';
    case 'time':
      return 'v1.Time';
    case 'microTime':
      return 'v1.MicroTime';
    case 'bytes':
      return '[]uint8';
    case 'json':
      return 'v1.FieldsV1';
    case 'string':
    case 'int32':
    case 'int64':
    case 'bool':
      return type.is;
  }
}

/** What stands for a value that is absent or null inside a list or a required field. */
function zeroOf(type: AnyType, context: DecodeContext): unknown {
  switch (type.is) {
    case 'message':
      return decoderOf(type)({}, context);
    case 'list':
      return [];
    case 'map':
      return {};
    default:
      return zeroScalar(type.is);
  }
}

function listDecoder(type: ListType): Decoder {
  const decodeItem = decoderOf(type.of);
  const name = goType(type);
  return (value, context) => {
    if (!Array.isArray(value)) throw context.mismatch(value, name);
    const out: unknown[] = [];
    for (let i = 0; i < value.length; i++) {
      const item: unknown = value[i];
      context.path.push(i);
      out.push(item === null ? zeroOf(type.of, context) : decodeItem(item, context));
      context.path.pop();
    }
    return out;
  };
}

/** Sets an own member, also one called __proto__. */
function setMember(target: Record<string, unknown>, name: string, value: unknown): void {
  if (name !== '__proto__') target[name] = value;
  else Object.defineProperty(target, name, { value, enumerable: true, writable: true, configurable: true });
}

function mapDecoder(type: MapType): Decoder {
  const decodeValue = decoderOf(type.of);
  const name = goType(type);
  return (value, context) => {
    if (!isJsonObject(value)) throw context.mismatch(value, name);
    const out: Record<string, unknown> = {};
    for (const key of Object.keys(value)) {
      const item = value[key];
      const decoded =
        item === null || item === undefined ? zeroOf(type.of, context) : decodeValue(item, context);
      if (decoded !== undefined) setMember(out, key, decoded);
    }
    return out;
  };
}

interface FieldPlan {
  readonly decode: Decoder;
  /** Whether a decoded value equals its absence. */
  readonly isZero: (value: unknown) => boolean;
}

const never = (): boolean => false;
const isZeroScalar = (value: unknown): boolean => value === '' || value === 0 || value === false;
const isEmptyList = (value: unknown): boolean => (value as readonly unknown[]).length === 0;
const isEmptyMap = (value: unknown): boolean => {
  for (const _ in value as object) return false;
  return true;
};

function zeroTest({ presence, type }: Field): (value: unknown) => boolean {
  if (presence !== 'optional' && presence !== 'assigned') return never;
  switch (type.is) {
    case 'message':
    case 'quantity':
      return never;
    case 'list':
      return isEmptyList;
    case 'map':
    case 'json':
      return isEmptyMap;
    default:
      return isZeroScalar;
  }
}

function messageDecoder(type: MessageType): Decoder {
  const plans = new Map<string, FieldPlan>();
  const filled: [string, AnyType][] = [];
  for (const [name, field] of Object.entries(type.fields)) {
    plans.set(name, { decode: decoderOf(field.type), isZero: zeroTest(field) });
    const isFilled = field.presence === 'required' || field.presence === 'filled';
    if (isFilled && field.isNilRefused !== true) filled.push([name, field.type]);
  }
  const goName = goType(type);
  return (value, context) => {
    if (!isJsonObject(value)) throw context.mismatch(value, goName);
    const out: Record<string, unknown> = {};
    context.owners.push(type);
    for (const name of Object.keys(value)) {
      const item = value[name];
      const plan = plans.get(name);
      if (plan === undefined) context.noteUnknown(name);
      else if (item !== null && item !== undefined) {
        context.path.push(name);
        const decoded = plan.decode(item, context);
        context.path.pop();
        if (!plan.isZero(decoded)) out[name] = decoded;
      }
    }
    for (const [name, fieldType] of filled) {
      if (out[name] !== undefined) continue;
      const zero = zeroOf(fieldType, context);
      if (zero !== undefined) out[name] = zero;
    }
    context.owners.pop();
    return out;
  };
}

/** Decodes any value of a schema type; unknown fields are dropped and noted. Throws DecodeError. */
export function decodeValue(type: AnyType, value: unknown, context = new DecodeContext()): unknown {
  return decoderOf(type)(value, context);
}

/**
 * A JSON value as an object of `kind`: unknown fields gone, zero values that mean nothing gone, required fields
 * present, quantities and times in their canonical form. Never changes `json`. Throws ApiError BadRequest for a
 * wrong type in every mode, and for unknown or duplicate fields in Strict.
 */
export function decodeObject<T extends KubeObject>(
  kind: Kind<T>,
  json: unknown,
  { mode, duplicates = [] }: DecodeOptions,
): Decoded<T> {
  const apiVersion = apiVersionOf(kind);
  const handled = `${kind.kind} in version ${JSON.stringify(kind.version)} cannot be handled as a ${kind.kind}`;
  const context = new DecodeContext();
  try {
    if (isJsonObject(json)) checkType(json, { kind: kind.kind, apiVersion });
    const body = decodeValue(kind.schema, json, context) as JsonObject;
    const object = { apiVersion, kind: kind.kind, ...body } as unknown as T;
    const faults = mode === 'Ignore' ? [] : [...duplicates, ...context.unknown];
    if (mode === 'Strict' && faults.length > 0) {
      throw new DecodeError(`strict decoding error: ${faults.join(', ')}`);
    }
    return { object, warnings: faults };
  } catch (error) {
    if (error instanceof ApiError || !(error instanceof DecodeError)) throw error;
    throw badRequest(`${handled}: ${error.message}`, error);
  }
}

/** Refuses a body that says it is something else; a body that says nothing is taken for what was expected. */
function checkType(json: JsonObject, expected: { readonly kind: string; readonly apiVersion: string }): void {
  const { apiVersion, kind } = json;
  if (typeof apiVersion === 'string' && apiVersion !== '' && apiVersion !== expected.apiVersion) {
    throw badRequest(
      `the API version in the data (${apiVersion}) does not match the expected API version (${expected.apiVersion})`,
    );
  }
  if (typeof kind === 'string' && kind !== '' && kind !== expected.kind) {
    throw badRequest(`the kind in the data (${kind}) does not match the expected kind (${expected.kind})`);
  }
}

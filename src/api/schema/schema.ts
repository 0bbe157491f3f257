import type { JsonObject, JsonValue } from '../../base/json.ts';

/**
 * A kind is described once, as a value made with the functions below. The TypeScript type, decoding, defaults,
 * patch rules and OpenAPI are all derived from that value. Field names, types, protobuf numbers, list types and
 * merge keys are those of upstream's generated.proto and types.go.
 */
export type ScalarName =
  | 'string'
  | 'int32'
  | 'int64'
  | 'bool'
  | 'bytes'
  | 'quantity'
  | 'time'
  | 'microTime'
  | 'intOrString'
  | 'json';

export interface ScalarType {
  readonly is: ScalarName;
}
export interface ListType {
  readonly is: 'list';
  readonly of: AnyType;
  /** How two writers' lists merge in server-side apply. */
  readonly listType: 'atomic' | 'set' | 'map';
  /** The fields that identify an item; empty unless `listType` is 'map'. */
  readonly keys: readonly string[];
}
export interface MapType {
  readonly is: 'map';
  readonly of: AnyType;
  readonly isAtomic: boolean;
}
export interface MessageType {
  readonly is: 'message';
  /** The name in OpenAPI, such as io.k8s.api.core.v1.ServicePort. */
  readonly name: string;
  readonly description: string;
  readonly fields: Readonly<Record<string, Field>>;
  /** Server-side apply treats the whole message as one value. */
  readonly isAtomic: boolean;
}
export type AnyType = ScalarType | ListType | MapType | MessageType;

/** Carries the TypeScript type of a schema value; nothing of it exists at run time. */
export interface Typed<T> {
  readonly '~type'?: T;
}
/** The TypeScript type that a schema value describes. */
export type Infer<S> = S extends Typed<infer T> ? T : never;

/**
 * required: a request must have it; decoding fills the zero value where it does not, as Go does.
 * filled:   a request need not have it; decoding fills the zero value, so every stored object does.
 * assigned: present in every stored object, may be absent in a request; never filled by decoding.
 * optional: absent and zero ('' 0 false [] {}) are the same; decoding drops the zero value.
 * pointer:  absent differs from zero.
 */
export type Presence = 'required' | 'filled' | 'assigned' | 'optional' | 'pointer';

/** Computes a default from the message that holds the field; `undefined` leaves the field absent. Pure. */
export type DefaultRule = (owner: JsonObject) => JsonValue | undefined;

export interface FieldOptions {
  readonly default?: JsonValue | DefaultRule;
  /** The known values of a string; for documentation, decoding accepts others. */
  readonly values?: readonly string[];
  /** Strategic merge patch: items of a list of messages are merged by this field. Implies `patchStrategy: 'merge'`. */
  readonly patchMergeKey?: string;
  /** Strategic merge patch: how the field's value is patched; lists are replaced when it is absent. */
  readonly patchStrategy?: 'merge' | 'retainKeys' | 'merge,retainKeys' | 'replace';
  /**
   * A required message that is a pointer in Go: decoding leaves it absent where a request lacks it, and validation
   * refuses the object, so that every stored one has it.
   */
  readonly isNilRefused?: true;
}

export interface Field extends FieldOptions {
  /** Protobuf field number; 0 for apiVersion and kind, which travel in the envelope. */
  readonly number: number;
  readonly type: AnyType;
  readonly presence: Presence;
  readonly description: string;
  /** Protobuf: the field sits in a nested message with this number, which JSON shows inline. */
  readonly within?: number;
}

type FieldOf<T, P extends Presence> = Field & Typed<T> & { readonly presence: P };
type Fields = Readonly<Record<string, Field>>;
type Flatten<T> = { [K in keyof T]: T[K] };
type Present = { readonly presence: 'required' | 'filled' | 'assigned' };
/** The object type of a record of fields. */
export type Shape<F extends Fields> = Flatten<
  { readonly [K in keyof F as F[K] extends Present ? K : never]: Infer<F[K]> } & {
    readonly [K in keyof F as F[K] extends Present ? never : K]?: Infer<F[K]>;
  }
>;

const scalar = <T>(is: ScalarName): ScalarType & Typed<T> => ({ is });

export const string = scalar<string>('string');
export const int32 = scalar<number>('int32');
/** Integers beyond 2^53 - 1 are refused: no API field needs them. */
export const int64 = scalar<number>('int64');
export const bool = scalar<boolean>('bool');
/** Base64 in JSON. */
export const bytes = scalar<string>('bytes');
/** A number with a suffix, such as 100m or 1Gi. */
export const quantity = scalar<string>('quantity');
/** RFC 3339 with whole seconds. */
export const time = scalar<string>('time');
/** RFC 3339 with six decimals. */
export const microTime = scalar<string>('microTime');
export const intOrString = scalar<number | string>('intOrString');
/** Any JSON object, kept as it is. */
export const json = scalar<JsonObject>('json');

/** A list that is one value: it is replaced as a whole. */
export const list = <T>(of: AnyType & Typed<T>): ListType & Typed<readonly T[]> => ({
  is: 'list',
  of,
  listType: 'atomic',
  keys: [],
});
/** A list of distinct scalars. */
export const set = <T>(of: AnyType & Typed<T>): ListType & Typed<readonly T[]> => ({
  ...list(of),
  listType: 'set',
});
/** A list of messages identified by `keys`. */
export const listMap = <T>(
  of: AnyType & Typed<T>,
  keys: readonly (keyof T & string)[],
): ListType & Typed<readonly T[]> => ({ ...list(of), listType: 'map', keys });

export const map = <T>(of: AnyType & Typed<T>): MapType & Typed<Readonly<Record<string, T>>> => ({
  is: 'map',
  of,
  isAtomic: false,
});
export const atomicMap = <T>(of: AnyType & Typed<T>): MapType & Typed<Readonly<Record<string, T>>> => ({
  ...map(of),
  isAtomic: true,
});

/** A field before its description: `[protobuf number, type]`. */
type Slot<T> = readonly [number: number, type: AnyType & Typed<T>];

const field =
  <P extends Presence>(presence: P) =>
  <T>([number, type]: Slot<T>, description: string, options?: FieldOptions): FieldOf<T, P> => ({
    ...options,
    number,
    type,
    presence,
    description,
  });

export const required = field('required');
export const filled = field('filled');
export const assigned = field('assigned');
export const optional = field('optional');
export const pointer = field('pointer');

/** The fields of `inner`, shown inline in JSON and nested under `number` in protobuf. */
export function inline<F extends Fields>(
  number: number,
  inner: MessageType & { readonly fields: F },
): { readonly [K in keyof F]: F[K] } {
  const entries = Object.entries(inner.fields).map(([name, f]) => [name, { ...f, within: number }]);
  return Object.fromEntries(entries) as { readonly [K in keyof F]: F[K] };
}

export function message<const F extends Fields>(
  name: string,
  description: string,
  fields: F,
): MessageType & { readonly fields: F } & Typed<Shape<F>> {
  return { is: 'message', name, description, fields, isAtomic: false };
}

/** Marks a message as one value for server-side apply. */
export const atomic = <M extends MessageType>(inner: M): M => ({ ...inner, isAtomic: true });

/** The same message where no field is certain to be present, such as the metadata of a Pod template. */
export const partial = <T>(inner: MessageType & Typed<T>): MessageType & Typed<Partial<T>> => inner;

/** The same message where no field of its own gets a default, such as a Job that a CronJob will make. */
export const undefaulted = <M extends MessageType>(inner: M): M => ({
  ...inner,
  fields: Object.fromEntries(
    Object.entries(inner.fields).map(([name, { default: _, ...field }]) => [name, field]),
  ),
});

/** `apiVersion` and `kind`, the first two fields of each kind. */
export const typeMeta = {
  apiVersion: optional([0, string], 'Group and version of this representation, such as v1 or apps/v1.'),
  kind: optional([0, string], 'The kind of this object, in CamelCase.'),
};

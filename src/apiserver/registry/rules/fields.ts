import { invalidValue, type FieldError } from '../../../api/errors/field-error.ts';
import { deepEqual } from '../../../base/deep-equal.ts';

/** One error for each message a name rule gave. */
export const invalidEach = (path: string, value: unknown, messages: readonly string[]): FieldError[] =>
  messages.map((message) => invalidValue(path, value, message));

/** A field that keeps its first value. */
export const immutableFaults = (path: string, next: unknown, prev: unknown): FieldError[] =>
  deepEqual(next, prev) ? [] : [invalidValue(path, next ?? null, 'field is immutable')];

export const nonNegativeFaults = (path: string, value: number | undefined): FieldError[] =>
  value === undefined || value >= 0 ? [] : [invalidValue(path, value, 'must be greater than or equal to 0')];

/** One error per message, as upstream orders them: the path's fields in the order of `fields`. */
export const nonNegativeFields = <K extends string>(
  path: string,
  owner: { readonly [P in K]?: number | undefined },
  fields: readonly K[],
): FieldError[] => fields.flatMap((field) => nonNegativeFaults(`${path}.${field}`, owner[field]));

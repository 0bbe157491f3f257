import { invalidValue, type FieldError } from '../../../api/errors/field-error.ts';

/** A path inside a volume. */
export function localPathFaults(path: string, value: string): FieldError[] {
  if (value.startsWith('/')) return [invalidValue(path, value, 'must be a relative path')];
  return value.split('/').includes('..') ? [invalidValue(path, value, "must not contain '..'")] : [];
}

import type { ConfigMap } from '../../../api/core/v1/config-map.ts';
import { forbiddenField, invalidValue, tooLong, type FieldError } from '../../../api/errors/field-error.ts';
import { configMapKey } from '../../../api/validation/names.ts';
import { deepEqual } from '../../../base/deep-equal.ts';
import { invalidEach } from '../rules/fields.ts';

/** Of all values together; also for Secrets. */
export const MAX_DATA_BYTES = 1024 * 1024;
const FIXED = 'field is immutable when `immutable` is set';

export const base64Bytes = (text: string): number => Buffer.byteLength(text, 'base64');

export function configMapFaults({ data = {}, binaryData = {} }: ConfigMap): FieldError[] {
  const errors: FieldError[] = [];
  let nBytes = 0;
  for (const [key, value] of Object.entries(data)) {
    errors.push(...invalidEach(`data[${key}]`, key, configMapKey(key)));
    if (Object.hasOwn(binaryData, key))
      errors.push(invalidValue(`data[${key}]`, key, 'duplicate of key present in binaryData'));
    nBytes += Buffer.byteLength(value);
  }
  for (const [key, value] of Object.entries(binaryData)) {
    errors.push(...invalidEach(`binaryData[${key}]`, key, configMapKey(key)));
    nBytes += base64Bytes(value);
  }
  if (nBytes > MAX_DATA_BYTES) errors.push(tooLong('', MAX_DATA_BYTES));
  return errors;
}

/** For the kinds that can be made immutable: neither the wish nor the data change any more. */
export function sealedFaults<T extends { readonly immutable?: boolean }>(
  next: T,
  prev: T,
  fields: readonly (keyof T & string)[],
): FieldError[] {
  if (prev.immutable !== true) return [];
  const errors = next.immutable === true ? [] : [forbiddenField('immutable', FIXED)];
  for (const field of fields)
    if (!deepEqual(next[field], prev[field])) errors.push(forbiddenField(field, FIXED));
  return errors;
}

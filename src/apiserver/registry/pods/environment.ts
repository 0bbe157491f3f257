import type { EnvFromSource, EnvVar } from '../../../api/core/v1/env.ts';
import { invalidValue, required, type FieldError } from '../../../api/errors/field-error.ts';
import { configMapKey, envVarName } from '../../../api/validation/names.ts';
import { invalidEach } from '../rules/fields.ts';
import { ENV_FIELDS, fieldRefFaults, resourceRefFaults } from './downward.ts';

export function envFaults(env: readonly EnvVar[], path: string): FieldError[] {
  return env.flatMap(({ name, value = '', valueFrom }, i) => {
    const at = `${path}[${i}]`;
    const errors = name === '' ? [required(`${at}.name`)] : invalidEach(`${at}.name`, name, envVarName(name));
    if (valueFrom === undefined) return errors;
    const from = `${at}.valueFrom`;
    const sources = Object.entries(valueFrom).filter(([, source]) => source !== undefined);
    if (sources.length === 0) {
      errors.push(
        invalidValue(
          from,
          '',
          'must specify one of: `fieldRef`, `resourceFieldRef`, `configMapKeyRef` or `secretKeyRef`',
        ),
      );
    } else if (value !== '') {
      errors.push(invalidValue(from, '', 'may not be specified when `value` is not empty'));
    } else if (sources.length > 1) {
      errors.push(invalidValue(from, '', 'may not have more than one field specified at a time'));
    }
    for (const field of ['configMapKeyRef', 'secretKeyRef'] as const) {
      const ref = valueFrom[field];
      if (ref !== undefined && !ref.name) errors.push(required(`${from}.${field}.name`));
      if (ref?.key === '') errors.push(required(`${from}.${field}.key`));
      else if (ref !== undefined)
        errors.push(...invalidEach(`${from}.${field}.key`, ref.key, configMapKey(ref.key)));
    }
    const { fieldRef, resourceFieldRef: resource } = valueFrom;
    if (fieldRef !== undefined) errors.push(...fieldRefFaults(fieldRef, ENV_FIELDS, `${from}.fieldRef`));
    if (resource !== undefined) errors.push(...resourceRefFaults(resource, `${from}.resourceFieldRef`));
    return errors;
  });
}

export function envFromFaults(sources: readonly EnvFromSource[], path: string): FieldError[] {
  return sources.flatMap(({ prefix = '', configMapRef, secretRef }, i) => {
    const at = `${path}[${i}]`;
    const errors = prefix === '' ? [] : invalidEach(`${at}.prefix`, prefix, envVarName(prefix));
    const n = Number(configMapRef !== undefined) + Number(secretRef !== undefined);
    if (n === 0) errors.push(invalidValue(at, '', 'must specify one of: `configMapRef` or `secretRef`'));
    if (n === 2) errors.push(invalidValue(at, '', 'may not have more than one field specified at a time'));
    if (configMapRef !== undefined && !configMapRef.name) errors.push(required(`${at}.configMapRef.name`));
    if (secretRef !== undefined && !secretRef.name) errors.push(required(`${at}.secretRef.name`));
    return errors;
  });
}

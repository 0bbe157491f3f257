import type { Lease } from '../../../api/coordination/v1/lease.ts';
import { invalidValue, type FieldError } from '../../../api/errors/field-error.ts';
import { nonNegativeFaults } from '../rules/fields.ts';

export function leaseFaults({ spec }: Lease): FieldError[] {
  const { leaseDurationSeconds: seconds, leaseTransitions } = spec;
  const errors: FieldError[] = [];
  if (seconds !== undefined && seconds <= 0) {
    errors.push(invalidValue('spec.leaseDurationSeconds', seconds, 'must be greater than 0'));
  }
  errors.push(...nonNegativeFaults('spec.leaseTransitions', leaseTransitions));
  return errors;
}

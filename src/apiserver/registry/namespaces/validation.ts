import type { Namespace } from '../../../api/core/v1/namespace.ts';
import { invalidValue, type FieldError } from '../../../api/errors/field-error.ts';
import { qualifiedName } from '../../../api/validation/names.ts';
import { invalidEach } from '../rules/fields.ts';

const STANDARD = ['kubernetes', 'orphan', 'foregroundDeletion'];

/** spec.finalizers: qualified names, or one of the standard ones. */
export function finalizerFaults({ spec }: Namespace): FieldError[] {
  return (spec?.finalizers ?? []).flatMap((name, i) => {
    const path = `spec.finalizers[${i}]`;
    const errors = invalidEach(path, name, qualifiedName(name));
    if (name.includes('/') || STANDARD.includes(name)) return errors;
    return [
      ...errors,
      invalidValue(path, name, 'name is neither a standard finalizer name nor is it fully qualified'),
    ];
  });
}

/** The phase says whether the namespace is being deleted, and nothing else. */
export function namespaceStatusFaults({ metadata, status }: Namespace): FieldError[] {
  const phase = status?.phase ?? '';
  const isDeleted = metadata.deletionTimestamp !== undefined;
  if (phase === (isDeleted ? 'Terminating' : 'Active')) return [];
  const detail = isDeleted
    ? "may only be 'Terminating' if `deletionTimestamp` is not empty"
    : "may only be 'Active' if `deletionTimestamp` is empty";
  return [invalidValue('status.Phase', phase, detail)];
}

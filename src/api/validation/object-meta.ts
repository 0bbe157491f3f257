import { type FieldError, forbiddenField, invalidValue, required, tooLong } from '../errors/field-error.ts';
import { parseApiVersion } from '../kind.ts';
import type { ObjectMeta, OwnerReference } from '../meta/v1/object-meta.ts';
import { type NameRule, asPrefix, dns1123Label, labelValueRule, qualifiedName } from './names.ts';

const maxAnnotationBytes = 256 * 1024;
/** Finalizers whose names need no domain. */
const plainFinalizers: ReadonlySet<string> = new Set(['kubernetes', 'orphan', 'foregroundDeletion']);

export interface ObjectMetaRules {
  readonly isNamespaced: boolean;
  /** The rule for the object's name. */
  readonly name: NameRule;
}

const invalidEach = (path: string, value: unknown, messages: readonly string[]): FieldError[] =>
  messages.map((message) => invalidValue(path, value, message));

/** Checks the metadata of a new object, after the server has filled in name and namespace. */
export function validateObjectMeta(metadata: ObjectMeta, rules: ObjectMetaRules): FieldError[] {
  const errors: FieldError[] = [];
  const { generateName = '', namespace = '' } = metadata;
  // A request that names nothing reaches this check, whatever the type says.
  const name = (metadata.name as string | undefined) ?? '';
  if (generateName !== '') {
    errors.push(...invalidEach('metadata.generateName', generateName, asPrefix(rules.name)(generateName)));
  }
  if (name === '') errors.push(required('metadata.name', 'name or generateName is required'));
  else errors.push(...invalidEach('metadata.name', name, rules.name(name)));
  if (!rules.isNamespaced) {
    if (namespace !== '') errors.push(forbiddenField('metadata.namespace', 'not allowed on this type'));
  } else if (namespace === '') errors.push(required('metadata.namespace'));
  else errors.push(...invalidEach('metadata.namespace', namespace, dns1123Label(namespace)));
  if ((metadata.generation ?? 0) < 0) {
    errors.push(
      invalidValue('metadata.generation', metadata.generation, 'must be greater than or equal to 0'),
    );
  }
  // Not pushed: there may be more of them than a call can have arguments.
  return [
    ...errors,
    ...(metadata.labels === undefined ? [] : validateLabels(metadata.labels, 'metadata.labels')),
    ...validateAnnotations(metadata.annotations ?? {}, 'metadata.annotations'),
    ...validateOwners(metadata.ownerReferences ?? [], 'metadata.ownerReferences'),
    ...validateFinalizers(metadata.finalizers ?? [], 'metadata.finalizers'),
  ];
}

export function validateLabels(labels: Readonly<Record<string, string>>, path: string): FieldError[] {
  const errors: FieldError[] = [];
  for (const [key, value] of Object.entries(labels)) {
    errors.push(...invalidEach(path, key, qualifiedName(key)));
    errors.push(...invalidEach(path, value, labelValueRule(value)));
  }
  return errors;
}

export function validateAnnotations(
  annotations: Readonly<Record<string, string>>,
  path: string,
): FieldError[] {
  const errors: FieldError[] = [];
  let nBytes = 0;
  for (const [key, value] of Object.entries(annotations)) {
    // Annotation keys may be written in capitals, also in their domain.
    errors.push(...invalidEach(path, key, qualifiedName(key.toLowerCase())));
    nBytes += Buffer.byteLength(key) + Buffer.byteLength(value);
  }
  if (nBytes > maxAnnotationBytes) errors.push(tooLong(path, maxAnnotationBytes));
  return errors;
}

function validateOwner(owner: OwnerReference, path: string): FieldError[] {
  const errors: FieldError[] = [];
  const { version } = parseApiVersion(owner.apiVersion);
  if (version === '') {
    errors.push(invalidValue(`${path}.apiVersion`, owner.apiVersion, 'version must not be empty'));
  }
  for (const field of ['kind', 'name', 'uid'] as const) {
    if (owner[field] === '') errors.push(invalidValue(`${path}.${field}`, '', 'must not be empty'));
  }
  if (owner.apiVersion === 'v1' && owner.kind === 'Event') {
    errors.push(invalidValue(path, owner, '/v1, Kind=Event is disallowed from being an owner'));
  }
  return errors;
}

function validateOwners(owners: readonly OwnerReference[], path: string): FieldError[] {
  const errors = owners.flatMap((owner) => validateOwner(owner, path));
  const [first, ...others] = owners.filter((owner) => owner.controller === true);
  for (const other of others) {
    const names = `${first?.name} and ${other.name}`;
    errors.push(
      invalidValue(
        path,
        owners,
        `Only one reference can have Controller set to true. Found "true" in references for ${names}`,
      ),
    );
  }
  return errors;
}

function validateFinalizers(finalizers: readonly string[], path: string): FieldError[] {
  return finalizers.flatMap((finalizer, i) => {
    const errors = invalidEach(path, finalizer, qualifiedName(finalizer));
    if (!finalizer.includes('/') && !plainFinalizers.has(finalizer)) {
      const detail = 'name is neither a standard finalizer name nor is it fully qualified';
      errors.push(invalidValue(`${path}[${i}]`, finalizer, detail));
    }
    return errors;
  });
}

const immutable = [
  'name',
  'namespace',
  'uid',
  'creationTimestamp',
  'deletionTimestamp',
  'deletionGracePeriodSeconds',
] as const;

/**
 * Checks a change of metadata. Fields a client leaves out (uid, creationTimestamp, deletionTimestamp) must have been
 * copied from `prev` before; labels, annotations, owners and finalizers are checked as for a new object.
 */
export function validateObjectMetaUpdate(
  { prev, next }: { readonly prev: ObjectMeta; readonly next: ObjectMeta },
  rules: ObjectMetaRules,
): FieldError[] {
  const errors = validateObjectMeta(next, rules);
  if (prev.deletionTimestamp !== undefined) {
    const known = new Set(prev.finalizers);
    const added = (next.finalizers ?? []).filter((finalizer) => !known.has(finalizer));
    if (added.length > 0) {
      const shown = `[]string{${added.map((finalizer) => JSON.stringify(finalizer)).join(', ')}}`;
      const why = `no new finalizers can be added if the object is being deleted, found new finalizers ${shown}`;
      errors.push(forbiddenField('metadata.finalizers', why));
    }
  }
  if ((next.generation ?? 0) < (prev.generation ?? 0)) {
    errors.push(invalidValue('metadata.generation', next.generation ?? 0, 'must not be decremented'));
  }
  if ((next.resourceVersion ?? '') === '') {
    errors.push(
      invalidValue('metadata.resourceVersion', next.resourceVersion ?? '', 'must be specified for an update'),
    );
  }
  for (const field of immutable) {
    if (next[field] !== prev[field]) {
      errors.push(invalidValue(`metadata.${field}`, next[field], 'field is immutable'));
    }
  }
  return errors;
}

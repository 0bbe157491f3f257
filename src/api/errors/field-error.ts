/** What is wrong with a field; the words clients see and the reasons they match on (field.ErrorType). */
const kinds = {
  notFound: { text: 'Not found', reason: 'FieldValueNotFound' },
  required: { text: 'Required value', reason: 'FieldValueRequired' },
  duplicate: { text: 'Duplicate value', reason: 'FieldValueDuplicate' },
  invalid: { text: 'Invalid value', reason: 'FieldValueInvalid' },
  notSupported: { text: 'Unsupported value', reason: 'FieldValueNotSupported' },
  forbidden: { text: 'Forbidden', reason: 'FieldValueForbidden' },
  tooLong: { text: 'Too long', reason: 'FieldValueTooLong' },
  tooMany: { text: 'Too many', reason: 'FieldValueTooMany' },
  internal: { text: 'Internal error', reason: 'InternalError' },
} as const;

export type FieldErrorType = keyof typeof kinds;

export interface FieldError {
  readonly type: FieldErrorType;
  /** Such as spec.ports[0].name. */
  readonly path: string;
  readonly badValue?: unknown;
  /** '' when there is nothing to add. */
  readonly detail: string;
}

export const required = (path: string, detail = ''): FieldError => ({ type: 'required', path, detail });
export const invalidValue = (path: string, badValue: unknown, detail: string): FieldError => ({
  type: 'invalid',
  path,
  badValue,
  detail,
});
export const notSupported = (path: string, badValue: unknown, values: readonly string[]): FieldError => ({
  type: 'notSupported',
  path,
  badValue,
  detail:
    values.length === 0 ? '' : `supported values: ${values.map((value) => JSON.stringify(value)).join(', ')}`,
});
export const duplicate = (path: string, badValue: unknown): FieldError => ({
  type: 'duplicate',
  path,
  badValue,
  detail: '',
});
export const forbiddenField = (path: string, detail: string): FieldError => ({
  type: 'forbidden',
  path,
  detail,
});
/** `maxBytes` is the longest allowed length. */
export const tooLong = (path: string, maxBytes: number): FieldError => ({
  type: 'tooLong',
  path,
  detail: `may not be more than ${maxBytes} bytes`,
});
export const tooMany = (path: string, count: number, max: number): FieldError => ({
  type: 'tooMany',
  path,
  badValue: count,
  detail: `must have at most ${max} ${max === 1 ? 'item' : 'items'}`,
});
export const fieldNotFound = (path: string, badValue: unknown): FieldError => ({
  type: 'notFound',
  path,
  badValue,
  detail: '',
});

/** The reason a client finds in Status.details.causes. */
export const causeReason = (error: FieldError): string => kinds[error.type].reason;

const withoutValue: ReadonlySet<FieldErrorType> = new Set(['required', 'forbidden', 'tooLong', 'internal']);

/** The text after the path: `Invalid value: "x": must be …`. */
export function errorBody(error: FieldError): string {
  let text: string = kinds[error.type].text;
  if (!withoutValue.has(error.type)) text += `: ${JSON.stringify(error.badValue ?? null)}`;
  return error.detail === '' ? text : `${text}: ${error.detail}`;
}

/** `spec.ports: Required value`; several errors are joined as `[a, b]`, each distinct text once. */
export function formatFieldErrors(errors: readonly FieldError[]): string {
  const texts = [...new Set(errors.map((error) => `${error.path}: ${errorBody(error)}`))];
  const [only] = texts;
  return texts.length === 1 && only !== undefined ? only : `[${texts.join(', ')}]`;
}

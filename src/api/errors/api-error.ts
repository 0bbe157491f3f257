import { messageOf } from '../../base/thrown.ts';
import { type Kind, groupKindOf, groupResourceOf } from '../kind.ts';
import type { Status, StatusDetails } from '../meta/v1/status.ts';
import { type FieldError, causeReason, errorBody, formatFieldErrors } from './field-error.ts';
import { type Reason, codeOfReason, reasonOfCode } from './reasons.ts';

/** The resource an error speaks of. */
export type ResourceName = Pick<Kind, 'group' | 'kind' | 'plural'>;

/** A failure that a client sees as a Status object; its message is the Status' message. */
export class ApiError extends Error {
  override readonly name = 'ApiError';
  readonly status: Status;

  constructor(status: Status, options?: ErrorOptions) {
    super(status.message ?? status.reason ?? 'unknown error', options);
    this.status = status;
  }

  /** The HTTP status code. */
  get code(): number {
    return this.status.code ?? 500;
  }

  get reason(): string {
    return this.status.reason ?? '';
  }
}

interface FailureOptions {
  readonly details?: StatusDetails;
  readonly cause?: unknown;
}

function failure(reason: Reason, message: string, options: FailureOptions = {}): ApiError {
  const status: Status = {
    apiVersion: 'v1',
    kind: 'Status',
    metadata: {},
    status: 'Failure',
    message,
    reason,
    ...(options.details === undefined ? {} : { details: options.details }),
    code: codeOfReason[reason],
  };
  return new ApiError(status, options.cause === undefined ? undefined : { cause: options.cause });
}

const ofResource = (resource: ResourceName, name: string): StatusDetails => ({
  ...(name === '' ? {} : { name }),
  ...(resource.group === '' ? {} : { group: resource.group }),
  kind: resource.plural,
});

export const notFound = (kind: ResourceName, name: string): ApiError =>
  failure('NotFound', `${groupResourceOf(kind)} ${JSON.stringify(name)} not found`, {
    details: ofResource(kind, name),
  });

/** The answer to a path that is no resource at all. */
export const pageNotFound = (): ApiError =>
  failure('NotFound', 'the server could not find the requested resource', { details: {} });

export const alreadyExists = (kind: ResourceName, name: string): ApiError =>
  failure('AlreadyExists', `${groupResourceOf(kind)} ${JSON.stringify(name)} already exists`, {
    details: ofResource(kind, name),
  });

const staleWrite =
  'the object has been modified; please apply your changes to the latest version and try again';

export const conflict = (kind: ResourceName, name: string, why = staleWrite): ApiError =>
  failure(
    'Conflict',
    `Operation cannot be fulfilled on ${groupResourceOf(kind)} ${JSON.stringify(name)}: ${why}`,
    { details: ofResource(kind, name) },
  );

/** Nobody reads more; an object of a million faults must not be answered with a book. */
const MAX_FIELD_ERRORS = 1000;

/** 422 with one cause per field error, of the first thousand. */
export function invalid(kind: ResourceName, name: string, all: readonly FieldError[]): ApiError {
  const errors = all.length > MAX_FIELD_ERRORS ? all.slice(0, MAX_FIELD_ERRORS) : all;
  const prefix = `${groupKindOf(kind)} ${JSON.stringify(name)} is invalid`;
  const causes = errors.map((error) => ({
    reason: causeReason(error),
    message: errorBody(error),
    field: error.path,
  }));
  return failure('Invalid', errors.length === 0 ? prefix : `${prefix}: ${formatFieldErrors(errors)}`, {
    details: { ...ofResource(kind, name), kind: kind.kind, causes },
  });
}

export const badRequest = (message: string, cause?: unknown): ApiError =>
  failure('BadRequest', message, { cause });

/** `name` is '' when no single object was asked for. */
export const forbidden = (kind: ResourceName, name: string, why: string): ApiError =>
  failure(
    'Forbidden',
    `${groupResourceOf(kind)}${name === '' ? '' : ` ${JSON.stringify(name)}`} is forbidden: ${why}`,
    { details: ofResource(kind, name) },
  );

/** 403 for a path that is no resource. */
export const forbiddenPath = (why: string): ApiError =>
  failure('Forbidden', `forbidden: ${why}`, { details: {} });

export const unauthorized = (message = 'Unauthorized'): ApiError => failure('Unauthorized', message);

/** The state asked for is gone and will not come back. */
export const gone = (message: string): ApiError => failure('Gone', message);

/** The revision or continue token is older than what the server keeps; list again. */
export const expired = (message: string): ApiError => failure('Expired', message);

export const tooManyRequests = (message: string, retryAfterSeconds: number): ApiError =>
  failure('TooManyRequests', message, { details: { retryAfterSeconds } });

export const serverTimeout = (kind: ResourceName, operation: string, retryAfterSeconds = 0): ApiError =>
  failure(
    'ServerTimeout',
    `The ${operation} operation against ${groupResourceOf(kind)} could not be completed at this time, please try again.`,
    { details: { ...ofResource(kind, ''), retryAfterSeconds } },
  );

export const timeout = (message: string): ApiError => failure('Timeout', `Timeout: ${message}`);

export const serviceUnavailable = (message: string): ApiError => failure('ServiceUnavailable', message);

export function internal(cause: unknown): ApiError {
  const message = messageOf(cause);
  return failure('InternalError', `Internal error occurred: ${message}`, {
    details: { causes: [{ message }] },
    cause,
  });
}

export const methodNotSupported = (kind: ResourceName, verb: string): ApiError =>
  failure(
    'MethodNotAllowed',
    `${verb} is not supported on resources of kind ${JSON.stringify(groupResourceOf(kind))}`,
    {
      details: ofResource(kind, ''),
    },
  );

export const unsupportedMediaType = (accepted: readonly string[]): ApiError =>
  failure(
    'UnsupportedMediaType',
    `the body of the request was in an unknown format - accepted media types include: ${accepted.join(', ')}`,
  );

export const notAcceptable = (accepted: readonly string[]): ApiError =>
  failure('NotAcceptable', `only the following media types are accepted: ${accepted.join(', ')}`);

export const requestEntityTooLarge = (limitBytes: number): ApiError =>
  failure('RequestEntityTooLarge', `Request entity too large: limit is ${limitBytes}`);

/** The error for a server's answer: its Status when the body is one, otherwise one made from the HTTP code. */
export function errorFromResponse(code: number, body: unknown): ApiError {
  if (typeof body === 'object' && body !== null && 'kind' in body && body.kind === 'Status') {
    const status = body as Status;
    return new ApiError({ ...status, code: status.code ?? code });
  }
  const reason = reasonOfCode(code);
  const text = typeof body === 'string' && body.trim() !== '' ? body.trim() : reason;
  return new ApiError({ ...failure(reason, text).status, code });
}

const has =
  (reason: Reason) =>
  (error: unknown): error is ApiError =>
    error instanceof ApiError && error.reason === reason;

export const isNotFound = has('NotFound');
export const isAlreadyExists = has('AlreadyExists');
export const isConflict = has('Conflict');
export const isInvalid = has('Invalid');
export const isBadRequest = has('BadRequest');
export const isForbidden = has('Forbidden');
export const isUnauthorized = has('Unauthorized');
export const isTooManyRequests = has('TooManyRequests');
export const isServerTimeout = has('ServerTimeout');
export const isServiceUnavailable = has('ServiceUnavailable');
export const isMethodNotSupported = has('MethodNotAllowed');

/** A list or watch must begin anew: the server no longer has the revision. */
export const isExpired = (error: unknown): error is ApiError =>
  error instanceof ApiError && error.code === codeOfReason.Expired;

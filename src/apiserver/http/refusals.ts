import { ApiError, internal, invalid, timeout } from '../../api/errors/api-error.ts';
import type { FieldError } from '../../api/errors/field-error.ts';
import type { Status } from '../../api/meta/v1/status.ts';
import { StoreError } from '../../storage/store.ts';

/** 405; the text is upstream's. */
export const wrongMethod = (): ApiError =>
  new ApiError({
    apiVersion: 'v1',
    kind: 'Status',
    metadata: {},
    status: 'Failure',
    message: 'the server does not allow this method on the requested resource',
    reason: 'MethodNotAllowed',
    details: {},
    code: 405,
  });

/** 406 for a shape that does not fit what was asked for. */
export const shapeNotAcceptable = (message: string): ApiError =>
  new ApiError({
    apiVersion: 'v1',
    kind: 'Status',
    metadata: {},
    status: 'Failure',
    message,
    reason: 'NotAcceptable',
    code: 406,
  });

/** 422 for options in the query or in a DeleteOptions body; `kind` is theirs, such as ListOptions. */
export const invalidOptions = (kind: string, ...errors: readonly FieldError[]): ApiError =>
  invalid({ group: 'meta.k8s.io', kind, plural: '' }, '', errors);

/** What a client is told of an error: its own Status, or that of an internal error. */
export function statusOf(error: unknown): Status {
  if (error instanceof ApiError) return error.status;
  return error instanceof StoreError ? storeStatus(error) : internal(error).status;
}

/** Only after a 504 may the request have been carried out. */
function storeStatus({ trouble, message }: StoreError): Status {
  const failed = { apiVersion: 'v1', kind: 'Status', metadata: {}, status: 'Failure', message };
  switch (trouble) {
    case 'full':
      return { ...failed, reason: 'InsufficientStorage', details: {}, code: 507 };
    case 'too-large':
      return { ...failed, reason: 'RequestEntityTooLarge', details: {}, code: 413 };
    case 'unavailable':
      return { ...failed, reason: 'ServiceUnavailable', details: { retryAfterSeconds: 1 }, code: 503 };
    case 'unknown-outcome':
      return timeout(message).status;
  }
}

import { ApiError, internal, invalid } from '../../api/errors/api-error.ts';
import type { FieldError } from '../../api/errors/field-error.ts';
import type { Status } from '../../api/meta/v1/status.ts';

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
export const invalidOptions = (kind: string, error: FieldError): ApiError =>
  invalid({ group: 'meta.k8s.io', kind, plural: '' }, '', [error]);

/** What a client is told of an error: its own Status, or that of an internal error. */
export const statusOf = (error: unknown): Status =>
  error instanceof ApiError ? error.status : internal(error).status;

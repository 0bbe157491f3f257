import { ApiError, isConflict, isNotFound } from '../api/errors/api-error.ts';

/** Nothing can be made in a namespace that is going, and nothing needs to be. */
export const isNamespaceTerminating = (error: unknown): boolean =>
  error instanceof ApiError &&
  (error.status.details?.causes?.some(({ reason }) => reason === 'NamespaceTerminating') ?? false);

/** Someone else wrote first or the object is gone; the informer is about to say so. */
export const isOvertaken = (error: unknown): boolean => isConflict(error) || isNotFound(error);

import { ApiError, badRequest, expired } from '../../../api/errors/api-error.ts';
import { isJsonObject } from '../../../base/json.ts';

/** Where a list goes on: after `key`, as of `revision` (undefined: as things are now, after the revision was lost). */
export interface PageToken {
  readonly revision: number | undefined;
  readonly key: string;
}

const VERSION = 'meta.k8s.io/v1';

/** Opaque to clients; the form is upstream's. */
export function formatPageToken({ revision, key }: PageToken): string {
  const token = { v: VERSION, rv: revision ?? -1, start: `${key}\0` };
  return Buffer.from(JSON.stringify(token)).toString('base64url');
}

const invalidToken = (why: string, cause?: unknown): ApiError =>
  badRequest(`invalid continue token: continue key is not valid: ${why}`, cause);

/** Throws BadRequest in upstream's words (apiserver/pkg/storage/continue.go). */
export function parsePageToken(text: string): PageToken {
  let token: unknown;
  try {
    token = JSON.parse(Buffer.from(text, 'base64url').toString());
  } catch (error) {
    throw invalidToken('it does not decode', error);
  }
  if (!isJsonObject(token)) throw invalidToken('it is no object');
  const { v, rv, start } = token;
  if (v !== VERSION) {
    throw invalidToken(`server does not recognize this encoded version ${JSON.stringify(v ?? '')}`);
  }
  if (typeof rv !== 'number' || !Number.isInteger(rv) || rv < -1 || rv === 0) {
    throw invalidToken(`incorrect encoded start resourceVersion (version ${VERSION})`);
  }
  if (typeof start !== 'string' || start === '') {
    throw invalidToken(`encoded start key empty (version ${VERSION})`);
  }
  const key = start.replace(/\0$/, '');
  // A path that leads elsewhere was not made here.
  if (key.split('/').some((part, i) => part === '..' || part === '.' || (part === '' && i > 0))) {
    throw invalidToken(start);
  }
  return { revision: rv < 0 ? undefined : rv, key };
}

const LOST =
  'The provided continue parameter is too old to display a consistent list result. You can start a new list without ' +
  'the continue parameter, or use the continue token in this response to retrieve the remainder of the results. ' +
  'Continuing with the provided token results in an inconsistent list - objects that were created, modified, or ' +
  'deleted between the time the first chunk was returned and now may show up in the list.';

/** 410 with a token that goes on from the same place in the present. */
export function expiredPage(token: PageToken): ApiError {
  const { status } = expired(LOST);
  const next = formatPageToken({ revision: undefined, key: token.key });
  return new ApiError({ ...status, metadata: { ...status.metadata, continue: next } });
}

import type { RequestUser } from '../rest/rest.ts';

/** Lower-case names. */
export type RequestHeaders = Readonly<Record<string, string | undefined>>;

/** A request as it reaches the server, from a socket or from inside the process. */
export interface HttpRequest {
  readonly method: string;
  /** Path and query, percent-encoded. */
  readonly path: string;
  readonly headers: RequestHeaders;
  /** The body as it arrives; absent when there is none. It may be left unread. */
  readonly body?: AsyncIterable<Uint8Array> | Uint8Array | string;
  /** Set by callers of the same process and by client certificates; a bearer token wins over it. */
  readonly user?: RequestUser;
  /** True when a client certificate was shown that the authority did not sign. */
  readonly hasBadCertificate?: boolean;
  /** Aborted when the client has gone. */
  readonly signal: AbortSignal;
}

export type ResponseHeaders = Readonly<Record<string, string | readonly string[]>>;

/** Text is UTF-8. Iterables are read once, with back-pressure; those that are async stream (a watch, a log). */
export type ResponseBody =
  string | Uint8Array | readonly (string | Uint8Array)[] | AsyncIterable<string | Uint8Array>;

export interface HttpResponse {
  readonly status: number;
  /** Lower-case names. */
  readonly headers: ResponseHeaders;
  readonly body: ResponseBody;
}

export const isStream = (body: ResponseBody): body is AsyncIterable<string | Uint8Array> =>
  typeof body === 'object' && Symbol.asyncIterator in body;

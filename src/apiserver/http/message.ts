import type { Duplex } from 'node:stream';
import type { RequestUser } from '../rest/rest.ts';

/** Lower-case names. */
export type RequestHeaders = Readonly<Record<string, string | undefined>>;

/** A body that arrives. It is read once. */
export interface RequestBody extends AsyncIterable<Uint8Array> {
  /** All of it; undefined when it has more than `limit` bytes. Rejects when it ends early, with LateBody when it takes too long. */
  whole?(limit: number): Promise<Uint8Array | undefined>;
}

/** How long a body may take that is read as a whole, in ms: who waits for it holds a seat (upstream's --request-timeout). */
export const BODY_MS = 60_000;

/** The body has not come within BODY_MS. */
export class LateBody extends Error {}

/** A request as it reaches the server, from a socket or from inside the process. */
export interface HttpRequest {
  readonly method: string;
  /** Path and query, percent-encoded. */
  readonly path: string;
  readonly headers: RequestHeaders;
  /** The body as it arrives; absent when there is none. It may be left unread. */
  readonly body?: RequestBody | Uint8Array | string;
  /** Set by callers of the same process and by client certificates; a bearer token wins over it. */
  readonly user?: RequestUser;
  /** True when a client certificate was shown that the authority did not sign. */
  readonly hasBadCertificate?: boolean;
  /** The client's address; absent for callers of the same process. */
  readonly remoteAddress?: string;
  /** True when the client would go on in another protocol (WebSocket, SPDY), and the answer may take its connection over. */
  readonly isUpgrade?: boolean;
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
  /** Only for a request that is an upgrade: gets the connection, and writes everything itself, the status line too. */
  readonly takeOver?: TakeOver;
}

/** `head` came behind the request already. */
export type TakeOver = (client: Duplex, head: Buffer) => void;

export const isStream = (body: ResponseBody): body is AsyncIterable<string | Uint8Array> =>
  typeof body === 'object' && Symbol.asyncIterator in body;

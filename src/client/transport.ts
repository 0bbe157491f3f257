export type HttpMethod = 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';

export interface TransportRequest {
  readonly method: HttpMethod;
  /** Absolute path with query, already percent-encoded. */
  readonly path: string;
  /** Lower-case names. */
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Uint8Array;
  /** Aborting rejects a pending request and ends a body being read. */
  readonly signal?: AbortSignal;
}

export interface TransportResponse {
  readonly status: number;
  /** Lower-case names. */
  readonly headers: Readonly<Record<string, string>>;
  /** The body as it arrives; it may be read once. A watch is read this way. */
  readonly body: AsyncIterable<Uint8Array>;
}

/**
 * Carries requests to one API server: over TLS, or straight into a server of the same process.
 * Rejects with an Error when the server cannot be reached; an HTTP error is a response.
 */
export interface Transport {
  request(request: TransportRequest): Promise<TransportResponse>;
  /** Ends idle and running connections. */
  close(): void;
}

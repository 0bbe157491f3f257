import type { TransportRequest, TransportResponse } from './transport.ts';

/** One way to the server, over HTTP/2 or HTTP/1.1. */
export interface Connection {
  /** Rejects with NotSentError when the request certainly never reached the server. */
  request(request: TransportRequest): Promise<TransportResponse>;
  /** False once no new request may be given to it. */
  isUsable(): boolean;
  /** Takes no new request; what is under way ends by itself. */
  retire(): void;
  close(): void;
}

/** The request did not leave this process, so sending it again is safe whatever its method. */
export class NotSentError extends Error {
  override readonly name = 'NotSentError';
}

/** Header values as single strings; pseudo headers are left out. */
export function plainHeaders(
  headers: Readonly<Record<string, string | readonly string[] | number | undefined>>,
): Record<string, string> {
  const plain: Record<string, string> = {};
  for (const [name, value] of Object.entries(headers)) {
    if (value === undefined || name.startsWith(':')) continue;
    plain[name] = typeof value === 'string' || typeof value === 'number' ? String(value) : value.join(', ');
  }
  return plain;
}

/** The chunks of a body; ends quietly when `signal` aborts, throws when the connection broke before the end. */
export async function* readBody(
  stream: AsyncIterable<Uint8Array>,
  signal: AbortSignal | undefined,
  isBroken: () => boolean,
): AsyncGenerator<Uint8Array> {
  try {
    for await (const chunk of stream) yield chunk;
  } catch (cause) {
    if (signal?.aborted) return;
    throw new Error('the connection broke while the answer was read', { cause });
  }
  if (!signal?.aborted && isBroken()) throw new Error('the connection broke while the answer was read');
}

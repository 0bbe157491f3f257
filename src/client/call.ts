import { ApiError, errorFromResponse } from '../api/errors/api-error.ts';
import { readText } from './json-frames.ts';
import type { Transport, TransportRequest, TransportResponse } from './transport.ts';

/**
 * Sends one request and gives the JSON of its answer. Throws ApiError for an HTTP error and a plain Error when the
 * server cannot be reached, the answer is not JSON, or `signal` aborted.
 */
export async function call(transport: Transport, request: TransportRequest): Promise<unknown> {
  const response = await transport.request(request);
  if (response.status >= 400) throw await errorOf(response);
  const text = await readText(response.body);
  if (request.signal?.aborted) {
    throw new Error(`${request.method} ${request.path}: given up before the answer was complete`);
  }
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new Error(`${request.method} ${request.path}: the answer is not JSON`, { cause });
  }
}

/** The ApiError an HTTP error stands for; one is made up when the body holds no Status. */
export async function errorOf(response: TransportResponse): Promise<ApiError> {
  let body: unknown = '';
  try {
    body = await readText(response.body);
    body = JSON.parse(String(body));
  } catch {
    // A proxy's page or a broken body: what there is of its text must do.
  }
  const error = errorFromResponse(response.status, body);
  const seconds = Number(response.headers['retry-after']);
  if (!(seconds > 0) || error.status.details?.retryAfterSeconds !== undefined) return error;
  // The header is the transport's, but callers look at the Status.
  return new ApiError({
    ...error.status,
    details: { ...error.status.details, retryAfterSeconds: seconds },
  });
}

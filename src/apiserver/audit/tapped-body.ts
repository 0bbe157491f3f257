import { BODY_LIMIT } from '../http/body.ts';
import type { HttpRequest, RequestBody } from '../http/message.ts';

/**
 * The request, whose body is kept while it is read. A document that is too large is never read to its end, but what goes
 * through to a Pod may have any length: of more than BODY_LIMIT nothing is kept.
 */
export function tapped(request: HttpRequest, kept: Uint8Array[]): HttpRequest {
  const { body } = request;
  if (body === undefined) return request;
  if (typeof body === 'string' || body instanceof Uint8Array) {
    kept.push(typeof body === 'string' ? Buffer.from(body) : body);
    return request;
  }
  return { ...request, body: tappedBody(body, kept) };
}

function tappedBody(body: RequestBody, kept: Uint8Array[]): RequestBody {
  let size = 0;
  const keep = (chunk: Uint8Array): void => {
    size += chunk.length;
    if (size <= BODY_LIMIT) kept.push(chunk);
    else kept.length = 0;
  };
  return {
    async *[Symbol.asyncIterator]() {
      for await (const chunk of body) {
        keep(chunk);
        yield chunk;
      }
    },
    ...(body.whole === undefined
      ? {}
      : {
          whole: async (limit) => {
            const all = await body.whole?.(limit);
            if (all !== undefined) keep(all);
            return all;
          },
        }),
  };
}

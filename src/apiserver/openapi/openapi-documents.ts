import type { HttpResponse, RequestHeaders } from '../http/message.ts';
import type { Served } from '../discovery/discovery.ts';

export type OpenApiDocuments = (
  path: string,
  query: URLSearchParams,
  headers: RequestHeaders,
) => Promise<HttpResponse | undefined>;

export function createOpenApiDocuments(_served: readonly Served[]): OpenApiDocuments {
  return async () => undefined;
}

import type { Clock } from '../../base/clock.ts';
import type { Logger } from '../../base/logger.ts';
import { ApiError, badRequest, pageNotFound, unauthorized } from '../../api/errors/api-error.ts';
import { apiVersionOf, type KubeObject } from '../../api/kind.ts';
import { hostPort } from '../../net/host-port.ts';
import { anonymous, hasCredentials } from '../authentication/authenticate.ts';
import { StoreError } from '../../storage/store.ts';
import type { Authenticator } from '../authentication/authenticate.ts';
import {
  type Attributes,
  attributesOf,
  type Authorizer,
  forbiddenError,
} from '../authorization/authorize.ts';
import type { ApiServerConfig } from '../config.ts';
import type { FlowControl } from '../flow/flow-control.ts';
import { createDocuments } from '../discovery/documents.ts';
import { healthResponse } from '../discovery/health.ts';
import type { HealthChecks } from '../discovery/health.ts';
import { createOpenApiDocuments } from '../openapi/openapi-documents.ts';
import { parseRequestInfo } from '../request-info.ts';
import type { OtherRequest } from '../request-info.ts';
import type { RequestUser, Resource } from '../rest/rest.ts';
import { defaultAccepted, negotiate } from './accept.ts';
import { createDispatch, withWarningsOf } from './dispatch.ts';
import type { HttpRequest, HttpResponse } from './message.ts';
import type { Observation, Observe } from './observation.ts';
import { statusOf, wrongMethod } from './refusals.ts';
import { compressed, jsonResponse, wantsPretty } from './respond.ts';
import type { Streams } from './streams.ts';
import { subresourcesOf } from './subresources.ts';
import type { Connectors } from './subresources.ts';

export interface HandlerOptions {
  readonly config: Pick<ApiServerConfig, 'advertise' | 'anonymous'>;
  readonly resources: readonly Resource<KubeObject>[];
  readonly health: HealthChecks;
  /** GET /metrics. */
  readonly metrics: () => Promise<HttpResponse>;
  /** Looks on at every request. */
  readonly observe?: Observe | undefined;
  readonly authenticate: Authenticator;
  readonly authorizer: Authorizer;
  readonly flow: FlowControl;
  /** Documents by which others verify the server's tokens. */
  readonly tokenDocument?: (path: string) => HttpResponse | undefined;
  readonly streams: Streams;
  readonly connectors?: Connectors;
  /** Waits until objects can be asked for; undefined once they can. Rejects with 503 when that takes too long. */
  readonly untilServing?: () => Promise<void> | undefined;
  readonly clock: Clock;
  readonly logger: Logger;
}

const noQuery = new URLSearchParams();
/** What may be read without showing who asks. */
const open: ReadonlySet<string> = new Set(['healthz', 'livez', 'readyz', 'version']);

/** The whole chain from a request to its answer, apart from sockets: who, what, may they, do it, write it. Never rejects. */
export function createHandler(options: HandlerOptions): (request: HttpRequest) => Promise<HttpResponse> {
  const { resources, clock, logger } = options;
  const dispatch = createDispatch(resources, options);
  const describe = createDescriber(options);
  const served = new Set(resources.map(({ kind }) => apiVersionOf(kind)));
  const now = (): number => clock.now();
  const answer = async (given: HttpRequest, seen: Observation | undefined): Promise<HttpResponse> => {
    let request = given;
    const { method, path, query } = splitPath(request);
    const info = parseRequestInfo(method, path, query);
    if (info === undefined) throw badRequest(`the path ${JSON.stringify(path)} is not percent-encoded text`);
    seen?.asked?.(info, query);
    const found = options.authenticate(request);
    const known = found instanceof Promise ? await found : found;
    let user = known ?? nobody(request, info, options.config.anonymous);
    const looked = seen?.identified?.(user, request);
    if (looked !== undefined) request = await looked;
    if (wantsImpersonation(request.headers)) {
      user = await impersonate(user, request, options.authorizer);
      seen?.impersonated?.(user);
    }
    const attributes = attributesOf(user, { method: request.method, info, query });
    const entered = options.flow.enter(attributes);
    const release = entered instanceof Promise ? await entered : entered;
    try {
      const asked = options.authorizer(attributes);
      const decision = asked instanceof Promise ? await asked : asked;
      if (!decision.isAllowed) throw forbiddenError(attributes, decision.reason);
      if (!info.isResource) return await describe({ method, info, query, request });
      // A group that is not served has no resources, at most documents that say so.
      if (!served.has(apiVersionOf(info))) {
        return await describe({ method, info: { isResource: false, path }, query, request });
      }
      const starting = options.untilServing?.();
      if (starting !== undefined) await starting;
      const mayCreate = (): Promise<void> => permit(options.authorizer, { ...attributes, verb: 'create' });
      return await dispatch({ info, request, query, user, now, mayCreate });
    } finally {
      release();
    }
  };
  return async (request) => {
    const seen = options.observe?.(request);
    try {
      const response = withCommonHeaders(await answer(request, seen));
      const told = seen?.answered(response, false) ?? response;
      const sent = compressed(told instanceof Promise ? await told : told, request.headers);
      return sent instanceof Promise ? await sent : sent;
    } catch (error) {
      const response = withWarningsOf(error, await failureResponse(request, error, logger));
      return (await seen?.answered(response, !(error instanceof ApiError))) ?? response;
    }
  };
}

/** Rejects with 403. */
async function permit(authorizer: Authorizer, attributes: Attributes): Promise<void> {
  const decision = await authorizer(attributes);
  if (!decision.isAllowed) throw forbiddenError(attributes, decision.reason);
}

/** A HEAD is a GET whose body is not sent. */
function splitPath({ method, path }: HttpRequest) {
  const mark = path.indexOf('?');
  const query = mark < 0 ? noQuery : new URLSearchParams(path.slice(mark + 1));
  return { method: method === 'HEAD' ? 'GET' : method, path: mark < 0 ? path : path.slice(0, mark), query };
}

/** Whom a user is to be taken for. Throws 403 for who may not be taken for another. */
async function impersonate(
  user: RequestUser,
  { headers }: HttpRequest,
  authorizer: Authorizer,
): Promise<RequestUser> {
  const { impersonatedUser } = await import('../authentication/impersonation.ts');
  return impersonatedUser(user, headers, authorizer);
}

/** Upstream lets the authorizer decide about nobody; `health` lets nobody see more than that the server is well. */
function nobody(
  request: HttpRequest,
  info: { readonly isResource: boolean; readonly path?: string },
  mode: ApiServerConfig['anonymous'],
): RequestUser {
  if (hasCredentials(request) || mode === 'none') throw unauthorized();
  if (mode === 'all') return anonymous;
  const [, first = ''] = info.path?.split('/') ?? [];
  const isOpen =
    !info.isResource && (request.method === 'GET' || request.method === 'HEAD') && open.has(first);
  if (!isOpen) throw unauthorized();
  return anonymous;
}

function wantsImpersonation(headers: HttpRequest['headers']): boolean {
  for (const name in headers) if (name.startsWith('impersonate-')) return true;
  return false;
}

interface Other {
  readonly method: string;
  readonly info: OtherRequest;
  readonly query: URLSearchParams;
  readonly request: HttpRequest;
}

/** Everything that is no resource: health, discovery, OpenAPI. Throws 404 and 405. */
function createDescriber(options: HandlerOptions) {
  const { config, resources, health, metrics } = options;
  const served = resources.map((resource) => ({ resource, subresources: subresourcesOf(resource, options) }));
  const { address, port } = config.advertise;
  const documents = createDocuments({ served, address: hostPort(address, port) });
  const openApi = createOpenApiDocuments(served, options.clock);
  return async ({ method, info, query, request }: Other): Promise<HttpResponse> => {
    const { path } = info;
    const found =
      (await healthResponse(path, query, health)) ??
      (await documents({ path, query, headers: request.headers })) ??
      options.tokenDocument?.(path) ??
      (await openApi({ path, query, headers: request.headers })) ??
      (path === '/metrics' ? await metrics() : undefined) ??
      (path === '/' ? await rootPaths(resources) : undefined);
    if (found === undefined) throw pageNotFound();
    if (method !== 'GET') throw wrongMethod();
    return found;
  };
}

/** GET / lists where to go from here. */
function rootPaths(resources: readonly Resource<KubeObject>[]): Promise<HttpResponse> {
  const groups = resources.map(({ kind }) =>
    kind.group === '' ? `/api/${kind.version}` : `/apis/${kind.group}/${kind.version}`,
  );
  const paths = [
    '/api',
    '/apis',
    ...groups,
    '/healthz',
    '/livez',
    '/metrics',
    '/openapi/v2',
    '/openapi/v3',
    '/readyz',
    '/version',
  ];
  const json = JSON.stringify({ paths: [...new Set(paths)].sort() });
  return jsonResponse(200, json, { accepted: defaultAccepted, isPretty: true });
}

const withCommonHeaders = (response: HttpResponse): HttpResponse => ({
  ...response,
  headers: { 'cache-control': 'no-cache, private', ...response.headers },
});

/** Every error is a Status; one that nobody meant is logged, since the client can do nothing about it. */
async function failureResponse(request: HttpRequest, error: unknown, logger: Logger): Promise<HttpResponse> {
  const status = statusOf(error);
  const code = status.code ?? 500;
  if ((code === 500 || error instanceof StoreError) && !request.signal.aborted) {
    logger.error('request failed', { method: request.method, path: request.path, err: error });
  }
  const isPretty = wantsPretty(noQuery, request.headers);
  // Who takes nothing that we have must still hear why.
  const accepted = negotiate(request.headers.accept, { hasShapes: false }) ?? defaultAccepted;
  const response = await jsonResponse(code, JSON.stringify(status), { accepted, isPretty });
  const headers: Record<string, string | readonly string[]> = { ...response.headers };
  const seconds = status.details?.retryAfterSeconds ?? 0;
  if (seconds > 0) headers['retry-after'] = String(seconds);
  if (code === 401) headers['www-authenticate'] = 'Bearer realm="kubernetes"';
  return withCommonHeaders({ ...response, headers });
}

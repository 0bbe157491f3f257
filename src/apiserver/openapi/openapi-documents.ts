import { notAcceptable } from '../../api/errors/api-error.ts';
import type { Kind } from '../../api/kind.ts';
import type { ServedKind } from '../../api/openapi/operations.ts';
import { documentResponse, makeDocument } from '../discovery/documents.ts';
import type { Served as ServedResource } from '../discovery/discovery.ts';
import type { CachedDocument } from '../discovery/documents.ts';
import { negotiate, parseAccept } from '../http/accept.ts';
import type { HttpResponse, RequestHeaders } from '../http/message.ts';

export interface OpenApiRequest {
  readonly path: string;
  readonly query: URLSearchParams;
  readonly headers: RequestHeaders;
}

/** Answers GET under /openapi; undefined for a path that is none of it. Throws 406 for a client that takes neither JSON nor, of v2, protobuf. */
export type OpenApiDocuments = (request: OpenApiRequest) => Promise<HttpResponse | undefined>;

type Served = (kind: Kind) => ServedKind | undefined;

function servedAs(served: ServedResource | undefined): ServedKind | undefined {
  if (served === undefined) return undefined;
  const subresources = served.subresources.map(({ name, verbs, responseKind }) => ({
    name,
    verbs: Object.keys(verbs),
    responseKind,
  }));
  return { verbs: served.resource.verbs, subresources };
}

const JSON_TYPE = 'application/json';
/** What kubectl asks for, and how upstream names the answer. */
const V2_PROTOBUF_ACCEPT = 'application/com.github.proto-openapi.spec.v2@v1.0+protobuf';
const V2_PROTOBUF_TYPE = 'application/com.github.proto-openapi.spec.v2.v1.0+protobuf';
const IMMUTABLE = 'public, immutable, max-age=31536000';
const V3 = '/openapi/v3';

/** What explains the kinds to kubectl. Made when first asked for, and kept: the kinds do not change while it runs. */
export function createOpenApiDocuments(resources: readonly ServedResource[]): OpenApiDocuments {
  const kinds = resources.map(({ resource }) => resource.kind);
  const served: Served = (kind) => servedAs(resources.find(({ resource }) => resource.kind === kind));
  let made: Promise<ReadonlyMap<string, CachedDocument>> | undefined;
  let old: Promise<CachedDocument> | undefined;
  let oldProtobuf: Promise<CachedDocument> | undefined;
  return async ({ path, query, headers }) => {
    if (path !== '/openapi/v2' && path !== V3 && !path.startsWith(`${V3}/`)) return undefined;
    if (path === '/openapi/v2' && parseAccept(headers.accept)[0]?.type === V2_PROTOBUF_ACCEPT) {
      return documentResponse(await (oldProtobuf ??= renderV2Protobuf(kinds, served)), headers);
    }
    if (negotiate(headers.accept, { hasShapes: false })?.encoding !== 'json') {
      throw notAcceptable([JSON_TYPE]);
    }
    if (path === '/openapi/v2') return documentResponse(await (old ??= renderV2(kinds, served)), headers);
    const document = (await (made ??= renderV3(kinds, served))).get(path);
    if (document === undefined) return undefined;
    const response = documentResponse(document, headers);
    // The index names each document with its hash, so one asked for by that name never changes.
    const isNamed = query.get('hash') === hashOf(document);
    if (!isNamed) return response;
    return { ...response, headers: { ...response.headers, 'cache-control': IMMUTABLE } };
  };
}

const hashOf = ({ etag }: CachedDocument): string => etag.replaceAll('"', '');

async function renderV2(kinds: readonly Kind[], served: Served): Promise<CachedDocument> {
  const { openApiV2 } = await import('../../api/openapi/v2.ts');
  return makeDocument(JSON_TYPE, openApiV2(kinds, served));
}

async function renderV2Protobuf(kinds: readonly Kind[], served: Served): Promise<CachedDocument> {
  const [{ openApiV2 }, { encodeOpenApiV2 }] = await Promise.all([
    import('../../api/openapi/v2.ts'),
    import('../../api/openapi/v2-protobuf.ts'),
  ]);
  return makeDocument(V2_PROTOBUF_TYPE, encodeOpenApiV2(openApiV2(kinds, served)));
}

/** The index and every document, by path. */
async function renderV3(
  kinds: readonly Kind[],
  served: Served | undefined,
): Promise<ReadonlyMap<string, CachedDocument>> {
  const { openApiV3, openApiV3Index, openApiV3Path } = await import('../../api/openapi/v3.ts');
  const documents = new Map<string, CachedDocument>();
  for (const kind of kinds) {
    const path = `${V3}/${openApiV3Path(kind)}`;
    if (!documents.has(path)) documents.set(path, makeDocument(JSON_TYPE, openApiV3(kind, kinds, served)));
  }
  const hashAt = (place: string): string => {
    const document = documents.get(`${V3}/${place}`);
    return document === undefined ? '' : hashOf(document);
  };
  documents.set(V3, makeDocument(JSON_TYPE, openApiV3Index(kinds, hashAt)));
  return documents;
}

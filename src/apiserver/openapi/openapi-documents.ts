import { notAcceptable } from '../../api/errors/api-error.ts';
import type { Kind } from '../../api/kind.ts';
import type { ServedKind } from '../../api/openapi/operations.ts';
import type { Clock } from '../../base/clock.ts';
import type { Served as ServedResource } from '../discovery/discovery.ts';
import {
  type CachedDocument,
  type DocumentRequest,
  documentResponse,
  etagOf,
} from '../discovery/documents.ts';
import { parseAccept } from '../http/accept.ts';
import type { HttpResponse } from '../http/message.ts';

/** Answers GET under /openapi; undefined for a path that is none of it. Throws 406 for a client that takes neither JSON nor protobuf. */
export type OpenApiDocuments = (request: DocumentRequest) => Promise<HttpResponse | undefined>;

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
const V2 = '/openapi/v2';
const V3 = '/openapi/v3';

/** How a client may ask for protobuf: as upstream names the answer, and as it did first. */
const protobufTypes = (version: 'v2' | 'v3'): readonly [type: string, older: string] => [
  `application/com.github.proto-openapi.spec.${version}.v1.0+protobuf`,
  `application/com.github.proto-openapi.spec.${version}@v1.0+protobuf`,
];

/** The content type of the answer. Throws 406. */
function negotiated(version: 'v2' | 'v3', accept: string | undefined): string {
  const [protobuf, older] = protobufTypes(version);
  for (const { type } of parseAccept(accept)) {
    if (type === JSON_TYPE || type === '*/*' || type === 'application/*') return JSON_TYPE;
    if (type === protobuf || type === older) return protobuf;
  }
  throw notAcceptable([JSON_TYPE, protobuf]);
}

/** How long a document may be kept that is asked for by its hash. */
const YEAR_MS = 365 * 24 * 3600 * 1000;

/**
 * What explains the kinds to kubectl. Each document is made when it is first asked for, and kept: the kinds do not change
 * while it runs. The index needs the hash of every document; what is made for that is dropped again.
 */
export function createOpenApiDocuments(
  resources: readonly ServedResource[],
  clock: Pick<Clock, 'now'>,
): OpenApiDocuments {
  const kinds = resources.map(({ resource }) => resource.kind);
  const served: Served = (kind) => servedAs(resources.find(({ resource }) => resource.kind === kind));
  const made = new Map<string, Promise<CachedDocument | undefined>>();
  // One after the other: steps of several that wait for the same turn would run without a pause.
  let last: Promise<unknown> = Promise.resolve();
  const once = (
    key: string,
    make: () => Promise<CachedDocument | undefined>,
  ): Promise<CachedDocument | undefined> => {
    let document = made.get(key);
    if (document !== undefined) return document;
    document = last.then(othersTurn).then(make);
    last = document.catch(() => undefined);
    made.set(key, document);
    return document;
  };
  return async ({ path, query, headers }) => {
    if (path === V3) {
      // Upstream asks nobody here what they take.
      const index = await once(path, () => renderIndex(kinds, served));
      return index && documentResponse(index, headers);
    }
    if (path === V2) {
      const type = negotiated('v2', headers.accept);
      const document = await once(`${path} ${type}`, () => renderV2(kinds, served, type));
      return document && documentResponse(document, headers);
    }
    if (!path.startsWith(`${V3}/`)) return undefined;
    const place = path.slice(V3.length + 1);
    if (!(await isPlace(kinds, place))) return undefined;
    const type = negotiated('v3', headers.accept);
    const document = await once(`${path} ${type}`, () => renderV3({ kinds, served, place, type }));
    return document && namedResponse(document, { path, query, headers }, clock.now());
  };
}

/** The index names each document with its hash, so one asked for by that name never changes; another hash is an old one. */
function namedResponse(
  document: CachedDocument,
  { path, query, headers }: DocumentRequest,
  now: number,
): HttpResponse {
  const response = documentResponse(document, headers);
  const hash = query.get('hash') ?? '';
  // Without a name it may change with the next server.
  if (hash === '') return response;
  const current = hashOf(document.etag);
  if (hash !== current) {
    const { vary = '', etag = '' } = response.headers;
    return { status: 301, headers: { vary, etag, location: `${path}?hash=${current}` }, body: '' };
  }
  const expires = new Date(now + YEAR_MS).toUTCString();
  return { ...response, headers: { ...response.headers, 'cache-control': 'public, immutable', expires } };
}

const hashOf = (etag: string): string => etag.replaceAll('"', '');

/** Making a document takes some ten milliseconds a step; others have their turn between two of them. */
const othersTurn = (): Promise<void> => new Promise((next) => setImmediate(next));

async function renderV2(kinds: readonly Kind[], served: Served, type: string): Promise<CachedDocument> {
  const { openApiV2 } = await import('../../api/openapi/v2.ts');
  const swagger = openApiV2(kinds, served);
  await othersTurn();
  const json = JSON.stringify(swagger);
  const etag = etagOf(json);
  if (type === JSON_TYPE) return { contentType: type, body: json, etag };
  await othersTurn();
  const { encodeOpenApiV2 } = await import('../../api/openapi/v2-protobuf.ts');
  return { contentType: type, body: encodeOpenApiV2(swagger), etag };
}

async function isPlace(kinds: readonly Kind[], place: string): Promise<boolean> {
  const { openApiV3Path } = await import('../../api/openapi/v3.ts');
  return kinds.some((kind) => openApiV3Path(kind) === place);
}

interface Place {
  readonly kinds: readonly Kind[];
  readonly served: Served;
  /** In the index, such as apis/apps/v1. */
  readonly place: string;
  readonly type: string;
}

async function renderV3({ kinds, served, place, type }: Place): Promise<CachedDocument | undefined> {
  const { openApiV3, openApiV3Path } = await import('../../api/openapi/v3.ts');
  const kind = kinds.find((each) => openApiV3Path(each) === place);
  if (kind === undefined) return undefined;
  const openapi = openApiV3(kind, kinds, served);
  await othersTurn();
  const json = JSON.stringify(openapi);
  const etag = etagOf(json);
  if (type === JSON_TYPE) return { contentType: type, body: json, etag };
  await othersTurn();
  const { encodeOpenApiV3 } = await import('../../api/openapi/v3-protobuf.ts');
  return { contentType: type, body: encodeOpenApiV3(openapi), etag };
}

async function renderIndex(kinds: readonly Kind[], served: Served): Promise<CachedDocument> {
  const { openApiV3Index, openApiV3Path } = await import('../../api/openapi/v3.ts');
  const hashes = new Map<string, string>();
  for (const place of new Set(kinds.map(openApiV3Path))) {
    const document = await renderV3({ kinds, served, place, type: JSON_TYPE });
    if (document !== undefined) hashes.set(place, hashOf(document.etag));
    await othersTurn();
  }
  const json = JSON.stringify(openApiV3Index(kinds, (place) => hashes.get(place) ?? ''));
  return { contentType: JSON_TYPE, body: json, etag: etagOf(json) };
}

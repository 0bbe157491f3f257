import { createHash } from 'node:crypto';
import { notAcceptable } from '../../api/errors/api-error.ts';
import { apiVersionOf } from '../../api/kind.ts';
import { type BodyEncoding, defaultAccepted, MEDIA_TYPES, negotiate, parseAccept } from '../http/accept.ts';
import type { HttpResponse, RequestHeaders } from '../http/message.ts';
import { jsonResponse, wantsPretty } from '../http/respond.ts';
import {
  aggregatedDiscovery,
  apiGroup,
  groupList,
  groupNames,
  groupVersionsOf,
  legacyVersions,
  resourceList,
} from './discovery.ts';
import type { Served } from './discovery.ts';
import { versionInfo } from './version.ts';

/** A GET on a path that may be a document. */
export interface DocumentRequest {
  readonly path: string;
  readonly query: URLSearchParams;
  readonly headers: RequestHeaders;
}

/**
 * Answers GET on what describes the API; undefined for a path that is none of it. Pure but for its cache. Throws 406 for a
 * client that takes neither JSON, nor YAML, nor protobuf.
 */
export type Documents = (request: DocumentRequest) => Promise<HttpResponse | undefined>;

export interface DocumentsOptions {
  readonly served: readonly Served[];
  /** host:port of this server, for old clients. */
  readonly address: string;
}

/** A document as it is sent. */
export interface CachedDocument {
  readonly contentType: string;
  readonly body: HttpResponse['body'];
  readonly etag: string;
}

type Render = () => unknown;

const CRDS_PATH = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions';
const CRDS = { kind: 'CustomResourceDefinitionList', apiVersion: 'apiextensions.k8s.io/v1' };
const VERSION_PATH = '/version';

/** Which form of a document a client gets. */
interface Form {
  readonly encoding: BodyEncoding;
  readonly isPretty: boolean;
  /** The version of aggregated discovery; undefined for the plain documents. */
  readonly aggregated?: 'v2' | 'v2beta1' | undefined;
}

/** Discovery and /version. Documents are made when first asked for, and kept: resources do not change while it runs. */
export function createDocuments({ served, address }: DocumentsOptions): Documents {
  const core = served.filter(({ resource }) => resource.kind.group === '');
  const named = served.filter(({ resource }) => resource.kind.group !== '');
  const plain = plainDocuments({ core, named, address });
  const cache = new Map<string, Promise<CachedDocument>>();
  return async ({ path, query, headers }) => {
    const render = plain.get(path);
    if (render === undefined) return undefined;
    const form = formOf(path, query, headers);
    const { aggregated } = form;
    const key = `${path}?${aggregated ?? ''} ${form.encoding} ${form.isPretty}`;
    let document = cache.get(key);
    if (document === undefined) {
      const groups = path === '/api' ? core : named;
      const value = aggregated === undefined ? render() : aggregatedDiscovery(groups, aggregated);
      cache.set(key, (document = inForm(JSON.stringify(value), form)));
    }
    const response = documentResponse(await document, headers);
    if (aggregated === undefined) return response;
    return { ...response, headers: { ...response.headers, 'cache-control': 'public' } };
  };
}

function formOf(path: string, query: URLSearchParams, headers: RequestHeaders): Form {
  const { accept } = headers;
  const isPretty = path === VERSION_PATH || wantsPretty(query, headers);
  if (path === '/api' || path === '/apis') {
    const found = aggregatedForm(accept);
    if (found !== undefined) return { ...found, isPretty };
  }
  const encoding = negotiate(accept, { hasShapes: false })?.encoding;
  if (path === VERSION_PATH) return { encoding: jsonOnly(accept), isPretty };
  if (encoding === undefined) throw notAcceptable(MEDIA_TYPES);
  return { encoding, isPretty };
}

/** What is no object of the API has one form. */
function jsonOnly(accept: string | undefined): 'json' {
  const isTaken = parseAccept(accept).some(({ type }) =>
    ['*/*', 'application/*', 'application/json'].includes(type),
  );
  if (!isTaken) throw notAcceptable(['application/json']);
  return 'json';
}

/** The document in another encoding has the same name: `Vary` tells the two apart. */
async function inForm(json: string, { encoding, isPretty, aggregated }: Form): Promise<CachedDocument> {
  const accepted = { ...defaultAccepted, encoding };
  const { body, headers } = await jsonResponse(200, json, { accepted, isPretty });
  const suffix =
    aggregated === undefined ? '' : `;g=apidiscovery.k8s.io;v=${aggregated};as=APIGroupDiscoveryList`;
  return { contentType: `${String(headers['content-type'])}${suffix}`, body, etag: etagOf(json) };
}

function plainDocuments(options: {
  readonly core: readonly Served[];
  readonly named: readonly Served[];
  readonly address: string;
}): ReadonlyMap<string, Render> {
  const { core, named, address } = options;
  const documents = new Map<string, Render>([
    [VERSION_PATH, () => versionInfo],
    ['/api', () => legacyVersions(address)],
    ['/apis', () => groupList(named)],
    // Not discoverable, but asked for: kubectl looks here for a kind it does not know before it says so.
    [CRDS_PATH, () => ({ ...CRDS, metadata: {}, items: [] })],
  ]);
  for (const group of groupNames(named)) documents.set(`/apis/${group}`, () => apiGroup(named, group));
  for (const each of groupVersionsOf([...core, ...named])) {
    const prefix = each.group === '' ? '/api' : '/apis';
    documents.set(`${prefix}/${apiVersionOf(each)}`, () => resourceList(each));
  }
  return documents;
}

/** The form of aggregated discovery that the client prefers to the plain documents, if any. */
function aggregatedForm(accept: string | undefined): Omit<Form, 'isPretty'> | undefined {
  for (const { type, parameters } of parseAccept(accept)) {
    const encoding = negotiate(type, { hasShapes: false })?.encoding;
    if (encoding === undefined) continue;
    const { g, v, as } = parameters;
    if (as === undefined) return undefined;
    if (g !== 'apidiscovery.k8s.io' || as !== 'APIGroupDiscoveryList') continue;
    if (v === 'v2' || v === 'v2beta1') return { encoding, aggregated: v };
  }
  return undefined;
}

/** The name of a content, as upstream makes it of the JSON form whichever form is sent. */
export const etagOf = (json: string): string =>
  `"${createHash('sha512').update(json).digest('hex').toUpperCase()}"`;

/** 304 when the client has this version of the document. */
export function documentResponse(document: CachedDocument, headers: RequestHeaders): HttpResponse {
  const base = { etag: document.etag, vary: 'Accept' };
  const known = (headers['if-none-match'] ?? '').split(',').map((tag) => tag.trim().replace(/^W\//, ''));
  if (known.includes(document.etag)) return { status: 304, headers: base, body: '' };
  return { status: 200, headers: { ...base, 'content-type': document.contentType }, body: document.body };
}

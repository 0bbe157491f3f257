import { createHash } from 'node:crypto';
import { apiVersionOf } from '../../api/kind.ts';
import { parseAccept } from '../http/accept.ts';
import type { HttpResponse, RequestHeaders } from '../http/message.ts';
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

/** Answers GET on what describes the API; undefined for a path that is none of it. Pure but for its cache. */
export type Documents = (path: string, headers: RequestHeaders) => HttpResponse | undefined;

export interface DocumentsOptions {
  readonly served: readonly Served[];
  /** host:port of this server, for old clients. */
  readonly address: string;
}

/** A document as it is sent. */
export interface CachedDocument {
  readonly contentType: string;
  readonly body: string | Uint8Array;
  readonly etag: string;
}

type Render = () => unknown;

const CRDS_PATH = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions';
const CRDS = { kind: 'CustomResourceDefinitionList', apiVersion: 'apiextensions.k8s.io/v1' };

/** Discovery and /version. Documents are made when first asked for, and kept: resources do not change while it runs. */
export function createDocuments({ served, address }: DocumentsOptions): Documents {
  const core = served.filter(({ resource }) => resource.kind.group === '');
  const named = served.filter(({ resource }) => resource.kind.group !== '');
  const plain = plainDocuments({ core, named, address });
  const cache = new Map<string, CachedDocument>();
  const documentOf = (key: string, contentType: string, render: Render): CachedDocument => {
    const known = cache.get(key);
    if (known !== undefined) return known;
    const made = makeDocument(contentType, render());
    cache.set(key, made);
    return made;
  };
  return (path, headers) => {
    const render = plain.get(path);
    if (render === undefined) return undefined;
    const version = path === '/api' || path === '/apis' ? aggregatedVersion(headers.accept) : undefined;
    if (version === undefined) {
      return documentResponse(documentOf(path, 'application/json', render), headers);
    }
    const type = `application/json;g=apidiscovery.k8s.io;v=${version};as=APIGroupDiscoveryList`;
    const group = path === '/api' ? core : named;
    const document = documentOf(`${path}?${version}`, type, () => aggregatedDiscovery(group, version));
    return documentResponse(document, headers);
  };
}

function plainDocuments(options: {
  readonly core: readonly Served[];
  readonly named: readonly Served[];
  readonly address: string;
}): ReadonlyMap<string, Render> {
  const { core, named, address } = options;
  const documents = new Map<string, Render>([
    ['/version', () => versionInfo],
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

/** The version of aggregated discovery that the client prefers to the plain documents, if any. */
function aggregatedVersion(accept: string | undefined): 'v2' | 'v2beta1' | undefined {
  for (const { type, parameters } of parseAccept(accept)) {
    if (type !== 'application/json' && type !== '*/*' && type !== 'application/*') continue;
    const { g, v, as } = parameters;
    if (as === undefined) return undefined;
    if (g !== 'apidiscovery.k8s.io' || as !== 'APIGroupDiscoveryList') continue;
    if (v === 'v2' || v === 'v2beta1') return v;
  }
  return undefined;
}

/** `content` as JSON, or bytes as they are. */
export function makeDocument(contentType: string, content: unknown): CachedDocument {
  const body = content instanceof Uint8Array ? content : JSON.stringify(content);
  const etag = `"${createHash('sha256').update(body).digest('hex').toUpperCase()}"`;
  return { contentType, body, etag };
}

/** 304 when the client has this version of the document. */
export function documentResponse(document: CachedDocument, headers: RequestHeaders): HttpResponse {
  const base = { etag: document.etag, vary: 'Accept', 'cache-control': 'public' };
  const known = (headers['if-none-match'] ?? '').split(',').map((tag) => tag.trim().replace(/^W\//, ''));
  if (known.includes(document.etag)) return { status: 304, headers: base, body: '' };
  return { status: 200, headers: { ...base, 'content-type': document.contentType }, body: document.body };
}

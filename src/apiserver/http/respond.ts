import { apiVersionOf } from '../../api/kind.ts';
import { badRequest } from '../../api/errors/api-error.ts';
import { formatFieldErrors, invalidValue } from '../../api/errors/field-error.ts';
import type { KubeObject } from '../../api/kind.ts';
import type { ListMeta } from '../../api/meta/v1/list-meta.ts';
import type { ListOutcome, Resource } from '../rest/rest.ts';
import { isTrue } from '../request-info.ts';
import { renderPartialMetadata, renderTable } from '../table/table.ts';
import type { IncludeObject } from '../table/table.ts';
import { contentTypeOf } from './accept.ts';
import type { Accepted } from './accept.ts';
import { isStream } from './message.ts';
import type { HttpResponse, RequestHeaders } from './message.ts';

/** Smaller answers are not worth compressing (upstream's number). */
const GZIP_FROM = 128 * 1024;
/** Pieces of a list are joined to about this many characters, so that a large one is written in few, bounded chunks. */
const PIECE_LENGTH = 64 * 1024;

/** How the answer to one request is to look. */
export interface Presentation {
  readonly accepted: Accepted;
  readonly isPretty: boolean;
  readonly includeObject: IncludeObject;
  readonly now: number;
}

/** `pretty` from the query, else only for people: curl, wget and browsers, as upstream. */
export function wantsPretty(query: URLSearchParams, headers: RequestHeaders): boolean {
  const asked = query.get('pretty');
  if (asked !== null && asked !== '') return isTrue(asked);
  return /^(curl|Wget|Mozilla\/5\.0)/.test(headers['user-agent'] ?? '');
}

export function includeObjectOf(query: URLSearchParams): IncludeObject {
  const value = query.get('includeObject');
  if (value === null || value === '') return 'Metadata';
  if (value === 'None' || value === 'Metadata' || value === 'Object') return value;
  const error = invalidValue('includeObject', value, "must be 'Metadata', 'Object', 'None', or empty");
  throw badRequest(`Unable to convert to Table as requested: ${formatFieldErrors([error])}`);
}

/** How an answer looks, and its code when that is not 200. */
export interface Answering {
  readonly presentation: Presentation;
  readonly status?: number;
}

/** One object as a whole response. */
export async function objectAnswer<T extends KubeObject>(
  resource: Resource<T>,
  object: T,
  { presentation, status = 200 }: Answering,
): Promise<HttpResponse> {
  const { accepted } = presentation;
  if (accepted.encoding !== 'protobuf') {
    return jsonResponse(status, renderObject(resource, object, presentation), presentation);
  }
  const { protobufObject } = await import('./protobuf.ts');
  const body = protobufObject(resource, object, accepted);
  return { status, headers: { 'content-type': contentTypeOf(accepted) }, body };
}

/** A list as a whole response. */
export async function listAnswer<T extends KubeObject>(
  resource: Resource<T>,
  outcome: ListOutcome<T>,
  { presentation, status = 200 }: Answering,
): Promise<HttpResponse> {
  const { accepted } = presentation;
  if (accepted.encoding !== 'protobuf') {
    return jsonResponse(status, renderList(resource, outcome, presentation), presentation);
  }
  const { protobufList } = await import('./protobuf.ts');
  const content = { metadata: listMeta(outcome), items: outcome.items };
  const body = protobufList(resource, content, accepted);
  return { status, headers: { 'content-type': contentTypeOf(accepted) }, body };
}

/** One object in the shape that was asked for. */
export function renderObject<T extends KubeObject>(
  resource: Resource<T>,
  object: T,
  { accepted, includeObject, now }: Presentation,
): string {
  const version = accepted.shapeVersion;
  switch (accepted.shape) {
    case 'object':
      return resource.toJson(object);
    case 'PartialObjectMetadata':
    case 'PartialObjectMetadataList':
      return renderPartialMetadata(object, version);
    case 'Table': {
      const { resourceVersion } = object.metadata;
      const metadata = resourceVersion === undefined ? {} : { resourceVersion };
      return renderTable({
        resource,
        items: [object],
        metadata,
        includeObject,
        version,
        now,
        hasColumns: true,
      });
    }
  }
}

/** A list in the shape that was asked for, as pieces of JSON text. */
export function renderList<T extends KubeObject>(
  resource: Resource<T>,
  outcome: ListOutcome<T>,
  { accepted, includeObject, now }: Presentation,
): readonly string[] {
  const metadata = listMeta(outcome);
  const { items } = outcome;
  const version = accepted.shapeVersion;
  switch (accepted.shape) {
    case 'object':
      return itemList(`${resource.kind.kind}List`, apiVersionOf(resource.kind), {
        metadata,
        items,
        render: (item) => resource.toJson(item),
      });
    case 'PartialObjectMetadata':
    case 'PartialObjectMetadataList':
      return itemList('PartialObjectMetadataList', `meta.k8s.io/${version}`, {
        metadata,
        items,
        render: (item) => renderPartialMetadata(item, version),
      });
    case 'Table':
      return [renderTable({ resource, items, metadata, includeObject, version, now, hasColumns: true })];
  }
}

function listMeta(outcome: ListOutcome<KubeObject>): ListMeta {
  const { resourceVersion, remainingItemCount } = outcome;
  return {
    resourceVersion,
    ...(outcome.continue === undefined ? {} : { continue: outcome.continue }),
    ...(remainingItemCount === undefined ? {} : { remainingItemCount }),
  };
}

interface Items<T> {
  readonly metadata: ListMeta;
  readonly items: readonly T[];
  readonly render: (item: T) => string;
}

function itemList<T>(kind: string, apiVersion: string, { metadata, items, render }: Items<T>): string[] {
  const head = JSON.stringify({ kind, apiVersion, metadata });
  const pieces: string[] = [];
  let piece = `${head.slice(0, -1)},"items":[`;
  items.forEach((item, i) => {
    piece += i === 0 ? render(item) : `,${render(item)}`;
    if (piece.length < PIECE_LENGTH) return;
    pieces.push(piece);
    piece = '';
  });
  pieces.push(`${piece}]}`);
  return pieces;
}

/**
 * JSON text as a whole response: as it is, indented, as YAML, or as protobuf where its kind has that form. It is the way
 * of small documents; objects and lists in protobuf have a faster one.
 */
export async function jsonResponse(
  status: number,
  json: string | readonly string[],
  { accepted, isPretty }: Pick<Presentation, 'accepted' | 'isPretty'>,
): Promise<HttpResponse> {
  if (accepted.encoding === 'protobuf') {
    const { protobufDocument } = await import('./protobuf.ts');
    const body = protobufDocument(typeof json === 'string' ? json : json.join(''));
    if (body !== undefined) return { status, headers: { 'content-type': contentTypeOf(accepted) }, body };
    return jsonResponse(status, json, { accepted: { ...accepted, encoding: 'json' }, isPretty });
  }
  return {
    status,
    headers: { 'content-type': contentTypeOf(accepted) },
    body: await encodeJson(json, { accepted, isPretty }),
  };
}

async function encodeJson(
  json: string | readonly string[],
  { accepted, isPretty }: Pick<Presentation, 'accepted' | 'isPretty'>,
): Promise<string | readonly string[]> {
  if (accepted.encoding === 'json' && !isPretty) return json;
  const value: unknown = JSON.parse(typeof json === 'string' ? json : json.join(''));
  if (accepted.encoding === 'json') return `${JSON.stringify(value, null, 2)}\n`;
  const { stringify } = await import('yaml');
  return stringify(value, { aliasDuplicateObjects: false, lineWidth: 0 });
}

/** The same response, compressed when the client takes gzip and it is large. Streams are never compressed. */
export function compressed(
  response: HttpResponse,
  requestHeaders: RequestHeaders,
): HttpResponse | Promise<HttpResponse> {
  const { body } = response;
  if (isStream(body)) return response;
  const pieces = typeof body === 'string' || body instanceof Uint8Array ? [body] : body;
  let length = 0;
  for (const piece of pieces) length += piece.length;
  if (length < GZIP_FROM) return response;
  if (!/\bgzip\b(?!\s*;\s*q=0(\.0*)?(,|$))/.test(requestHeaders['accept-encoding'] ?? '')) return response;
  return gzipped(response, pieces);
}

async function gzipped(
  response: HttpResponse,
  pieces: readonly (string | Uint8Array)[],
): Promise<HttpResponse> {
  const [{ Readable }, { createGzip }] = await Promise.all([import('node:stream'), import('node:zlib')]);
  const gzip = Readable.from(pieces, { objectMode: false }).pipe(createGzip({ level: 1 }));
  return {
    ...response,
    headers: { ...response.headers, 'content-encoding': 'gzip', vary: 'accept, accept-encoding' },
    body: gzip as AsyncIterable<Uint8Array>,
  };
}

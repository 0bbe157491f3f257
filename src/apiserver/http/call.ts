import { isJsonObject } from '../../base/json.ts';
import type { JsonObject } from '../../base/json.ts';
import { badRequest, notAcceptable } from '../../api/errors/api-error.ts';
import type { Kind, KubeObject } from '../../api/kind.ts';
import type { MessageType } from '../../api/schema/schema.ts';
import type { ResourceRequest } from '../request-info.ts';
import type { RequestScope, RequestUser, Resource } from '../rest/rest.ts';
import { MEDIA_TYPES, negotiate, STREAM_MEDIA_TYPES } from './accept.ts';
import { decodeBody } from './body.ts';
import type { HttpRequest, HttpResponse } from './message.ts';
import { shapeNotAcceptable } from './refusals.ts';
import { includeObjectOf, wantsPretty } from './respond.ts';
import type { Presentation } from './respond.ts';
import { writeOptions } from './write-options.ts';

/** One request for one resource, as every verb sees it. */
export interface Call<T extends KubeObject = KubeObject> {
  readonly resource: Resource<T>;
  readonly info: ResourceRequest;
  readonly request: HttpRequest;
  readonly query: URLSearchParams;
  readonly user: RequestUser;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  /** Rejects with 403 when the user may not create the object; for requests that may turn out to create one. */
  readonly mayCreate?: () => Promise<void>;
}

/** A verb: it answers or throws an ApiError. `warnings` go into the response's headers. */
export type Handle = (call: Call, warnings: string[]) => Promise<HttpResponse>;

/** What a request is answered with. */
export type AnswerForm = 'object' | 'list' | 'watch';

/** How to answer; throws 406 when the client takes nothing the server has. */
export function presentationOf(
  { request, query, now, resource }: Call,
  form: AnswerForm = 'object',
): Presentation {
  const accepted = negotiate(request.headers.accept, { hasShapes: true });
  if (accepted === undefined || (form === 'watch' && accepted.encoding === 'yaml')) {
    throw notAcceptable(form === 'watch' ? STREAM_MEDIA_TYPES : MEDIA_TYPES);
  }
  checkShape(accepted, form, resource.kind);
  return {
    accepted,
    isPretty: accepted.isPretty ?? wantsPretty(query, request.headers),
    includeObject: accepted.shape === 'Table' ? includeObjectOf(query) : 'Metadata',
    now: now(),
  };
}

/** Metadata of a list is no metadata of an object, and the other way round; a watch takes either. */
function checkShape({ shape }: Presentation['accepted'], form: AnswerForm, kind: Kind): void {
  const type = `*${kind.group === '' ? 'core' : kind.group.split('.', 1)[0]}.${kind.kind}`;
  if (shape === 'PartialObjectMetadata' && form === 'list') {
    throw shapeNotAcceptable(`you requested ${shape}, but the requested object is a list (${type}List)`);
  }
  if (shape === 'PartialObjectMetadataList' && form === 'object') {
    throw shapeNotAcceptable(`you requested ${shape}, but the requested object is not a list (${type})`);
  }
}

/** The scope of a read. */
export function readScope({ info, user, request }: Call, warnings: string[]): RequestScope {
  const { namespace } = info;
  const { signal } = request;
  return {
    namespace,
    user,
    warnings,
    signal,
    fieldValidation: 'Ignore',
    isDryRun: false,
    fieldManager: 'unknown',
  };
}

/** The scope of a write; `optionsKind` names its options in a refusal, such as CreateOptions. */
export function writeScope(call: Call, warnings: string[], optionsKind: string): RequestScope {
  const options = writeOptions(call.query, call.request.headers, optionsKind);
  const { mayCreate } = call;
  return { ...readScope(call, warnings), ...options, ...(mayCreate === undefined ? {} : { mayCreate }) };
}

/**
 * The body as one object, of the resource's own kind if `schema` does not say another. Throws 400, 413 or 415; fields that occur twice are refused, told of or let pass, as the
 * scope's field validation says.
 */
export async function objectBody(
  { request, resource: { kind } }: Pick<Call, 'request' | 'resource'>,
  { fieldValidation, warnings }: Pick<RequestScope, 'fieldValidation' | 'warnings'>,
  schema: MessageType = kind.schema,
): Promise<JsonObject> {
  const body = await decodeBody(request, schema);
  if (body === undefined) throw badRequest('the body of the request is empty');
  const { value, duplicates } = body;
  if (!isJsonObject(value)) throw badRequest('the body of the request is not an object');
  if (duplicates.length > 0 && fieldValidation === 'Strict') {
    const handled = `${kind.kind} in version ${JSON.stringify(kind.version)} cannot be handled as a ${kind.kind}`;
    throw badRequest(`${handled}: strict decoding error: ${duplicates.join(', ')}`);
  }
  if (fieldValidation === 'Warn') warnings.push(...duplicates);
  return value;
}

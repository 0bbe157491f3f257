import {
  ApiError,
  badRequest,
  isBadRequest,
  requestEntityTooLarge,
  timeout,
  unsupportedMediaType,
} from '../../api/errors/api-error.ts';
import { strictJsonParse } from '../../api/schema/strict-json.ts';
import type { MessageType } from '../../api/schema/schema.ts';
import type { StrictJson } from '../../api/schema/strict-json.ts';
import { LateBody } from './message.ts';
import type { HttpRequest, RequestBody } from './message.ts';

/** Upstream's limit for a request body, in bytes. */
export const BODY_LIMIT = 3 * 1024 * 1024;

/** Deeper documents would exhaust the stack of whatever walks them. No Kubernetes object comes near. */
const DEPTH_LIMIT = 400;

/** The most values in one document. What is stored may have 1.5 MB, which is fewer of the smallest. */
const VALUE_LIMIT = 100_000;

/** The body as text, '' when there is none. Rejects with 413 beyond BODY_LIMIT and 400 for what is not UTF-8. */
export async function readBody(request: HttpRequest): Promise<string> {
  const body = await readWhole(request);
  if (typeof body === 'string') return body;
  try {
    // A byte-order mark is no JSON; what reads YAML knows it.
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(body);
  } catch {
    throw badRequest('the body of the request is not valid UTF-8');
  }
}

async function readWhole({ body, headers }: HttpRequest): Promise<string | Uint8Array> {
  if (body === undefined) return '';
  if (typeof body === 'string') {
    if (Buffer.byteLength(body) > BODY_LIMIT) throw requestEntityTooLarge(BODY_LIMIT);
    return body;
  }
  // A declared length is refused before anything is read.
  if (Number(headers['content-length'] ?? 0) > BODY_LIMIT) throw requestEntityTooLarge(BODY_LIMIT);
  const bytes = body instanceof Uint8Array ? body : await collect(body);
  if (bytes.byteLength > BODY_LIMIT) throw requestEntityTooLarge(BODY_LIMIT);
  return bytes;
}

async function collect(body: RequestBody): Promise<Uint8Array> {
  if (body.whole !== undefined) {
    const whole = await body.whole(BODY_LIMIT).catch((error: unknown) => {
      throw error instanceof LateBody
        ? timeout('the body of the request did not arrive in time')
        : endedEarly();
    });
    if (whole === undefined) throw requestEntityTooLarge(BODY_LIMIT);
    return whole;
  }
  const chunks: Uint8Array[] = [];
  let size = 0;
  try {
    for await (const chunk of body) {
      size += chunk.byteLength;
      if (size > BODY_LIMIT) throw requestEntityTooLarge(BODY_LIMIT);
      chunks.push(chunk);
    }
  } catch (error) {
    if (size > BODY_LIMIT) throw error;
    throw endedEarly();
  }
  return chunks.length === 1 && chunks[0] !== undefined ? chunks[0] : Buffer.concat(chunks);
}

const endedEarly = (): ApiError => badRequest('the body of the request ended early');

/** What a media type names, without its parameters. Empty or absent is JSON, as upstream has it. */
export function mediaTypeOf(header: string | undefined): string {
  const type = (header ?? '').split(';', 1)[0]?.trim().toLowerCase() ?? '';
  return type === '' ? 'application/json' : type;
}

const PROTOBUF = 'application/vnd.kubernetes.protobuf';

/**
 * The document in a body: JSON, YAML or protobuf by content type; `type` says what protobuf's numbers mean. Undefined for
 * an empty body. Throws 415 for another type and 400 for a malformed document.
 */
export async function decodeBody(request: HttpRequest, type: MessageType): Promise<StrictJson | undefined> {
  const mediaType = mediaTypeOf(request.headers['content-type']);
  if (mediaType === PROTOBUF) return parseProtobuf(await readWhole(request), type);
  const text = await readBody(request);
  if (text.trim() === '') return undefined;
  if (mediaType === 'application/json') return parseJson(text);
  if (mediaType === 'application/yaml') return parseYaml(text);
  throw unsupportedMediaType(['application/json', 'application/yaml', PROTOBUF]);
}

/** The codec is loaded when the first such body arrives. */
async function parseProtobuf(body: string | Uint8Array, type: MessageType): Promise<StrictJson | undefined> {
  if (body.length === 0) return undefined;
  const [{ openEnvelope }, { decodeProtobuf }, { WireError }] = await Promise.all([
    import('../../api/protobuf/envelope.ts'),
    import('../../api/protobuf/decode.ts'),
    import('../../api/protobuf/reader.ts'),
  ]);
  try {
    const { apiVersion, kind, raw } = openEnvelope(typeof body === 'string' ? Buffer.from(body) : body);
    return { value: { apiVersion, kind, ...decodeProtobuf(type, raw) }, duplicates: [] };
  } catch (error) {
    if (!(error instanceof WireError)) throw error;
    throw badRequest(`the body of the request is not valid protobuf: ${error.message}`, error);
  }
}

/** JSON text and the fields it names twice. Throws 400, and 413 for a document of too many values. */
export function parseJson(text: string): StrictJson {
  return strictJsonParse(text, checkSize(text));
}

/** YAML text and the fields it names twice. Throws 400, and 413 for what would take too long. */
export async function parseYaml(text: string): Promise<StrictJson> {
  // Clients that apply send JSON by that name, and JSON is much faster to read.
  if (/^\s*\{/.test(text)) {
    try {
      return parseJson(text);
    } catch (error) {
      if (!isBadRequest(error)) throw error;
    }
  }
  try {
    if (isTooDeepYaml(text)) throw tooDeep();
    if (text.length > YAML_INLINE) {
      const { parseYamlAside } = await import('./yaml-aside.ts');
      const { json, duplicates } = await parseYamlAside(text);
      return { value: parseJson(json).value, duplicates };
    }
    const { strictYamlParse } = await import('../../api/schema/strict-yaml.ts');
    const { value, duplicates } = strictYamlParse(text);
    // YAML knows dates and other values that JSON does not; they become what JSON makes of them.
    return { value: parseJson(JSON.stringify(value)).value, duplicates };
  } catch (error) {
    if (error instanceof ApiError) throw error;
    throw badRequest(`error converting YAML to JSON: ${(error as Error).message}`, error);
  }
}

/** Larger texts are read in a thread of their own: the parser takes about 4 ms for 1000 characters on a busy core. */
const YAML_INLINE = 16 * 1024;

/** Far beyond DEPTH_LIMIT the parser's time grows with the square of the depth. Brackets in texts mostly balance. */
const YAML_BRACKETS = 5000;

function isTooDeepYaml(text: string): boolean {
  let depth = 0;
  for (let i = 0; i < text.length && depth <= YAML_BRACKETS; i++) {
    const code = text.charCodeAt(i);
    if (code === 0x7b || code === 0x5b) depth++;
    else if (code === 0x7d || code === 0x5d) depth--;
  }
  return depth > YAML_BRACKETS || /(?:[-?] +){400}/.test(text);
}

/**
 * Counts brackets and commas outside of strings, without building anything, and says how many members the objects have.
 * Throws 400 and 413 for what is too much.
 */
function checkSize(text: string): number {
  let nMembers = 0;
  let depth = 0;
  let nValues = 0;
  for (let i = 0; i < text.length; i++) {
    switch (text.charCodeAt(i)) {
      case 0x22:
        i = endOfString(text, i);
        break;
      case 0x3a:
        nMembers++;
        break;
      case 0x5b:
      case 0x7b:
        if (++depth > DEPTH_LIMIT) throw tooDeep();
        break;
      case 0x5d:
      case 0x7d:
        depth--;
        break;
      case 0x2c:
        if (++nValues > VALUE_LIMIT) throw tooManyValues();
        break;
    }
  }
  return nMembers;
}

/** The position of the quote that ends the string at `start`, or the end of the text. */
function endOfString(text: string, start: number): number {
  let end = text.indexOf('"', start + 1);
  while (end >= 0 && isEscaped(text, end)) end = text.indexOf('"', end + 1);
  return end < 0 ? text.length : end;
}

function isEscaped(text: string, at: number): boolean {
  let first = at;
  while (text.charCodeAt(first - 1) === 0x5c) first--;
  return (at - first) % 2 === 1;
}

const tooDeep = (): ApiError =>
  badRequest(`the body of the request is nested deeper than ${DEPTH_LIMIT} levels`);
const tooManyValues = (): ApiError =>
  new ApiError({
    ...requestEntityTooLarge(VALUE_LIMIT).status,
    message: `Request entity too large: limit is ${VALUE_LIMIT} values`,
  });

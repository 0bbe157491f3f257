import {
  ApiError,
  badRequest,
  requestEntityTooLarge,
  unsupportedMediaType,
} from '../../api/errors/api-error.ts';
import { strictJsonParse } from '../../api/schema/strict-json.ts';
import type { MessageType } from '../../api/schema/schema.ts';
import type { StrictJson } from '../../api/schema/strict-json.ts';
import type { HttpRequest } from './message.ts';

/** Upstream's limit for a request body, in bytes. */
export const BODY_LIMIT = 3 * 1024 * 1024;

/** Deeper documents would exhaust the stack of whatever walks them. No Kubernetes object comes near. */
const DEPTH_LIMIT = 400;

/** The body as text, '' when there is none. Rejects with 413 beyond BODY_LIMIT and 400 for what is not UTF-8. */
export async function readBody(request: HttpRequest): Promise<string> {
  const body = await readWhole(request);
  if (typeof body === 'string') return body;
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(body);
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

async function collect(body: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
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
    throw badRequest('the body of the request ended early');
  }
  return chunks.length === 1 && chunks[0] !== undefined ? chunks[0] : Buffer.concat(chunks);
}

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

/** JSON text and the fields it names twice. Throws 400. */
export function parseJson(text: string): StrictJson {
  if (isTooDeep(text))
    throw badRequest(`the body of the request is nested deeper than ${DEPTH_LIMIT} levels`);
  return strictJsonParse(text);
}

/** YAML text and the fields it names twice. Throws 400. */
export async function parseYaml(text: string): Promise<StrictJson> {
  const json = asJsonText(text);
  if (json !== undefined) return json;
  if (text.length > YAML_LIMIT) throw requestEntityTooLarge(YAML_LIMIT);
  if (isTooDeepYaml(text))
    throw badRequest(`the body of the request is nested deeper than ${DEPTH_LIMIT} levels`);
  const { strictYamlParse } = await import('../../api/schema/strict-yaml.ts');
  try {
    const { value, duplicates } = strictYamlParse(text);
    // YAML knows dates and other values that JSON does not; they become what JSON makes of them.
    return { value: parseJson(JSON.stringify(value)).value, duplicates };
  } catch (error) {
    if (error instanceof ApiError) throw error;
    throw badRequest(`error converting YAML to JSON: ${(error as Error).message}`, error);
  }
}

/** Counts brackets outside of strings, without building anything. */
function isTooDeep(text: string): boolean {
  let depth = 0;
  let isInString = false;
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (isInString) {
      if (code === 0x5c) i++;
      else if (code === 0x22) isInString = false;
    } else if (code === 0x22) isInString = true;
    else if (code === 0x7b || code === 0x5b) {
      if (++depth > DEPTH_LIMIT) return true;
    } else if (code === 0x7d || code === 0x5d) depth--;
  }
  return false;
}

/** The parser of YAML takes about a second for so many characters, and everybody waits for it; JSON is no burden. */
const YAML_LIMIT = 256 * 1024;

/** JSON is YAML, and what clients mostly send as that. Undefined for what is no JSON. */
function asJsonText(text: string): StrictJson | undefined {
  if (!/^\s*\{/.test(text) || isTooDeep(text)) return undefined;
  try {
    return strictJsonParse(text);
  } catch {
    return undefined;
  }
}

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

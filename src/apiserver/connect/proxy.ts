import type { IncomingMessage } from 'node:http';
import { pipeline } from 'node:stream';
import type { Transform } from 'node:stream';
import { createDeflateRaw, createGunzip, createGzip, createInflateRaw } from 'node:zlib';
import { internal, serviceUnavailable } from '../../api/errors/api-error.ts';
import { messageOf } from '../../base/thrown.ts';
import { readScope } from '../http/call.ts';
import type { Call } from '../http/call.ts';
import type { HttpRequest, HttpResponse } from '../http/message.ts';
import { endingStream } from '../http/streams.ts';
import type { Streams } from '../http/streams.ts';
import { callBackend, forwardedHeaders, plainResponse, upgradeResponse } from './backend.ts';
import type { BackendAnswer } from './backend.ts';
import { linkRewriter, rewriteLink } from './html-links.ts';
import type { Rewriting } from './html-links.ts';
import { nodeLocation, podLocation, serviceLocation } from './locations.ts';
import type { Locate, Location, LocationsOptions } from './locations.ts';

export interface ProxyOptions extends LocationsOptions {
  readonly streams: Streams;
}

const locators: Readonly<Record<string, (options: LocationsOptions) => Locate>> = {
  nodes: nodeLocation,
  pods: podLocation,
  services: serviceLocation,
};

/** The request's path, cut behind `/proxy`: what stands before the object's own path, that path, and the query with its mark. */
interface Split {
  readonly prefix: string;
  readonly path: string;
  readonly query: string;
}

/** `…/NAME/proxy/a/b?c`; the object's own path is passed on as it was written. */
export function splitProxyPath({ path: whole }: Pick<HttpRequest, 'path'>): Split {
  const mark = whole.indexOf('?');
  const [path, query] = mark < 0 ? [whole, ''] : [whole.slice(0, mark), whole.slice(mark)];
  const [prefix = path] = /^.*?\/(?:pods|services|nodes)\/+[^/]+\/+proxy(?=\/|$)/.exec(path) ?? [];
  return { prefix, path: path.slice(prefix.length), query };
}

/** Access of another site's pages is this server's to grant. */
const CORS = ['credentials', 'headers', 'methods', 'origin'].map((name) => `access-control-allow-${name}`);

/** pods/proxy, services/proxy and nodes/proxy: any request, passed on to what the object stands for. */
export async function proxyRequest(
  options: ProxyOptions,
  call: Call,
  warnings: string[],
): Promise<HttpResponse> {
  const { request, info } = call;
  const { signal, end } = options.streams.open(request.signal);
  try {
    const scope = { ...readScope(call, warnings), signal };
    const locate = locators[info.resource];
    if (locate === undefined) throw internal(new Error(`${info.resource} have no proxy`));
    const location = await locate(options)(scope, info.name);
    const split = splitProxyPath(request);
    const isUpgrade = request.isUpgrade === true;
    const isRead = request.method === 'GET' || request.method === 'HEAD';
    // A page's relative links are only right below a path that ends in a slash.
    if (!isUpgrade && split.path === '' && isRead) {
      end();
      return { status: 301, headers: { location: `${split.prefix}/${split.query}` }, body: '' };
    }
    const answer = await reach({ location, split, signal }, request);
    if (isUpgrade) return upgradeResponse(answer, signal);
    const response = passedOn(answer.response, rewritingOf(location, split, request), request.method);
    return { ...response, body: endingStream(response.body as AsyncIterable<Uint8Array>, end) };
  } catch (error) {
    end();
    throw error;
  }
}

const rewritingOf = ({ origin }: Location, { prefix }: Split, { headers }: HttpRequest): Rewriting => ({
  prefix,
  hosts: [origin.replace(/^.*\/\//, ''), headers[':authority'] ?? headers.host],
});

interface Target {
  readonly location: Location;
  readonly split: Split;
  readonly signal: AbortSignal;
}

async function reach({ location, split, signal }: Target, request: HttpRequest): Promise<BackendAnswer> {
  const headers = forwardedHeaders(request, request.isUpgrade === true);
  const path = split.path === '' ? '/' : split.path;
  headers['x-forwarded-uri'] = `${split.prefix}${path}`;
  headers['x-forwarded-proto'] = 'https';
  if (headers['host'] !== undefined) headers['x-forwarded-host'] = headers['host'];
  try {
    return await callBackend({
      url: `${location.origin}${path}${split.query}`,
      method: request.method,
      headers,
      ...(location.tls === undefined ? {} : { tls: location.tls }),
      ...(request.body === undefined || request.isUpgrade === true ? {} : { body: request.body }),
      signal,
    });
  } catch (error) {
    if (signal.aborted) throw error;
    const why = messageOf(error);
    throw serviceUnavailable(`error trying to reach service: ${why}`);
  }
}

/** How pages are unpacked and packed again, by content-encoding. */
const codings: Readonly<Record<string, () => readonly [Transform[], Transform[]]>> = {
  '': () => [[], []],
  gzip: () => [[createGunzip()], [createGzip()]],
  deflate: () => [[createInflateRaw()], [createDeflateRaw()]],
};

/** The backend's answer, its links leading through the proxy. */
function passedOn(response: IncomingMessage, rewriting: Rewriting, method: string): HttpResponse {
  const plain = plainResponse(response);
  const headers: Record<string, string | readonly string[]> = { ...plain.headers };
  for (const name of CORS) delete headers[name];
  const { location } = response.headers;
  if (location !== undefined) {
    return { ...plain, headers: { ...headers, location: rewriteLink(location, rewriting) } };
  }
  const type = response.headers['content-type']?.split(';', 1)[0]?.trim();
  const coding = codings[response.headers['content-encoding'] ?? ''];
  // A page in an encoding that cannot be read is passed on as it is.
  if (type !== 'text/html' || coding === undefined || method === 'HEAD') return { ...plain, headers };
  delete headers['content-length'];
  const [decode, encode] = coding();
  const parts = [response, ...decode, linkRewriter(rewriting), ...encode] as const;
  // What breaks on the way breaks the last part, which is read.
  pipeline(parts, () => undefined);
  return { ...plain, headers, body: parts.at(-1) ?? response };
}

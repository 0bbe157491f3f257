import { ServerResponse } from 'node:http';
import type { IncomingMessage } from 'node:http';
import type { Http2ServerRequest, Http2ServerResponse } from 'node:http2';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { TLSSocket } from 'node:tls';
import type { Clock } from '../../base/clock.ts';
import { identifyPeer } from '../authentication/client-certificate.ts';
import type { HttpRequest, HttpResponse, RequestHeaders, ResponseHeaders } from './message.ts';
import { isStream } from './message.ts';

export type NodeRequest = IncomingMessage | Http2ServerRequest;
/** The two kinds of response behave alike; their types say so less well. */
export type NodeResponse = ServerResponse | Http2ServerResponse;

/** A client that takes nothing for so long while there is something for it is cut off. */
const STALL_MS = 60_000;

const CLIENT_GONE = new Error('the client has closed the connection');

const identities = new WeakMap<object, ReturnType<typeof identifyPeer>>();

/** Who is at the other end; worked out once per connection. */
function identityOf(request: NodeRequest): ReturnType<typeof identifyPeer> {
  const connection = 'stream' in request ? request.stream.session : request.socket;
  if (connection === undefined) return {};
  const known = identities.get(connection);
  if (known !== undefined) return known;
  const socket = 'stream' in request ? request.stream.session?.socket : request.socket;
  const identity = identifyPeer(socket as TLSSocket);
  identities.set(connection, identity);
  return identity;
}

interface Serving {
  readonly handle: (request: HttpRequest) => Promise<HttpResponse>;
  readonly clock: Clock;
}

/** Answers one request of node:http or node:http2. Never rejects; what goes wrong with the connection ends it. */
export async function serveExchange(
  request: NodeRequest,
  response: NodeResponse,
  { handle, clock }: Serving,
): Promise<void> {
  const gone = new AbortController();
  // Whoever stops reading a body half-way makes node forget the request's socket.
  const { socket } = request;
  let isAnswered = false;
  // After the answer nothing is left to stop, and making an abort's event costs a tenth of a request.
  response.on('close', () => isAnswered || gone.abort(CLIENT_GONE));
  // A connection that breaks is not an error of ours; 'close' follows.
  response.on('error', () => undefined);
  request.on('error', () => undefined);
  const { method = 'GET', url = '/' } = request;
  const hasBody = method !== 'GET' && method !== 'HEAD';
  try {
    const answer = await handle({
      method,
      path: url,
      headers: request.headers as RequestHeaders,
      ...(hasBody ? { body: request } : {}),
      ...peerOf(request),
      signal: gone.signal,
    });
    await writeResponse(response, answer, { isHead: method === 'HEAD', gone: gone.signal, clock });
    isAnswered = true;
    if (hasBody && !request.complete && !('stream' in request)) discardRest(request, response, socket);
  } catch {
    // A server that cannot start answers nothing; a client that takes nothing gets no more.
    destroy(response);
  }
}

/**
 * Answers one HTTP/1.1 request whose connection node has let go, since it asks for another protocol. A request that is
 * answered in HTTP all the same is the last one of its connection. Never rejects.
 */
export async function serveUpgrade(
  request: IncomingMessage,
  { client, head }: { readonly client: Duplex; readonly head: Buffer },
  { handle, clock }: Serving,
): Promise<void> {
  const gone = new AbortController();
  client.on('error', () => undefined);
  client.on('close', () => gone.abort(CLIENT_GONE));
  const { method = 'GET', url = '/' } = request;
  try {
    const answer = await handle({
      method,
      path: url,
      headers: request.headers as RequestHeaders,
      ...peerOf(request),
      isUpgrade: true,
      signal: gone.signal,
    });
    if (answer.takeOver !== undefined) return answer.takeOver(client, head);
    const response = new ServerResponse(request);
    response.shouldKeepAlive = false;
    // An upgraded connection is a socket; its type says less.
    response.assignSocket(client as Socket);
    await writeResponse(response, answer, { isHead: method === 'HEAD', gone: gone.signal, clock });
    response.on('finish', () => client.end());
    if (response.writableFinished) client.end();
  } catch {
    client.destroy();
  }
}

/** Who asks, and from where. */
function peerOf(request: NodeRequest): Pick<HttpRequest, 'user' | 'hasBadCertificate' | 'remoteAddress'> {
  const { remoteAddress } = 'stream' in request ? (request.stream.session?.socket ?? {}) : request.socket;
  return { ...identityOf(request), ...(remoteAddress === undefined ? {} : { remoteAddress }) };
}

/** A body nobody read to its end (a refused one) would keep an HTTP/1.1 connection from its next request. */
function discardRest(request: IncomingMessage, response: NodeResponse, socket: Socket): void {
  request.resume();
  response.on('finish', () => setImmediate(() => !request.complete && socket.destroySoon()));
}

interface WriteOptions {
  readonly isHead: boolean;
  readonly gone: AbortSignal;
  readonly clock: Clock;
}

async function writeResponse(
  response: NodeResponse,
  { status, headers, body }: HttpResponse,
  options: WriteOptions,
): Promise<void> {
  if (isStream(body)) {
    writeHead(response, status, headers);
    if (options.isHead) {
      response.end();
      await body[Symbol.asyncIterator]().return?.();
      return;
    }
    // A watch with nothing to say yet has begun all the same.
    if (!('stream' in response)) response.flushHeaders();
    await writeStream(response, body, options);
    response.end();
    return;
  }
  const pieces = typeof body === 'string' || body instanceof Uint8Array ? [body] : body;
  const length = pieces.reduce((sum, piece) => sum + Buffer.byteLength(piece), 0);
  writeHead(response, status, status === 304 ? headers : { ...headers, 'content-length': String(length) });
  if (options.isHead || status === 304) {
    response.end();
  } else if (pieces.length === 1) {
    response.end(pieces[0] ?? '');
  } else {
    await writeStream(response, pieces, options);
    response.end();
  }
}

/** Writes piece by piece, waiting for the client: at most one piece beyond the socket's own buffer is held here. */
async function writeStream(
  response: NodeResponse,
  body: AsyncIterable<string | Uint8Array> | Iterable<string | Uint8Array>,
  { gone, clock }: WriteOptions,
): Promise<void> {
  for await (const piece of body) {
    if (gone.aborted) return;
    if (!writePiece(response, piece)) await drained(response, gone, clock);
  }
}

const writePiece = (response: NodeResponse, piece: string | Uint8Array): boolean =>
  (response as { write(chunk: string | Uint8Array): boolean }).write(piece);

/** Resolves when there is room again or the client has gone; rejects when it takes nothing for STALL_MS. */
function drained(response: NodeResponse, gone: AbortSignal, clock: Clock): Promise<void> {
  return new Promise((resolve, reject) => {
    if (gone.aborted) return resolve();
    const cancel = clock.after(STALL_MS, () => finish(() => reject(new Error('the client takes nothing'))));
    const onReady = (): void => finish(resolve);
    const finish = (settle: () => void): void => {
      cancel();
      response.removeListener('drain', onReady);
      gone.removeEventListener('abort', onReady);
      settle();
    };
    response.once('drain', onReady);
    gone.addEventListener('abort', onReady, { once: true });
  });
}

function destroy(response: NodeResponse): void {
  if ('stream' in response) response.stream.close();
  else response.destroy();
}

function writeHead(response: NodeResponse, status: number, headers: ResponseHeaders): void {
  const plain = headers as Record<string, string | string[]>;
  if ('stream' in response) response.writeHead(status, plain);
  else response.writeHead(status, plain);
}

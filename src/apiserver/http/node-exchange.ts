import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { TLSSocket } from 'node:tls';
import type { Clock } from '../../base/clock.ts';
import { nodeHttp } from '../../base/node-http.ts';
import { identifyPeer } from '../authentication/client-certificate.ts';
import { writePieces } from './body-writer.ts';
import type { BodySink } from './body-writer.ts';
import type { HttpRequest, HttpResponse, RequestBody, RequestHeaders, ResponseHeaders } from './message.ts';
import { BODY_MS, isStream, LateBody } from './message.ts';

export const CLIENT_GONE = new Error('the client has closed the connection');

/** Who asks, and from where. */
export type Peer = Pick<HttpRequest, 'user' | 'hasBadCertificate' | 'remoteAddress'>;

interface KnownPeer {
  readonly peer: Peer;
  readonly expiresAtMs: number;
}

const peers = new WeakMap<Socket, KnownPeer>();

/** Who is at the other end of a connection; worked out once for each, until the certificate that was shown has expired. */
export function peerOf(socket: Socket, nowMs: number): Peer {
  const known = peers.get(socket);
  if (known !== undefined && nowMs <= known.expiresAtMs) return known.peer;
  const { expiresAtMs = Infinity, ...identity } = identifyPeer(socket as TLSSocket);
  const address = socket.remoteAddress === undefined ? {} : { remoteAddress: socket.remoteAddress };
  const isExpired = nowMs > expiresAtMs;
  const peer: Peer = { ...(isExpired ? { hasBadCertificate: true } : identity), ...address };
  peers.set(socket, { peer, expiresAtMs: isExpired ? Infinity : expiresAtMs });
  return peer;
}

export interface Serving {
  readonly handle: (request: HttpRequest) => Promise<HttpResponse>;
  readonly clock: Clock;
}

/** Answers one request of node:http. Never rejects; what goes wrong with the connection ends it. */
export async function serveExchange(
  request: IncomingMessage,
  response: ServerResponse,
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
      ...(hasBody ? { body: arrivingBody(request, clock) } : {}),
      ...peerOf(socket, clock.now()),
      signal: gone.signal,
    });
    await writeResponse(response, answer, { isHead: method === 'HEAD', gone: gone.signal, clock });
    isAnswered = true;
    if (hasBody && !request.complete) discardRest(request, response, socket);
  } catch {
    // A server that cannot start answers nothing; a client that takes nothing gets no more.
    response.destroy();
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
      ...peerOf(request.socket, clock.now()),
      isUpgrade: true,
      signal: gone.signal,
    });
    if (answer.takeOver !== undefined) return answer.takeOver(client, head);
    const response = new nodeHttp.ServerResponse(request);
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

/** The same as of HTTP/2. */
const arrivingBody = (request: IncomingMessage, clock: Clock): RequestBody => ({
  [Symbol.asyncIterator]: () => request[Symbol.asyncIterator]() as AsyncIterator<Uint8Array>,
  whole: async (limit) => {
    if (request.complete) return readWhole(request, limit);
    const late = Promise.withResolvers<never>();
    const cancel = clock.after(BODY_MS, () => late.reject(new LateBody()));
    try {
      return await Promise.race([readWhole(request, limit), late.promise]);
    } finally {
      cancel();
    }
  },
});

async function readWhole(request: AsyncIterable<Uint8Array>, limit: number): Promise<Uint8Array | undefined> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of request) {
    size += chunk.byteLength;
    if (size > limit) return undefined;
    chunks.push(chunk);
  }
  return chunks.length === 1 ? chunks[0] : Buffer.concat(chunks, size);
}

/** A body nobody read to its end (a refused one) would keep an HTTP/1.1 connection from its next request. */
function discardRest(request: IncomingMessage, response: ServerResponse, socket: Socket): void {
  request.resume();
  response.on('finish', () => setImmediate(() => !request.complete && socket.destroySoon()));
}

export interface WriteOptions {
  readonly isHead: boolean;
  readonly gone: AbortSignal;
  readonly clock: Clock;
}

async function writeResponse(
  response: ServerResponse,
  { status, headers, body }: HttpResponse,
  options: WriteOptions,
): Promise<void> {
  if (isStream(body)) {
    response.writeHead(status, headers as PlainHeaders);
    if (options.isHead) {
      response.end();
      await body[Symbol.asyncIterator]().return?.();
      return;
    }
    // A watch with nothing to say yet has begun all the same.
    response.flushHeaders();
    await writePieces(sinkOf(response), body, options);
    response.end();
    return;
  }
  const pieces = typeof body === 'string' || body instanceof Uint8Array ? [body] : body;
  response.writeHead(status, (status === 304 ? headers : withLength(headers, pieces)) as PlainHeaders);
  if (options.isHead || status === 304) {
    response.end();
  } else if (pieces.length === 1 && !isLong(pieces[0] ?? '')) {
    response.end(pieces[0] ?? '');
  } else {
    await writePieces(sinkOf(response), pieces, options);
    response.end();
  }
}

/** Larger pieces are worth waiting for: a client that takes nothing must not keep them for ever. */
const LONG = 128 * 1024;

export const isLong = (piece: string | Uint8Array): boolean => piece.length >= LONG;

type PlainHeaders = Record<string, string | string[]>;

export function withLength(
  headers: ResponseHeaders,
  pieces: readonly (string | Uint8Array)[],
): ResponseHeaders {
  let length = 0;
  for (const piece of pieces) length += typeof piece === 'string' ? Buffer.byteLength(piece) : piece.length;
  return { ...headers, 'content-length': String(length) };
}

const sinkOf = (response: ServerResponse): BodySink => ({
  write: (piece) => response.write(piece),
  whenDrained: (call) => {
    response.once('drain', call);
    return () => response.removeListener('drain', call);
  },
});

import { ServerResponse } from 'node:http';
import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { TLSSocket } from 'node:tls';
import type { Clock } from '../../base/clock.ts';
import { identifyPeer } from '../authentication/client-certificate.ts';
import { writePieces } from './body-writer.ts';
import type { BodySink } from './body-writer.ts';
import type { HttpRequest, HttpResponse, RequestHeaders, ResponseHeaders } from './message.ts';
import { isStream } from './message.ts';

export const CLIENT_GONE = new Error('the client has closed the connection');

/** Who asks, and from where. */
export type Peer = Pick<HttpRequest, 'user' | 'hasBadCertificate' | 'remoteAddress'>;

const peers = new WeakMap<Socket, Peer>();

/** Who is at the other end of a connection; worked out once for each. */
export function peerOf(socket: Socket): Peer {
  const known = peers.get(socket);
  if (known !== undefined) return known;
  const { remoteAddress } = socket;
  const peer = {
    ...identifyPeer(socket as TLSSocket),
    ...(remoteAddress === undefined ? {} : { remoteAddress }),
  };
  peers.set(socket, peer);
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
      ...(hasBody ? { body: request } : {}),
      ...peerOf(socket),
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
      ...peerOf(request.socket),
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
  } else if (pieces.length === 1) {
    response.end(pieces[0] ?? '');
  } else {
    await writePieces(sinkOf(response), pieces, options);
    response.end();
  }
}

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

import { constants } from 'node:http2';
import type { IncomingHttpHeaders, OutgoingHttpHeaders, ServerHttp2Stream } from 'node:http2';
import { isStream } from './message.ts';
import type { HttpResponse, RequestBody, RequestHeaders } from './message.ts';
import {
  CLIENT_GONE,
  peerOf,
  type Serving,
  withLength,
  type WriteOptions,
  writePieces,
} from './node-exchange.ts';

/**
 * Answers one request of an HTTP/2 session, on its stream and not by way of node's likeness of HTTP/1.1, which costs as
 * much again. Never rejects; what goes wrong with the connection ends it.
 */
export async function serveStream(
  stream: ServerHttp2Stream,
  headers: IncomingHttpHeaders,
  { handle, clock }: Serving,
): Promise<void> {
  const gone = new AbortController();
  let isAnswered = false;
  // After the answer nothing is left to stop, and making an abort's event costs a tenth of a request.
  stream.on('close', () => isAnswered || gone.abort(CLIENT_GONE));
  // A connection that breaks is not an error of ours; 'close' follows.
  stream.on('error', () => undefined);
  const { session } = stream;
  const { ':method': method = 'GET', ':path': path = '/', expect } = headers;
  if (session === undefined) return;
  if (method === 'CONNECT' || !meetsExpectation(stream, expect)) {
    stream.respond({ ':status': method === 'CONNECT' ? 405 : 417 }, { endStream: true });
    return;
  }
  const isHead = method === 'HEAD';
  const body = isHead || method === 'GET' ? undefined : bodyOf(stream);
  try {
    const answer = await handle({
      method,
      path,
      headers: headers as RequestHeaders,
      ...(body === undefined ? {} : { body }),
      // What stands for the session's socket is asked once only: it is a proxy.
      ...peerOf(session, session.socket),
      signal: gone.signal,
    });
    await writeResponse(stream, answer, { isHead, gone: gone.signal, clock });
    isAnswered = true;
    // What nobody wants to read is not waited for.
    if (body !== undefined && !stream.readableEnded) stream.close(constants.NGHTTP2_NO_ERROR);
  } catch {
    // A server that cannot start answers nothing; a client that takes nothing gets no more.
    stream.close(constants.NGHTTP2_INTERNAL_ERROR);
  }
}

/** Whether the client may go on with what it waits to hear of; tells it so. */
function meetsExpectation(stream: ServerHttp2Stream, expect: string | undefined): boolean {
  if (expect === '100-continue') stream.additionalHeaders({ ':status': 100 });
  return expect === undefined || expect === '100-continue';
}

/** The body as it arrives: piece by piece, or all at once for less than half of what the pieces' iterator costs. */
function bodyOf(stream: ServerHttp2Stream): RequestBody {
  return {
    // Whoever stops half-way still wants to answer.
    [Symbol.asyncIterator]: () => stream.iterator({ destroyOnReturn: false }),
    whole: (limit) =>
      new Promise((resolve, reject) => {
        const chunks: Buffer[] = [];
        let size = 0;
        stream.on('data', (chunk: Buffer) => {
          size += chunk.length;
          chunks.push(chunk);
          if (size <= limit) return;
          stream.pause();
          resolve(undefined);
        });
        const end = (): void => {
          if (stream.closed || !stream.readableEnded) reject(CLIENT_GONE);
          else resolve(chunks.length === 1 ? chunks[0] : Buffer.concat(chunks, size));
        };
        stream.on('end', end);
        stream.on('close', end);
      }),
  };
}

async function writeResponse(
  stream: ServerHttp2Stream,
  { status, headers, body }: HttpResponse,
  options: WriteOptions,
): Promise<void> {
  if (stream.destroyed || stream.closed) return;
  if (isStream(body)) {
    stream.respond(headersOf(status, headers));
    if (options.isHead) await body[Symbol.asyncIterator]().return?.();
    else await writePieces(stream, body, options);
    stream.end();
    return;
  }
  const pieces = typeof body === 'string' || body instanceof Uint8Array ? [body] : body;
  const isEmpty = options.isHead || status === 304 || pieces.length === 0;
  const known = status === 304 ? headers : withLength(headers, pieces);
  stream.respond(headersOf(status, known), { endStream: isEmpty });
  if (isEmpty) return;
  if (pieces.length > 1) await writePieces(stream, pieces, options);
  stream.end(pieces.length === 1 ? pieces[0] : undefined);
}

const headersOf = (status: number, headers: HttpResponse['headers']): OutgoingHttpHeaders => ({
  ...(headers as Record<string, string | string[]>),
  ':status': status,
});

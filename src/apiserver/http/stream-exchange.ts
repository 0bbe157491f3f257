import type { Clock } from '../../base/clock.ts';
import type { HeaderField } from '../http2/header-decoder.ts';
import type { ServerStream } from '../http2/server-stream.ts';
import { writePieces } from './body-writer.ts';
import type { BodySink } from './body-writer.ts';
import { isStream } from './message.ts';
import type { HttpResponse, ResponseHeaders } from './message.ts';
import { CLIENT_GONE, isLong, withLength } from './node-exchange.ts';
import type { Peer, Serving, WriteOptions } from './node-exchange.ts';

export interface StreamServing extends Serving {
  readonly peer: () => Peer;
}

/** Answers one request of an HTTP/2 connection. Never rejects; what goes wrong with the stream ends it. */
export async function serveStream(
  stream: ServerStream,
  { handle, clock, peer }: StreamServing,
): Promise<void> {
  const { method, path, headers, isTooLarge } = stream.head;
  if (isTooLarge) return refuseHeaders(stream);
  if (method === 'CONNECT') return stream.respond(405, [], true);
  if (!meetsExpectation(stream)) return stream.respond(417, [], true);
  const gone = new AbortController();
  stream.onClose = (isDone) => isDone || gone.abort(CLIENT_GONE);
  const hasBody = method !== 'GET' && method !== 'HEAD';
  try {
    const response = await handle({
      method,
      path,
      headers,
      ...(hasBody ? { body: stream.hasAllBody ? stream.body.takeAll() : stream.body } : {}),
      ...peer(),
      signal: gone.signal,
    });
    await respond(stream, response, { isHead: method === 'HEAD', gone: gone.signal, clock });
  } catch {
    // A server that cannot start answers nothing; a client that takes nothing gets no more.
    stream.reset();
  }
}

/** Whether the client may go on with what it waits to hear of; tells it so. */
function meetsExpectation(stream: ServerStream): boolean {
  const { expect } = stream.head.headers;
  if (expect === '100-continue') stream.inform(100);
  return expect === undefined || expect === '100-continue';
}

async function respond(
  stream: ServerStream,
  { status, headers, body }: HttpResponse,
  options: WriteOptions,
): Promise<void> {
  const { isHead, clock } = options;
  if (isStream(body)) {
    stream.respond(status, fieldsOf(headers, clock), isHead);
    if (isHead) return void (await body[Symbol.asyncIterator]().return?.());
    await writePieces(sinkOf(stream), body, options);
    return stream.end();
  }
  const pieces = typeof body === 'string' || body instanceof Uint8Array ? [body] : body;
  const isEmpty = isHead || status === 304 || pieces.length === 0;
  const known = status === 304 ? headers : withLength(headers, pieces);
  stream.respond(status, fieldsOf(known, clock), isEmpty);
  if (isEmpty) return;
  if (pieces.length === 1 && !isLong(pieces[0] ?? '')) stream.write(bytesOf(pieces[0] ?? ''));
  else await writePieces(sinkOf(stream), pieces, options);
  stream.end();
}

const sinkOf = (stream: ServerStream): BodySink => ({
  write: (piece) => stream.write(bytesOf(piece)),
  whenDrained: (call) => stream.whenDrained(call),
});

const bytesOf = (piece: string | Uint8Array): Uint8Array =>
  typeof piece === 'string' ? Buffer.from(piece) : piece;

function fieldsOf(headers: ResponseHeaders, clock: Clock): HeaderField[] {
  const fields: HeaderField[] = [['date', dateText(clock.now())]];
  for (const name in headers) {
    const value = headers[name];
    if (typeof value === 'string') fields.push([name, value]);
    else for (const each of value ?? []) fields.push([name, each]);
  }
  return fields;
}

let [dateSecond, date] = [NaN, ''];

/** As HTTP writes it; made once a second. */
function dateText(nowMs: number): string {
  const second = Math.floor(nowMs / 1000);
  if (second !== dateSecond) [dateSecond, date] = [second, new Date(nowMs).toUTCString()];
  return date;
}

function refuseHeaders(stream: ServerStream): void {
  const body = Buffer.from(
    JSON.stringify({
      kind: 'Status',
      apiVersion: 'v1',
      metadata: {},
      status: 'Failure',
      message: 'the headers of the request are too large',
      reason: 'BadRequest',
      code: 431,
    }),
  );
  const fields: HeaderField[] = [
    ['content-type', 'application/json'],
    ['content-length', String(body.length)],
  ];
  stream.respond(431, fields, false);
  stream.write(body);
  stream.end();
}

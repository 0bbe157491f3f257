import { connect, constants } from 'node:http2';
import type { ClientHttp2Session, ClientHttp2Stream } from 'node:http2';
import type { TLSSocket } from 'node:tls';
import type { CancelTimer, Clock } from '../base/clock.ts';
import { NotSentError, plainHeaders, readBody } from './connection.ts';
import type { Connection } from './connection.ts';
import type { TransportRequest, TransportResponse } from './transport.ts';

/** A PING goes out this often while a request is open, and must be answered as fast: a dead peer shows within 10 s. */
const pingEveryMs = 5_000;
const streamWindowBytes = 4 * 1024 * 1024;
const sessionWindowBytes = 16 * 1024 * 1024;

export interface Http2ConnectionOptions {
  /** Connected, with `h2` agreed by ALPN. */
  readonly socket: TLSSocket;
  readonly origin: string;
  readonly clock: Clock;
  readonly pingEveryMs?: number;
}

/** Every request is a stream of one session; the session ends when the peer says so or stops answering. */
export function createHttp2Connection(options: Http2ConnectionOptions): Connection {
  const { socket, origin, clock } = options;
  socket.setNoDelay(true);
  const session = connect(origin, {
    createConnection: () => socket,
    settings: { enablePush: false, initialWindowSize: streamWindowBytes },
    // Until a server states its own limit Node assumes 100, and holds further watches back without a word.
    peerMaxConcurrentStreams: 1000,
  });
  let isGoing = false;
  session.on('connect', () => session.setLocalWindowSize(sessionWindowBytes));
  session.on('goaway', () => (isGoing = true));
  // Requests report the failure; without a listener the event would end the process.
  session.on('error', () => undefined);
  const watchdog = createWatchdog(session, clock, options.pingEveryMs ?? pingEveryMs);
  const isUsable = (): boolean => !isGoing && !session.closed && !session.destroyed;
  return {
    isUsable,
    request: (request) => {
      if (!isUsable()) return Promise.reject(new NotSentError('the connection is closed'));
      return send(session, request, watchdog);
    },
    retire: () => {
      isGoing = true;
      session.close();
    },
    close: () => session.destroy(new Error('the transport was closed')),
  };
}

/** Sends PINGs while streams are open and destroys the session when one stays unanswered. */
function createWatchdog(
  session: ClientHttp2Session,
  clock: Clock,
  everyMs: number,
): (stream: ClientHttp2Stream) => void {
  let nOpen = 0;
  let cancel: CancelTimer | undefined;
  const plan = (): void => {
    cancel ??= clock.after(everyMs, beat);
  };
  const beat = (): void => {
    cancel = undefined;
    if (session.destroyed || nOpen === 0) return;
    const giveUp = clock.after(everyMs, () => session.destroy(new Error('the server no longer answers')));
    cancel = giveUp;
    session.ping(() => {
      giveUp();
      cancel = undefined;
      if (!session.destroyed && nOpen > 0) plan();
    });
  };
  session.once('close', () => cancel?.());
  return (stream) => {
    nOpen++;
    plan();
    stream.once('close', () => {
      nOpen--;
    });
  };
}

function send(
  session: ClientHttp2Session,
  request: TransportRequest,
  onOpen: (stream: ClientHttp2Stream) => void,
): Promise<TransportResponse> {
  const { method, path, headers, body, signal } = request;
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(new NotSentError('aborted before it was sent'));
    const stream = session.request(
      { ...headers, ':method': method, ':path': path },
      { endStream: body === undefined },
    );
    const abort = (): void => stream.close(constants.NGHTTP2_CANCEL);
    signal?.addEventListener('abort', abort, { once: true });
    onOpen(stream);
    let failure: Error | undefined;
    stream.on('error', (error: Error) => (failure = error));
    stream.once('close', () => {
      signal?.removeEventListener('abort', abort);
      if (stream.rstCode === constants.NGHTTP2_REFUSED_STREAM)
        return reject(new NotSentError('refused by the server'));
      reject(new Error(`${method} ${path}: the connection closed before the answer`, { cause: failure }));
    });
    stream.once('response', (response) => {
      resolve({
        status: response[':status'] ?? 0,
        headers: plainHeaders(response),
        body: readStream(stream, signal),
      });
    });
    if (body !== undefined) stream.end(body);
  });
}

async function* readStream(stream: ClientHttp2Stream, signal?: AbortSignal): AsyncGenerator<Uint8Array> {
  try {
    yield* readBody(chunksOf(stream), signal, () => stream.rstCode !== constants.NGHTTP2_NO_ERROR);
  } finally {
    // A reader that stops early must not leave the server sending.
    if (!stream.closed) stream.close(constants.NGHTTP2_CANCEL);
  }
}

/**
 * What a stream has to read, to its end. Node's own iterator says that a stream broke when HTTP/2 is done with it, even though
 * its last data have not been read yet; that is how a whole answer looks when it came at once. Throws when it broke.
 */
async function* chunksOf(stream: ClientHttp2Stream): AsyncGenerator<Uint8Array> {
  let wake = (): void => undefined;
  const onEvent = (): void => wake();
  const events = ['readable', 'end', 'close'] as const;
  for (const event of events) stream.on(event, onEvent);
  try {
    for (;;) {
      const chunk = stream.destroyed ? null : (stream.read() as Buffer | null);
      if (chunk !== null) yield chunk;
      else if (stream.readableEnded) return;
      else if (stream.destroyed) throw stream.errored ?? new Error('the stream closed before its end');
      else await new Promise<void>((resolve) => (wake = resolve));
    }
  } finally {
    for (const event of events) stream.off(event, onEvent);
  }
}

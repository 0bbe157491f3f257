import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { internal } from '../../api/errors/api-error.ts';
import { nodeHttp } from '../../base/node-http.ts';
import { withoutWebSocketToken } from '../authentication/web-socket-token.ts';
import type { HttpRequest, HttpResponse } from '../http/message.ts';

/** PEM texts; without `cert` no certificate is shown. */
export interface BackendTls {
  readonly ca?: string;
  readonly cert?: string;
  readonly key?: string;
  readonly rejectUnauthorized: boolean;
}

export interface BackendCall {
  readonly url: string;
  readonly method: string;
  readonly headers: Readonly<Record<string, string | readonly string[]>>;
  /** For https. */
  readonly tls?: BackendTls;
  readonly body?: NonNullable<HttpRequest['body']>;
  readonly signal: AbortSignal;
}

export interface BackendAnswer {
  readonly response: IncomingMessage;
  /** The connection, when the backend goes on in the other protocol (status 101). */
  readonly upgraded?: { readonly socket: Duplex; readonly head: Buffer };
}

/** Calls what is behind the server. Rejects with the error of the connection. */
export async function callBackend(call: BackendCall): Promise<BackendAnswer> {
  const { url, method, headers, tls, body, signal } = call;
  const isTls = url.startsWith('https:');
  const [{ request }, { pipeline }, { Readable }] = await Promise.all([
    isTls ? import('node:https') : nodeHttp,
    import('node:stream'),
    import('node:stream'),
  ]);
  return new Promise((resolve, reject) => {
    const plain = headers as Record<string, string | string[]>;
    // A connection of its own: one that was kept may break under a request that must not be repeated.
    const sent = request(url, { method, headers: plain, signal, agent: false, ...(isTls ? tls : {}) });
    sent.on('error', reject);
    sent.on('response', (response) => resolve({ response }));
    sent.on('upgrade', (response, socket, head) => resolve({ response, upgraded: { socket, head } }));
    if (body === undefined) return void sent.end();
    if (typeof body === 'string' || body instanceof Uint8Array) return void sent.end(body);
    // A backend that answers before it has read everything is no error of the upload.
    pipeline(Readable.from(body, { objectMode: false }), sent, (error) => {
      if (error instanceof Error) reject(error);
    });
  });
}

/** Connection-level headers, which end at each hop (RFC 9110 7.6.1), and what only the server itself may read. */
const HOP_HEADERS = new Set([
  'connection',
  'proxy-connection',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authorization',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
  'http2-settings',
]);
/** Proof of who asks is for this server alone. */
const OWN_HEADERS = /^(authorization|impersonate-.*|x-remote-.*|:.*)$/;

const namedByConnection = (connection: string | undefined): ReadonlySet<string> =>
  new Set((connection ?? '').split(',').map((name) => name.trim().toLowerCase()));

/** What is passed on of a request's headers; with `isUpgrade` also the wish for the other protocol. */
export function forwardedHeaders(
  { headers, remoteAddress }: Pick<HttpRequest, 'headers' | 'remoteAddress'>,
  isUpgrade: boolean,
): Record<string, string> {
  const dropped = namedByConnection(headers.connection);
  const kept: Record<string, string> = {};
  for (const [name, value] of Object.entries(headers)) {
    if (value === undefined || HOP_HEADERS.has(name) || OWN_HEADERS.test(name)) continue;
    if (dropped.has(name)) continue;
    const passed = name === 'sec-websocket-protocol' ? withoutWebSocketToken(value) : value;
    if (passed !== undefined) kept[name] = passed;
  }
  if (/\btrailers\b/.test(headers.te ?? '')) kept['te'] = 'trailers';
  // HTTP/2 has the host elsewhere.
  const host = headers[':authority'] ?? headers.host;
  if (host !== undefined) kept['host'] = host;
  if (remoteAddress !== undefined) {
    const before = headers['x-forwarded-for'];
    kept['x-forwarded-for'] = before === undefined ? remoteAddress : `${before}, ${remoteAddress}`;
  }
  if (isUpgrade) Object.assign(kept, { connection: 'Upgrade', upgrade: headers.upgrade ?? '' });
  return kept;
}

/** The headers of a backend's answer without those of its connection. */
export function answeredHeaders(response: IncomingMessage): Record<string, string | readonly string[]> {
  const dropped = namedByConnection(response.headers.connection);
  const kept: Record<string, string | readonly string[]> = {};
  for (const [name, values = []] of Object.entries(response.headersDistinct)) {
    if (HOP_HEADERS.has(name) || dropped.has(name)) continue;
    kept[name] = values.length === 1 ? (values[0] ?? '') : values;
  }
  return kept;
}

/** A backend's answer to a request for another protocol: the connection joined to the client's, or its refusal. Throws 500. */
export function upgradeResponse({ response, upgraded }: BackendAnswer, signal: AbortSignal): HttpResponse {
  const { statusCode = 0 } = response;
  if (upgraded !== undefined) {
    const start = statusLines(response);
    return {
      status: 101,
      headers: {},
      body: '',
      takeOver: (client, head) => {
        client.write(start);
        if (upgraded.head.length > 0) client.write(upgraded.head);
        if (head.length > 0) upgraded.socket.write(head);
        join(client, upgraded.socket, signal);
      },
    };
  }
  if (statusCode < 400) {
    response.destroy();
    throw internal(`invalid upgrade response: status code ${statusCode}`);
  }
  return plainResponse(response);
}

/** The answer as it is, streamed. */
export const plainResponse = (response: IncomingMessage): HttpResponse => ({
  status: response.statusCode ?? 502,
  headers: answeredHeaders(response),
  body: response,
});

function statusLines({ statusCode, statusMessage, rawHeaders }: IncomingMessage): string {
  const lines = [`HTTP/1.1 ${statusCode} ${statusMessage}`];
  for (let i = 0; i < rawHeaders.length; i += 2) lines.push(`${rawHeaders[i]}: ${rawHeaders[i + 1]}`);
  return `${lines.join('\r\n')}\r\n\r\n`;
}

/** How long the other side may go on when one has ended. */
const LINGER_MS = 10_000;

/** Carries bytes both ways until one side ends or breaks, or `signal` aborts; then the other one ends as well. */
function join(client: Duplex, backend: Duplex, signal: AbortSignal): void {
  const cut = (): void => {
    client.destroy();
    backend.destroy();
  };
  const linger = (): void => void setTimeout(cut, LINGER_MS).unref();
  for (const [from, to] of [
    [client, backend],
    [backend, client],
  ] as const) {
    from.on('error', () => undefined);
    from.pipe(to);
    from.on('end', linger);
    from.on('close', () => {
      signal.removeEventListener('abort', cut);
      // What is under way to the other side still gets there; of a client that broke off, nothing is wanted any more.
      const isBroken = from === client && !client.readableEnded;
      if (to.writable && !isBroken) to.end(() => to.destroy());
      else to.destroy();
      linger();
    });
  }
  if (signal.aborted) cut();
  else signal.addEventListener('abort', cut, { once: true });
}

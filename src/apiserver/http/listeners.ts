import { createSecureServer } from 'node:http2';
import type { Http2SecureServer, IncomingHttpHeaders, ServerHttp2Stream } from 'node:http2';
import { createServer } from 'node:net';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { AddressInfo, Server, Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { Clock } from '../../base/clock.ts';
import type { Logger } from '../../base/logger.ts';
import type { ApiServerConfig, ListenEndpoint } from '../config.ts';
import { createConnections } from './connections.ts';
import type { HttpRequest, HttpResponse } from './message.ts';
import { serveExchange, serveUpgrade } from './node-exchange.ts';
import { serveStream } from './stream-exchange.ts';

/** Requests that run at the same time on one HTTP/2 connection: a controller's watches all share one. */
const MAX_STREAMS = 1000;
/** Answers waiting on one HTTP/2 connection; beyond it node refuses new requests (its default of 10 MB is one large list). */
const MAX_SESSION_MB = 256;
/** How long running requests may take to finish once the server stops. */
const STOP_MS = 2000;

export interface Listening {
  /** In the order of the endpoints; for an inherited socket what it is bound to. */
  readonly addresses: readonly AddressInfo[];
  /** Accepts nothing more, lets running requests finish for a moment, then cuts what is left. */
  stop(): Promise<void>;
}

export interface ListenOptions {
  readonly config: Pick<ApiServerConfig, 'listen' | 'serving' | 'clientCa'>;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly handle: (request: HttpRequest) => Promise<HttpResponse>;
}

/**
 * One TLS server (HTTP/2 and HTTP/1.1 by ALPN) behind any number of listening sockets. Rejects with an Error that names
 * the endpoint when one cannot be had; then none is kept.
 */
export async function listenAll({ config, clock, logger, handle }: ListenOptions): Promise<Listening> {
  const core = createTlsCore(config, logger);
  const connections = createConnections();
  core.on('session', (session) => connections.addSession(session));
  core.on('request', (request: IncomingMessage, response: ServerResponse) => {
    response.on('close', connections.begin(request.socket));
    void serveExchange(request, response, { handle, clock });
  });
  // With the first listener above node also begins to make such requests out of HTTP/2's, at half as much again as they cost.
  core.removeAllListeners('stream');
  core.on('stream', (stream: ServerHttp2Stream, headers: IncomingHttpHeaders) => {
    void serveStream(stream, headers, { handle, clock });
  });
  core.on('upgrade', (request: IncomingMessage, client: Duplex, head: Buffer) => {
    client.on('close', connections.begin(client as Socket));
    void serveUpgrade(request, { client, head }, { handle, clock });
  });
  const servers = config.listen.map(() =>
    createServer({ noDelay: true }, (socket) => {
      connections.addSocket(socket);
      core.emit('connection', socket);
    }),
  );
  try {
    await Promise.all(servers.map((server, i) => listen(server, config.listen[i] ?? { fd: -1 })));
  } catch (error) {
    for (const server of servers) server.close();
    throw error;
  }
  return {
    addresses: servers.map((server) => server.address() as AddressInfo),
    stop: async () => {
      const closed = servers.map((server) => new Promise((resolve) => server.close(resolve)));
      connections.finish();
      await Promise.race([Promise.all(closed), clock.sleep(STOP_MS)]);
      connections.cut();
      await Promise.all(closed);
    },
  };
}

function createTlsCore({ serving, clientCa }: ListenOptions['config'], logger: Logger): Http2SecureServer {
  const core = createSecureServer({
    cert: serving.cert,
    key: serving.key,
    ca: clientCa,
    requestCert: true,
    // A client without a certificate may show a token; who shows neither is refused by the server with a Status.
    rejectUnauthorized: false,
    allowHTTP1: true,
    minVersion: 'TLSv1.2',
    settings: { maxConcurrentStreams: MAX_STREAMS },
    maxSessionMemory: MAX_SESSION_MB,
  });
  // A client that only offers another protocol (h2c, a WebSocket where there is none) is answered in HTTP.
  Object.assign(core, { shouldUpgradeCallback: mayUpgrade });
  core.on('tlsClientError', (error) => logger.debug('TLS handshake failed', { err: error }));
  core.on('sessionError', (error) => logger.debug('HTTP/2 session failed', { err: error }));
  core.on('clientError', (error: NodeJS.ErrnoException, socket: Socket) => {
    if (socket.writable) socket.end(malformedAnswer(error.code));
  });
  return core;
}

/** What a client hears whose bytes are no HTTP/1.1 request: node has no request to hand over, so it never gets further. */
function malformedAnswer(code: string | undefined): string {
  const [status, line, reason, message] =
    code === 'HPE_HEADER_OVERFLOW'
      ? [431, 'Request Header Fields Too Large', 'BadRequest', 'the headers of the request are too large']
      : code === 'ERR_HTTP_REQUEST_TIMEOUT'
        ? [408, 'Request Timeout', 'Timeout', 'the request did not arrive in time']
        : [400, 'Bad Request', 'BadRequest', 'the request is not valid HTTP/1.1'];
  const body = JSON.stringify({
    kind: 'Status',
    apiVersion: 'v1',
    metadata: {},
    status: 'Failure',
    message,
    reason,
    code: status,
  });
  const head = `HTTP/1.1 ${status} ${line}\r\ncontent-type: application/json\r\n`;
  return `${head}connection: close\r\ncontent-length: ${body.length}\r\n\r\n${body}`;
}

function listen(server: Server, endpoint: ListenEndpoint): Promise<void> {
  return new Promise((resolve, reject) => {
    const onError = (cause: Error): void =>
      reject(new Error(`listening on ${endpointText(endpoint)}: ${cause.message}`, { cause }));
    server.once('error', onError);
    server.listen(endpoint, () => {
      server.removeListener('error', onError);
      resolve();
    });
  });
}

/** exec, attach, portforward and everything behind a proxy of a Pod, Service or node. */
const UPGRADABLE = /^\/api\/v1\/[^?]*\/(exec|attach|portforward|proxy)([/?]|$)/;

const mayUpgrade = ({ url = '' }: Pick<IncomingMessage, 'url'>): boolean => UPGRADABLE.test(url);

const endpointText = (endpoint: ListenEndpoint): string =>
  'fd' in endpoint ? `inherited socket ${endpoint.fd}` : `${endpoint.host}:${endpoint.port}`;

import type { IncomingMessage, Server as HttpServer } from 'node:http';
import { createServer } from 'node:net';
import type { AddressInfo, Server, Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { createServer as createTlsServer } from 'node:tls';
import type { Server as TlsServer, TLSSocket } from 'node:tls';
import type { Clock } from '../../base/clock.ts';
import type { Logger } from '../../base/logger.ts';
import { nodeHttp } from '../../base/node-http.ts';
import type { ApiServerConfig, ListenEndpoint } from '../config.ts';
import { createConnections, HEAD_MS, IDLE_MS } from './connections.ts';
import type { Connections } from './connections.ts';
import type { HttpRequest, HttpResponse } from './message.ts';
import { Http2Session } from '../http2/session.ts';
import { serveStream } from './stream-exchange.ts';
import { peerOf, serveExchange, serveUpgrade } from './node-exchange.ts';

/** Requests that run at the same time on one HTTP/2 connection: a controller's watches all share one. */
const MAX_STREAMS = 1000;
/** Clients that vanish without a word (a laptop that sleeps, a router that forgets) are found out by asking, as Go does. */
const SOCKETS = { noDelay: true, keepAlive: true, keepAliveInitialDelay: 15_000 } as const;
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
export async function listenAll(options: ListenOptions): Promise<Listening> {
  const { config, clock } = options;
  const connections = createConnections(clock);
  const core = createTlsCore(options, connections);
  const servers = config.listen.map(() =>
    createServer(SOCKETS, (socket) => {
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

function createTlsCore(options: ListenOptions, connections: Connections): TlsServer {
  const { serving, clientCa } = options.config;
  const { logger } = options;
  const http1 = createHttp1(options, connections);
  const core = createTlsServer({
    cert: serving.cert,
    key: serving.key,
    ca: clientCa,
    requestCert: true,
    // A client without a certificate may show a token; who shows neither is refused by the server with a Status.
    rejectUnauthorized: false,
    ALPNProtocols: ['h2', 'http/1.1'],
    minVersion: 'TLSv1.2',
    handshakeTimeout: HEAD_MS,
  });
  core.on('tlsClientError', (error) => logger.debug('TLS handshake failed', { err: error }));
  core.on('secureConnection', (socket: TLSSocket) => {
    if (socket.alpnProtocol === 'h2') speakHttp2(socket, options, connections);
    else {
      connections.addHttp1(socket);
      http1.emit('connection', socket);
    }
  });
  return core;
}

function speakHttp2(
  socket: TLSSocket,
  { handle, clock, logger }: ListenOptions,
  connections: Connections,
): void {
  // A broken connection is the client's affair; 'close' follows.
  socket.on('error', (error) => logger.debug('HTTP/2 connection failed', { err: error }));
  const serving = { handle, clock, peer: () => peerOf(socket, clock.now()) };
  const session = new Http2Session({
    socket,
    clock,
    maxStreams: MAX_STREAMS,
    serve: (stream) => serveStream(stream, serving),
    onFault: (error) => logger.debug('HTTP/2 session failed', { err: error }),
  });
  connections.addSession(session, socket);
  session.start();
}

function createHttp1({ handle, clock }: ListenOptions, connections: Connections): HttpServer {
  // A server that does not listen itself has no other timeouts of node's; `connections` has them.
  const server = nodeHttp.createServer({ keepAliveTimeout: IDLE_MS }, (request, response) => {
    response.on('close', connections.begin(request.socket));
    void serveExchange(request, response, { handle, clock });
  });
  server.on('upgrade', (request: IncomingMessage, client: Duplex, head: Buffer) => {
    client.on('close', connections.begin(client as Socket));
    void serveUpgrade(request, { client, head }, { handle, clock });
  });
  // A client that only offers another protocol (h2c, a WebSocket where there is none) is answered in HTTP.
  Object.assign(server, { shouldUpgradeCallback: mayUpgrade });
  server.on('clientError', (error: NodeJS.ErrnoException, socket: Duplex) => {
    if (socket.writable) socket.end(malformedAnswer(error.code));
  });
  return server;
}

/** What a client hears whose bytes are no HTTP/1.1 request: node has no request to hand over, so it never gets further. */
function malformedAnswer(code: string | undefined): string {
  const [status, line, reason, message] =
    code === 'HPE_HEADER_OVERFLOW'
      ? [431, 'Request Header Fields Too Large', 'BadRequest', 'the headers of the request are too large']
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

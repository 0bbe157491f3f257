import { isIP } from 'node:net';
import { connect } from 'node:tls';
import type { ConnectionOptions, TLSSocket } from 'node:tls';
import type { Clock } from '../base/clock.ts';
import { NotSentError } from './connection.ts';
import type { Connection } from './connection.ts';
import { authorizationOf } from './server-access.ts';
import type { ServerAccess, TlsMaterial } from './server-access.ts';
import type { Transport, TransportRequest, TransportResponse } from './transport.ts';

const dialTimeoutMs = 10_000;

export interface HttpTransportOptions {
  readonly clock: Clock;
  /** Sent as `user-agent`. */
  readonly userAgent?: string;
  /** Interval of HTTP/2 PINGs and the time to answer one (default 5 s). */
  readonly pingEveryMs?: number;
}

/**
 * Speaks HTTP/2 over one connection that is dialled when needed and dialled again when it is lost, or HTTP/1.1 with a
 * server that does not offer HTTP/2. A request that never reached the server, and a read whose connection was lost, is
 * sent once more; everything else is for the caller to repeat.
 */
export function createHttpTransport(access: ServerAccess, options: HttpTransportOptions): Transport {
  const origin = new URL(access.server);
  const prefix = origin.pathname.replace(/\/+$/, '');
  let current: Promise<Connection> | undefined;
  /** What the connection was made with, or could not be. */
  let material: TlsMaterial | undefined;
  const connection = async (): Promise<Connection> => {
    const now = access.material?.() ?? access;
    const standing = await current?.catch(() => undefined);
    const isOld = material !== now;
    material = now;
    if (standing?.isUsable()) return isOld ? renewed(standing, now) : standing;
    const dialled = (current = dial({ ...access, ...now }, origin, options));
    dialled.catch(() => {
      if (current === dialled) current = undefined;
    });
    return dialled;
  };
  /** A certificate that was renewed takes the place of the old one; while it cannot, the old one serves as long as the server lets it. */
  const renewed = async (standing: Connection, now: TlsMaterial): Promise<Connection> => {
    try {
      const next = await dial({ ...access, ...now }, origin, options);
      current = Promise.resolve(next);
      standing.retire();
      return next;
    } catch {
      return standing;
    }
  };
  // Several requests that find the connection gone share one new one.
  let pending: Promise<Connection> | undefined;
  const shared = (): Promise<Connection> => {
    pending ??= connection().finally(() => (pending = undefined));
    return pending;
  };
  const send = async (request: TransportRequest): Promise<TransportResponse> => {
    const headers = {
      'user-agent': options.userAgent ?? 'portico',
      ...authorizationOf(access),
      ...request.headers,
    };
    return (await shared()).request({ ...request, path: prefix + request.path, headers });
  };
  return {
    request: async (request) => {
      try {
        return await send(request);
      } catch (error) {
        const isSafe = error instanceof NotSentError || (request.method === 'GET' && !isDialError(error));
        if (!isSafe || request.signal?.aborted) throw error;
        return send(request);
      }
    },
    close: () => {
      current?.then(
        (standing) => standing.close(),
        () => undefined,
      );
      current = undefined;
    },
  };
}

class DialError extends Error {
  override readonly name = 'DialError';
}

const isDialError = (error: unknown): boolean => error instanceof DialError;

async function dial(access: ServerAccess, origin: URL, options: HttpTransportOptions): Promise<Connection> {
  if (origin.protocol === 'http:') return dialHttp1(origin, undefined);
  if (origin.protocol !== 'https:')
    throw new DialError(`${access.server}: expected an https or http address`);
  const tls = tlsOptions(access, origin);
  const socket = await handshake(tls, options.clock, access.server);
  if (socket.alpnProtocol !== 'h2') {
    socket.destroy();
    return dialHttp1(origin, tls);
  }
  const { createHttp2Connection } = await import('./http2-connection.ts');
  return createHttp2Connection({ ...options, socket, origin: origin.origin });
}

/** Few servers need it. */
async function dialHttp1(origin: URL, tls: ConnectionOptions | undefined): Promise<Connection> {
  const { createHttp1Connection } = await import('./http1-connection.ts');
  return createHttp1Connection(origin, tls);
}

function tlsOptions(access: ServerAccess, origin: URL): ConnectionOptions {
  const host = origin.hostname.replace(/^\[|\]$/g, '');
  const name = access.tlsServerName ?? host;
  return {
    host,
    port: origin.port === '' ? 443 : Number(origin.port),
    ca: access.ca,
    cert: access.cert,
    key: access.key,
    rejectUnauthorized: access.isInsecure !== true,
    // An address is not a server name: SNI carries names only (RFC 6066, section 3).
    ...(isIP(name) === 0 ? { servername: name } : {}),
  };
}

function handshake(tls: ConnectionOptions, clock: Clock, server: string): Promise<TLSSocket> {
  return new Promise((resolve, reject) => {
    const socket = connect({ ...tls, ALPNProtocols: ['h2', 'http/1.1'] });
    const fail = (cause?: Error): void => {
      cancel();
      socket.destroy();
      reject(
        new DialError(`cannot connect to ${server}${cause === undefined ? '' : `: ${cause.message}`}`, {
          cause,
        }),
      );
    };
    const cancel = clock.after(dialTimeoutMs, () => fail(new Error('no answer within 10 seconds')));
    socket.once('error', fail);
    const gone = (): void => fail();
    socket.once('close', gone);
    socket.once('secureConnect', () => {
      cancel();
      socket.removeListener('close', gone);
      socket.removeListener('error', fail);
      // Until the connection listens itself: an error that nobody hears ends the process.
      socket.on('error', () => undefined);
      resolve(socket);
    });
  });
}

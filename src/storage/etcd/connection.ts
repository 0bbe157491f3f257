import { Client, credentials, Metadata, status } from '@grpc/grpc-js';
import type { ChannelCredentials, ClientDuplexStream, ServiceError } from '@grpc/grpc-js';
import { createBackoff } from '../../base/backoff.ts';
import type { Clock } from '../../base/clock.ts';
import { messageOf } from '../../base/thrown.ts';
import { methods } from './messages.ts';
import type { Method } from './messages.ts';

/** Where etcd is, and who asks. */
export interface EtcdAccess {
  /** URLs of its members, such as `https://10.0.0.1:2379`. */
  readonly servers: readonly string[];
  /** PEM text. Without `ca` the authorities of the system are trusted. */
  readonly tls?: { readonly ca?: string; readonly cert?: string; readonly key?: string };
  readonly user?: { readonly name: string; readonly password: string };
}

export interface CallOptions {
  /** Told before each further attempt; an earlier one may have been carried out all the same. */
  readonly onRetry?: (error: EtcdError) => void;
}

/** Calls to whichever member answers. */
export interface Connection {
  /**
   * Asks one member after the other until one answers, `TOTAL_MS` at most. The request must be safe to repeat. Rejects
   * with an EtcdError.
   */
  call<Q, R>(method: Method<Q, R>, request: Q, options?: CallOptions): Promise<R>;
  /** A stream with the member that answered last. */
  stream<Q, R>(method: Method<Q, R>): Promise<EtcdStream<Q, R>>;
  /** From now on a call that fails is not tried again. */
  giveUp(): void;
  close(): void;
}

export interface EtcdStream<Q, R> {
  readonly call: ClientDuplexStream<Q, R>;
  /** Turns later calls and streams to the next member, unless that has happened already. */
  leave(): void;
}

/** A call that failed: the code is gRPC's, the message etcd's. */
export class EtcdError extends Error {
  readonly code: number;
  constructor(code: number, message: string) {
    super(message);
    this.name = 'EtcdError';
    this.code = code;
  }
}

/** One member has this long: a leader is elected in less, and a member that hangs must not hold everything up. */
const ATTEMPT_MS = 4000;
/** All members together. */
const TOTAL_MS = 12_000;
const BACKOFF = { minMs: 20, maxMs: 500 };

const CHANNEL = {
  'grpc.max_receive_message_length': -1,
  'grpc.max_send_message_length': -1,
  'grpc.initial_reconnect_backoff_ms': 100,
  'grpc.max_reconnect_backoff_ms': 1000,
  // etcd takes more than one ping in 5 s for an attack (--grpc-keepalive-min-time).
  'grpc.keepalive_time_ms': 10_000,
  'grpc.keepalive_timeout_ms': 5000,
  'grpc.enable_http_proxy': 0,
  'grpc.enable_retries': 0,
};

const UNAVAILABLE: number = status.UNAVAILABLE;
const UNAUTHENTICATED: number = status.UNAUTHENTICATED;
/** Codes after which another member, or the same one a moment later, may answer. */
const TRANSIENT: ReadonlySet<number> = new Set([
  status.CANCELLED,
  status.UNKNOWN,
  status.DEADLINE_EXCEEDED,
  status.ABORTED,
  status.INTERNAL,
  status.UNAVAILABLE,
]);
const isTransient = ({ code, message }: EtcdError): boolean =>
  TRANSIENT.has(code) || message.includes('too many requests');

/** The token has expired, or rights have changed since it was given. */
const isStaleToken = ({ code, message }: EtcdError): boolean =>
  code === UNAUTHENTICATED || /invalid auth token|revision in header is old/.test(message);

/** Whether the call surely never reached a member. */
export const isUnsent = ({ code, message }: EtcdError): boolean =>
  code === UNAVAILABLE && /^No connection established|ECONNREFUSED/.test(message);

/** Opens nothing: each member is dialled when it is asked first. Throws for servers that are no URLs. */
export function createConnection(access: EtcdAccess, clock: Clock): Connection {
  const members = access.servers.map((server) => createMember(server, access));
  const stopping = new AbortController();
  let current = 0;
  const tokens = createTokens(access, clock);
  const memberAt = (index: number): Client => {
    const client = members[index % members.length];
    if (client === undefined) throw new Error('--etcd-servers: at least one URL is needed');
    return client();
  };
  const leave = (index: number): void => {
    if (index === current) current = (current + 1) % members.length;
  };
  return {
    async call(method, request, { onRetry } = {}) {
      const until = clock.now() + TOTAL_MS;
      const backoff = createBackoff(BACKOFF);
      let isTokenNew = false;
      for (;;) {
        const index = current;
        try {
          const client = memberAt(index);
          return await unary(client, { method, clock, data: await tokens.metadata(client) }, request);
        } catch (error) {
          if (!(error instanceof EtcdError)) throw error;
          const pause = backoff.next();
          if (access.user !== undefined && !isTokenNew && isStaleToken(error)) {
            isTokenNew = true;
            tokens.forget();
          } else {
            if (!isTransient(error) || stopping.signal.aborted || clock.now() + pause > until) throw error;
            leave(index);
            await clock.sleep(pause, stopping.signal);
          }
          onRetry?.(error);
        }
      }
    },
    async stream(method) {
      const index = current;
      const client = memberAt(index);
      const data = await tokens.metadata(client);
      const call = client.makeBidiStreamRequest(method.path, method.encode, method.decode, data);
      // The reader hears of failures; once it has gone nobody needs to.
      call.on('error', (error) => {
        if (isStaleToken(errorOf(error))) tokens.forget();
      });
      return { call, leave: () => leave(index) };
    },
    giveUp: () => stopping.abort(),
    close() {
      stopping.abort();
      for (const member of members) member().close();
    },
  };
}

/** What goes with each call: the wish for a member that has a leader, and who asks. */
interface Tokens {
  metadata(client: Client): Promise<Metadata>;
  forget(): void;
}

function createTokens({ user }: EtcdAccess, clock: Clock): Tokens {
  let token: Promise<string> | undefined;
  return {
    async metadata(client) {
      const data = new Metadata();
      // A member without a leader answers at once instead of waiting for one.
      data.set('hasleader', 'true');
      if (user === undefined) return data;
      token ??= unary(client, { method: methods.authenticate, clock, data }, user).then((r) => r.token);
      try {
        const authorized = data.clone();
        authorized.set('token', await token);
        return authorized;
      } catch (error) {
        token = undefined;
        throw error;
      }
    },
    forget() {
      token = undefined;
    },
  };
}

function createMember(server: string, { tls }: EtcdAccess): () => Client {
  const text = server.includes('://') ? server : `${tls === undefined ? 'http' : 'https'}://${server}`;
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || !['http:', 'https:'].includes(url.protocol) || url.hostname === '') {
    throw new Error(`--etcd-servers: ${JSON.stringify(server)} is not a URL like https://10.0.0.1:2379`);
  }
  // A URL drops the port that is usual for its scheme.
  const port = /:(\d+)\/*$/.exec(text)?.[1] ?? '2379';
  let client: Client | undefined;
  return () => (client ??= new Client(`${url.hostname}:${port}`, credentialsFor(url, tls), CHANNEL));
}

function credentialsFor(url: URL, tls: EtcdAccess['tls']): ChannelCredentials {
  if (url.protocol === 'http:') return credentials.createInsecure();
  const bytes = (pem: string | undefined): Buffer | null => (pem === undefined ? null : Buffer.from(pem));
  return credentials.createSsl(bytes(tls?.ca), bytes(tls?.key), bytes(tls?.cert));
}

interface Attempt<Q, R> {
  readonly method: Method<Q, R>;
  readonly data: Metadata;
  readonly clock: Clock;
}

function unary<Q, R>(client: Client, { method, data, clock }: Attempt<Q, R>, request: Q): Promise<R> {
  return new Promise((resolve, reject) => {
    const answer = (error: ServiceError | null, response?: R): void => {
      if (error !== null) reject(errorOf(error));
      else if (response === undefined) reject(new EtcdError(status.INTERNAL, 'etcd answered nothing'));
      else resolve(response);
    };
    const options = { deadline: clock.now() + ATTEMPT_MS };
    client.makeUnaryRequest(method.path, method.encode, method.decode, request, data, options, answer);
  });
}

/** The error of a call or stream in our own form. */
export function errorOf(error: unknown): EtcdError {
  if (error instanceof EtcdError) return error;
  const isService = error instanceof Error && 'code' in error && 'details' in error;
  if (isService) return new EtcdError(Number(error.code), String(error.details));
  return new EtcdError(status.UNKNOWN, messageOf(error));
}

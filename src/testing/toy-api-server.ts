import { ServerResponse } from 'node:http';
import { createSecureServer } from 'node:http2';
import type { Http2SecureServer, Http2ServerRequest, Http2ServerResponse } from 'node:http2';
import type { AddressInfo, Socket } from 'node:net';
import { createAuthority, loadAuthority } from '../apiserver/pki/certificate-authority.ts';

/** What the toy does to the next requests instead of answering them properly. */
export interface Fault {
  readonly when: 'list' | 'watch' | 'any';
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  /** Bytes of a watch stream, sent after a 200. */
  readonly frames?: string;
}

interface Stored {
  readonly metadata: { readonly name: string; readonly resourceVersion: string; readonly uid: string };
  readonly data: Readonly<Record<string, string>>;
}
interface Logged {
  readonly revision: number;
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED';
  readonly object: Stored;
}

/**
 * A real HTTPS server (HTTP/2 and 1.1) that serves the ConfigMaps of one namespace, `toy`: list with pages, watch from a
 * revision, bookmarks on request, 410 after compaction, and faults in any order. It is driven from the test, not over
 * HTTP, so that a test can change the world while the connection is down.
 */
export interface ToyApiServer {
  readonly ca: string;
  /** `https://127.0.0.1:port`, the same after a restart. */
  url(): string;
  /** Writes or, with undefined, deletes a ConfigMap; the names given together share one revision. */
  write(values: Readonly<Record<string, string | undefined>>): void;
  /** Name -> value as it is now. */
  state(): Record<string, string>;
  faults: Fault[];
  control: {
    start(): Promise<void>;
    /** Ends the listener and every connection at once. */
    stop(): Promise<void>;
    killConnections(): void;
    /** Forgets history up to now. */
    compact(): void;
    /** Loses everything, like a server whose memory was its store. */
    forgetEverything(): void;
    bookmark(): void;
  };
  /** Requests so far, as `list`, `watch` or `watch from N`. */
  readonly requests: string[];
}

export async function createToyApiServer(
  options: { readonly http1Only?: boolean } = {},
): Promise<ToyApiServer> {
  const now = Date.now();
  const root = createAuthority({ commonName: 'toy-ca', days: 2, now });
  const leaf = loadAuthority(root).issue(
    {
      subject: { commonName: 'toy', organizations: [] },
      hosts: ['127.0.0.1'],
      usages: ['serverAuth'],
      days: 1,
    },
    now,
  );
  const objects = new Map<string, Stored>();
  const history: Logged[] = [];
  const watchers = new Set<(text: string) => void>();
  const sockets = new Set<Socket>();
  const faults: Fault[] = [];
  const requests: string[] = [];
  let revision = 10;
  let compacted = 0;
  let port = 0;
  let server: Http2SecureServer | undefined;

  const publish = (event: Logged): void => {
    history.push(event);
    for (const tell of watchers) tell(line(event.type, event.object));
  };
  const write: ToyApiServer['write'] = (values) => {
    revision++;
    for (const [name, value] of Object.entries(values)) {
      const before = objects.get(name);
      const metadata = {
        name,
        namespace: 'toy',
        uid: before?.metadata.uid ?? `${name}-${revision}`,
        resourceVersion: String(revision),
      };
      const object = { metadata, data: value === undefined ? (before?.data ?? {}) : { value } };
      if (value !== undefined) objects.set(name, object);
      else if (!objects.delete(name)) continue;
      publish({ revision, object, type: value === undefined ? 'DELETED' : before ? 'MODIFIED' : 'ADDED' });
    }
  };

  const list = (query: URLSearchParams, response: Http2ServerResponse): void => {
    const [at = String(revision), after = ''] = (query.get('continue') ?? '').split(' ').filter(Boolean);
    if (Number(at) < compacted) return send(response, failureOf(410));
    const limit = Number(query.get('limit') ?? 0);
    const rest = [...objects.values()]
      .sort((a, b) => (a.metadata.name < b.metadata.name ? -1 : 1))
      .filter((o) => o.metadata.name > after);
    const items = limit > 0 ? rest.slice(0, limit) : rest;
    const isMore = items.length < rest.length;
    const metadata = {
      resourceVersion: at,
      ...(isMore ? { continue: `${at} ${items.at(-1)?.metadata.name}` } : {}),
    };
    send(response, { status: 200, body: { kind: 'ConfigMapList', apiVersion: 'v1', metadata, items } });
  };
  const watch = (query: URLSearchParams, response: Http2ServerResponse): void => {
    const from = Number(query.get('resourceVersion'));
    if (from < compacted) return send(response, failureOf(410));
    response.writeHead(200, { 'content-type': 'application/json' });
    // Over HTTP/1.1 the response is another class, which holds its head back until the body begins.
    const either: unknown = response;
    if (either instanceof ServerResponse) either.flushHeaders();
    for (const event of history) if (event.revision > from) response.write(line(event.type, event.object));
    const tell = (text: string): void => void response.write(text);
    watchers.add(tell);
    response.once('close', () => watchers.delete(tell));
  };
  const handle = (request: Http2ServerRequest, response: Http2ServerResponse): void => {
    const { searchParams: query } = new URL(request.url, 'https://toy');
    const verb = query.get('watch') === 'true' ? 'watch' : 'list';
    requests.push(verb === 'watch' ? `watch from ${query.get('resourceVersion')}` : 'list');
    const found = faults.findIndex(({ when }) => when === 'any' || when === verb);
    const [fault] = found < 0 ? [] : faults.splice(found, 1);
    if (fault?.status !== undefined) {
      return send(response, failureOf(fault.status, fault.headers));
    }
    if (fault?.frames !== undefined) {
      response.writeHead(200, { 'content-type': 'application/json' });
      return void response.end(fault.frames);
    }
    return verb === 'watch' ? watch(query, response) : list(query, response);
  };

  const start = (): Promise<void> => {
    const alpn = options.http1Only === true ? ['http/1.1'] : ['h2', 'http/1.1'];
    const next = createSecureServer({ ...leaf, allowHTTP1: true, ALPNProtocols: alpn }, handle);
    next.on('connection', (socket: Socket) => {
      sockets.add(socket);
      socket.on('error', () => undefined);
      socket.once('close', () => sockets.delete(socket));
    });
    next.on('sessionError', () => undefined);
    server = next;
    return new Promise((resolve, reject) => {
      next.once('error', reject);
      next.listen(port, '127.0.0.1', () => {
        port = (next.address() as AddressInfo).port;
        resolve();
      });
    });
  };
  const killConnections = (): void => {
    watchers.clear();
    for (const socket of sockets) socket.resetAndDestroy();
  };
  const stop = async (): Promise<void> => {
    const closed = new Promise<void>((resolve) => server?.close(() => resolve()) ?? resolve());
    killConnections();
    await closed;
  };
  const forgetEverything = (): void => {
    objects.clear();
    history.length = 0;
    revision = 1;
    compacted = 0;
  };
  return {
    ca: root.cert,
    url: () => `https://127.0.0.1:${port}`,
    write,
    state: () => Object.fromEntries([...objects].map(([name, { data }]) => [name, data.value ?? ''])),
    faults,
    requests,
    control: {
      start,
      stop,
      killConnections,
      compact: () => {
        compacted = revision;
        history.length = 0;
      },
      forgetEverything,
      bookmark: () => {
        const object = { metadata: { name: '', resourceVersion: String(revision) } };
        for (const tell of watchers) tell(line('BOOKMARK', object));
      },
    },
  };
}

const line = (type: string, object: unknown): string => `${JSON.stringify({ type, object })}\n`;

interface Answer {
  readonly status: number;
  readonly body: unknown;
  readonly headers?: Readonly<Record<string, string>>;
}

function send(response: Http2ServerResponse, { status, body, headers }: Answer): void {
  response.writeHead(status, { 'content-type': 'application/json', ...headers });
  response.end(JSON.stringify(body));
}

function failureOf(code: number, headers?: Readonly<Record<string, string>>): Answer {
  const reason = code === 410 ? 'Expired' : 'InternalError';
  const body = { kind: 'Status', apiVersion: 'v1', status: 'Failure', reason, message: `toy ${code}`, code };
  return { status: code, body, headers };
}

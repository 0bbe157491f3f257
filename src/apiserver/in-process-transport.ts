import type { Transport, TransportRequest, TransportResponse } from '../client/transport.ts';
import { userOf } from './authentication/authenticate.ts';
import { isStream } from './http/message.ts';
import type { HttpResponse, ResponseBody, ResponseHeaders } from './http/message.ts';
import type { RequestUser } from './rest/rest.ts';
import type { ApiServer } from './server.ts';

/** A service account of the control plane; in this process nobody needs a token to be it. */
export const systemAccount = (name: string): RequestUser => ({
  name: `system:serviceaccount:kube-system:${name}`,
  groups: ['system:serviceaccounts', 'system:serviceaccounts:kube-system', 'system:authenticated'],
});

/**
 * Requests straight into a server of the same process, as `user` (who is authenticated by that): no socket, no TLS, the
 * same code from authorisation on. Watches stream. Closing it ends all that runs.
 */
export function inProcessTransport(server: Pick<ApiServer, 'handle'>, user: RequestUser): Transport {
  const closed = new AbortController();
  const { name, groups } = user;
  const known = { ...user, ...userOf({ user: name, groups }) };
  return {
    request: async (request) => {
      const link = linkedSignal(closed.signal, request.signal);
      try {
        const answering = server.handle(serverRequest(request, known, link.signal));
        const response = await link.race(answering.then((answer) => unlessGone(answer, link.signal)));
        const isEndless = isStream(response.body);
        if (!isEndless) link.release();
        return {
          status: response.status,
          headers: joined(response.headers),
          body: bytesOf(response.body, isEndless ? link.release : () => undefined),
        } satisfies TransportResponse;
      } catch (error) {
        link.release();
        throw error;
      }
    },
    close: () => closed.abort(new Error('the transport is closed')),
  };
}

/** A stream that nobody waits for any more, since the request was given up on, is told so: it holds what it reads from. */
function unlessGone(response: HttpResponse, signal: AbortSignal): HttpResponse {
  if (signal.aborted && isStream(response.body)) void response.body[Symbol.asyncIterator]().return?.();
  return response;
}

const serverRequest = (request: TransportRequest, user: RequestUser, signal: AbortSignal) => ({
  method: request.method,
  path: request.path,
  headers: request.headers ?? {},
  ...(request.body === undefined ? {} : { body: request.body }),
  user,
  signal,
});

/** A signal that aborts with either of two, until it is released; AbortSignal.any could not be let go. */
function linkedSignal(own: AbortSignal, asked: AbortSignal | undefined) {
  const controller = new AbortController();
  const aborted = Promise.withResolvers<never>();
  aborted.promise.catch(() => undefined);
  const onAbort = (event: { readonly target: EventTarget | null }): void => {
    const reason: unknown = event.target instanceof AbortSignal ? event.target.reason : undefined;
    controller.abort(reason);
    aborted.reject(reason);
  };
  const sources = asked === undefined ? [own] : [own, asked];
  for (const source of sources) {
    if (source.aborted) onAbort({ target: source });
    else source.addEventListener('abort', onAbort);
  }
  return {
    signal: controller.signal,
    race: <T>(result: Promise<T>): Promise<T> => Promise.race([aborted.promise, result]),
    release: () => {
      for (const source of sources) source.removeEventListener('abort', onAbort);
    },
  };
}

function joined(headers: ResponseHeaders): Record<string, string> {
  const entries = Object.entries(headers);
  return Object.fromEntries(
    entries.map(([name, value]) => [name, typeof value === 'string' ? value : value.join(', ')]),
  );
}

async function* bytesOf(body: ResponseBody, release: () => void): AsyncGenerator<Uint8Array> {
  try {
    if (typeof body === 'string' || body instanceof Uint8Array) {
      if (body.length > 0) yield toBytes(body);
    } else if (isStream(body)) {
      for await (const piece of body) yield toBytes(piece);
    } else {
      for (const piece of body) yield toBytes(piece);
    }
  } finally {
    release();
  }
}

const toBytes = (piece: string | Uint8Array): Uint8Array =>
  typeof piece === 'string' ? Buffer.from(piece) : piece;

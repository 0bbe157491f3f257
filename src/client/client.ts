import { apiVersionOf } from '../api/kind.ts';
import type { Kind, KubeObject } from '../api/kind.ts';
import type { ListMeta } from '../api/meta/v1/list-meta.ts';
import { isJsonObject } from '../base/json.ts';
import type { Clock } from '../base/clock.ts';
import { realClock } from '../base/clock.ts';
import { call } from './call.ts';
import { resourcePath } from './resource-path.ts';
import { allServed, fromWire, toWire, wireKind } from './served-kinds.ts';
import type { ServedKinds } from './served-kinds.ts';
import type { ObjectRef, Query, ResourcePath } from './resource-path.ts';
import type { HttpMethod, Transport } from './transport.ts';

export type { ObjectRef } from './resource-path.ts';

export interface CallOptions {
  readonly signal?: AbortSignal;
  /** `status`, `scale`, `binding`, `finalize` …: the part of the object that is read or written. */
  readonly subresource?: string;
}

export interface ListOptions {
  /** Absent: all namespaces. */
  readonly namespace?: string;
  readonly labelSelector?: string;
  readonly fieldSelector?: string;
  readonly limit?: number;
  readonly continue?: string;
  readonly resourceVersion?: string;
  readonly signal?: AbortSignal;
}

export interface ListResult<T> {
  readonly items: readonly T[];
  readonly metadata: ListMeta;
}

export type PatchType = 'json' | 'merge' | 'strategic';

export interface Patch {
  readonly type: PatchType;
  /** The patch document: a list of operations for `json`, else an object. */
  readonly body: unknown;
  readonly subresource?: string;
  readonly signal?: AbortSignal;
}

export interface DeleteOptions {
  readonly propagationPolicy?: 'Background' | 'Foreground' | 'Orphan';
  readonly gracePeriodSeconds?: number;
  /** 409 Conflict when the object is another one by now. */
  readonly preconditions?: { readonly uid?: string; readonly resourceVersion?: string };
  readonly signal?: AbortSignal;
}

/** A typed client of one API server. Every method throws ApiError for an HTTP error, else Error. */
export interface Client {
  readonly transport: Transport;
  /** What the server has of the kinds; absent: all of them. */
  readonly served?: ServedKinds;
  get<T extends KubeObject>(kind: Kind<T>, ref: ObjectRef, options?: CallOptions): Promise<T>;
  /** One page when `limit` is set (see `metadata.continue`), else everything. */
  list<T extends KubeObject>(kind: Kind<T>, options?: ListOptions): Promise<ListResult<T>>;
  /** POST; an empty `metadata.name` is left out, for `generateName`. */
  create<T extends KubeObject>(kind: Kind<T>, object: T, options?: CallOptions): Promise<T>;
  /** PUT; with `metadata.resourceVersion` it is refused (409) when someone else was faster. */
  update<T extends KubeObject>(kind: Kind<T>, object: T, options?: CallOptions): Promise<T>;
  patch<T extends KubeObject>(kind: Kind<T>, ref: ObjectRef, patch: Patch): Promise<T>;
  delete<T extends KubeObject>(kind: Kind<T>, ref: ObjectRef, options?: DeleteOptions): Promise<void>;
}

const patchTypes: Readonly<Record<PatchType, string>> = {
  json: 'application/json-patch+json',
  merge: 'application/merge-patch+json',
  strategic: 'application/strategic-merge-patch+json',
};

export interface ClientOptions {
  readonly clock?: Clock;
  /** Longest time one call may take (default 30 s). */
  readonly timeoutMs?: number;
  /** For a server that may be older: see `askServedKinds`. Default: it has everything. */
  readonly served?: ServedKinds;
}

interface Sent {
  readonly method: HttpMethod;
  readonly path: string;
  readonly body?: unknown;
  readonly contentType?: string;
  readonly signal?: AbortSignal;
}

/** Sends one call with its own deadline. */
function createSender(transport: Transport, options: ClientOptions): (sent: Sent) => Promise<unknown> {
  const { clock = realClock, timeoutMs = 30_000 } = options;
  return async (sent) => {
    const deadline = new AbortController();
    const cancel = clock.after(timeoutMs, () => deadline.abort());
    const signal =
      sent.signal === undefined ? deadline.signal : AbortSignal.any([sent.signal, deadline.signal]);
    const headers: Record<string, string> = { accept: 'application/json' };
    if (sent.body !== undefined) headers['content-type'] = sent.contentType ?? 'application/json';
    try {
      const body = sent.body === undefined ? undefined : JSON.stringify(sent.body);
      return await call(transport, { method: sent.method, path: sent.path, headers, body, signal });
    } finally {
      cancel();
    }
  };
}

export function createClient(transport: Transport, options: ClientOptions = {}): Client {
  const send = createSender(transport, options);
  const { served = allServed } = options;
  const pathOf = <T extends KubeObject>(kind: Kind<T>, at: ResourcePath, query?: Query): string =>
    resourcePath(wireKind(served, kind), at, query);
  /** Answers to a subresource may be of another kind. */
  const ask = async <T extends KubeObject>(kind: Kind<T>, sent: Sent): Promise<T> => {
    const answer = (await send(sent)) as T;
    return answer.kind === undefined || answer.kind === kind.kind ? fromWire(served, kind, answer) : answer;
  };
  return {
    transport,
    served,
    get: (kind, ref, { subresource, signal } = {}) =>
      ask(kind, { method: 'GET', path: pathOf(kind, { ...ref, subresource }), signal }),
    list: async <T extends KubeObject>(kind: Kind<T>, options: ListOptions = {}) => {
      if (served.isMissing(kind)) return { items: [], metadata: { resourceVersion: '0' } };
      const { namespace, signal, ...query } = options;
      const answer = await send({ method: 'GET', path: pathOf(kind, { namespace }, query), signal });
      const { items, metadata } = asList<T>(answer, kind);
      return { items: items.map((item) => fromWire(served, kind, item)), metadata };
    },
    create: (kind, object, { subresource, signal } = {}) => {
      const { name, namespace } = object.metadata;
      const at = subresource === undefined ? { namespace } : { namespace, name, subresource };
      const { name: _, ...unnamed } = object.metadata;
      const body = { ...typed(served, kind, object), metadata: name === '' ? unnamed : object.metadata };
      return ask(kind, { method: 'POST', path: pathOf(kind, at), body, signal });
    },
    update: (kind, object, { subresource, signal } = {}) => {
      const { name, namespace } = object.metadata;
      const path = pathOf(kind, { namespace, name, subresource });
      return ask(kind, { method: 'PUT', path, body: typed(served, kind, object), signal });
    },
    patch: (kind, ref, { type, body, subresource, signal }) => {
      const path = pathOf(kind, { ...ref, subresource });
      const sent = type === 'json' || !isJsonObject(body) ? body : toWire(served, kind, body);
      return ask(kind, { method: 'PATCH', path, body: sent, contentType: patchTypes[type], signal });
    },
    delete: async (kind, ref, options = {}) => {
      const { signal, ...rest } = options;
      const body = { apiVersion: 'v1', kind: 'DeleteOptions', ...rest };
      await send({ method: 'DELETE', path: pathOf(kind, ref), body, signal });
    },
  };
}

const typed = <T extends KubeObject>(served: ServedKinds, kind: Kind<T>, object: T): object => ({
  ...toWire(served, kind, object),
  apiVersion: apiVersionOf(wireKind(served, kind)),
  kind: kind.kind,
});

function asList<T>(answer: unknown, kind: { readonly plural: string }): ListResult<T> {
  if (!isJsonObject(answer) || !isJsonObject(answer.metadata)) {
    throw new Error(`list ${kind.plural}: the answer is not a list`);
  }
  const items = answer.items ?? [];
  if (!Array.isArray(items)) throw new Error(`list ${kind.plural}: the answer has no items`);
  return { items: items as readonly unknown[] as readonly T[], metadata: answer.metadata };
}

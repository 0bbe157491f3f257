/**
 * The seam between HTTP (request parsing, negotiation, discovery, tables) and the registry (storage, admission,
 * validation). The HTTP side knows no kind; the registry knows no socket. Both sides speak `ApiError` for refusals.
 *
 * Subresources: `status` reaches `update` and `patch` by name. `binding` reaches `update` as the whole Pod with
 * `spec.nodeName` newly set. `scale` is answered by the HTTP side from `read.get` and a plain `update`.
 */
import type { JsonObject, JsonValue } from '../../base/json.ts';
import type { FieldError } from '../../api/errors/field-error.ts';
import type { KindVersion } from '../../api/kind-version.ts';
import type { Kind, KubeObject } from '../../api/kind.ts';
import type { Status } from '../../api/meta/v1/status.ts';
import type { FieldRequirement } from '../../api/selectors/field-selector.ts';
import type { LabelRequirement } from '../../api/selectors/label-selector.ts';

/** Who asks. `groups` holds `system:authenticated` or `system:unauthenticated`. */
export interface RequestUser {
  readonly name: string;
  readonly uid?: string;
  readonly groups: readonly string[];
  readonly extra?: Readonly<Record<string, readonly string[]>>;
}

/** What every handler is told about a request. */
export interface RequestScope {
  /** '' = all namespaces, or a cluster-scoped resource. */
  readonly namespace: string;
  readonly user: RequestUser;
  /** Each text pushed here becomes a `Warning: 299` header. */
  readonly warnings: string[];
  /** Aborted when the client has gone or the server stops. */
  readonly signal: AbortSignal;
  readonly fieldValidation: 'Strict' | 'Warn' | 'Ignore';
  readonly isDryRun: boolean;
  /** Never empty: the query's name, else the first part of the user agent. */
  readonly fieldManager: string;
  /** The version a client writes in, where that is not the one that is stored. */
  readonly writtenIn?: WrittenIn;
  /** Rejects with 403 when the user may not create what an apply would; absent where nobody asks. */
  readonly mayCreate?: () => Promise<void>;
}

/** A further version of a kind, and the rules that only hold for writes in it. They see the objects in their stored form. */
export interface WrittenIn {
  readonly version: KindVersion;
  readonly validate?: (change: {
    readonly next: KubeObject;
    readonly prev: KubeObject | undefined;
  }) => readonly FieldError[];
}

export interface ListQuery {
  readonly labelSelector: readonly LabelRequirement[];
  readonly fieldSelector: readonly FieldRequirement[];
  /** Most objects to return; absent = all. */
  readonly limit?: number;
  /** The opaque token of the page before. */
  readonly continue?: string;
  readonly resourceVersion?: string;
  readonly resourceVersionMatch?: 'Exact' | 'NotOlderThan';
}

export interface ListOutcome<T> {
  readonly items: readonly T[];
  readonly resourceVersion: string;
  readonly continue?: string;
  readonly remainingItemCount?: number;
}

export interface WatchQuery extends ListQuery {
  readonly allowWatchBookmarks: boolean;
  readonly sendInitialEvents?: boolean;
  /** The HTTP side ends the watch (by the scope's signal) after this; the registry may ignore it. */
  readonly timeoutSeconds?: number;
}

export type WatchEvent<T> =
  | { readonly type: 'ADDED' | 'MODIFIED' | 'DELETED'; readonly object: T }
  | {
      readonly type: 'BOOKMARK';
      readonly resourceVersion: string;
      readonly annotations?: Readonly<Record<string, string>>;
    }
  | { readonly type: 'ERROR'; readonly status: Status };

export interface ReadHandler<T> {
  /** Rejects with `notFound`. */
  get(scope: RequestScope, name: string, resourceVersion?: string): Promise<T>;
  list(scope: RequestScope, query: ListQuery): Promise<ListOutcome<T>>;
  /**
   * Batches: everything available at once, so that a reader writes once per batch. Ends quietly when the scope's signal
   * aborts; ends after an ERROR event. The objects it yields are shared between watchers and never changed.
   */
  watch(scope: RequestScope, query: WatchQuery): AsyncIterable<readonly WatchEvent<T>[]>;
}

export interface UpdateRequest {
  readonly name: string;
  readonly body: JsonObject;
  readonly subresource?: string;
}

export type PatchType =
  'application/json-patch+json' | 'application/merge-patch+json' | 'application/strategic-merge-patch+json';

export interface PatchRequest {
  readonly name: string;
  readonly type: PatchType;
  /** An array for a JSON patch, an object for the others (the HTTP side has checked it). */
  readonly body: JsonValue;
  readonly subresource?: string;
  /** What is wrong with the form of the body and not with what it says, such as `duplicate field "spec.type"`. */
  readonly faults?: readonly string[];
}

/** Server-side apply; the scope's field manager has named itself. */
export interface ApplyRequest {
  readonly name: string;
  readonly config: JsonObject;
  /** Takes fields that belong to other managers. */
  readonly isForced: boolean;
  readonly subresource?: string;
}

/** meta/v1 DeleteOptions, from the body or the query. */
export interface DeleteOptions {
  readonly gracePeriodSeconds?: number;
  readonly propagationPolicy?: 'Orphan' | 'Background' | 'Foreground';
  readonly preconditions?: { readonly uid?: string; readonly resourceVersion?: string };
}

export interface WriteHandler<T> {
  create(scope: RequestScope, body: JsonObject): Promise<T>;
  update(
    scope: RequestScope,
    request: UpdateRequest,
  ): Promise<{ readonly object: T; readonly isCreated: boolean }>;
  patch(scope: RequestScope, request: PatchRequest): Promise<T>;
  /** Rejects with 409 naming the fields that belong to others. Creates what is not there. */
  apply(
    scope: RequestScope,
    request: ApplyRequest,
  ): Promise<{ readonly object: T; readonly isCreated: boolean }>;
  /** The object when it still stands (finalizers, grace) or as it was; a Status where upstream answers one. */
  delete(
    scope: RequestScope,
    request: { readonly name: string; readonly options: DeleteOptions },
  ): Promise<Status | T>;
  deleteCollection(
    scope: RequestScope,
    request: { readonly query: ListQuery; readonly options: DeleteOptions },
  ): Promise<ListOutcome<T>>;
}

/** A cell of a table. `now` is in milliseconds since the epoch. */
export interface Column<T> {
  readonly name: string;
  readonly type: 'string' | 'integer' | 'number' | 'boolean' | 'date';
  /** 'name' marks the column that identifies the object. */
  readonly format?: 'name';
  readonly description: string;
  /** 0 is always shown; greater only by `-o wide`. */
  readonly priority: number;
  cell(object: T, now: number): string | number | boolean | null;
}

/** The answer of a connecting subresource such as `pods/log`. */
export interface StreamResponse {
  readonly contentType: string;
  readonly body: AsyncIterable<Uint8Array>;
}

/** Answers GET on one subresource; `query` is the request's own. */
export type Connect<T> = (scope: RequestScope, object: T, query: URLSearchParams) => Promise<StreamResponse>;

/** Answers POST on one subresource with an object of another kind. */
export interface CreateAction {
  readonly kind: Kind;
  readonly create: (scope: RequestScope, name: string, body: JsonObject) => Promise<KubeObject>;
}

/** Deletes an object if nothing forbids that now; `body` is the Eviction that asks for it. */
export type Evict = (
  scope: RequestScope,
  request: { readonly name: string; readonly options: DeleteOptions; readonly body: JsonObject },
) => Promise<void>;

/** One resource as the server serves it. */
export interface Resource<T extends KubeObject> {
  readonly kind: Kind<T>;
  readonly read: ReadHandler<T>;
  readonly write: WriteHandler<T>;
  readonly columns: readonly Column<T>[];
  /** As discovery names them: create delete deletecollection get list patch update watch. */
  readonly verbs: readonly string[];
  /** Streaming subresources by name. */
  readonly connect?: Readonly<Record<string, Connect<T>>>;
  /** Subresources that are only created, by name, such as `token`. */
  readonly creates?: Readonly<Record<string, CreateAction>>;
  /** Pods only. */
  readonly evict?: Evict;
  /** The object as JSON with apiVersion and kind; cached, so that many readers cost one serialisation. */
  toJson(object: T): string;
}

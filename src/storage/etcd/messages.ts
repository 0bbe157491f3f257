import protobuf from 'protobufjs/light.js';

/** A 64-bit number as the decoder gives it. */
export type Int64 = number | { toNumber(): number };

export const toNumber = (value: Int64): number => (typeof value === 'number' ? value : value.toNumber());

export interface ResponseHeader {
  /** Revision of the whole etcd when it answered. */
  readonly revision: Int64;
}

export interface KeyValue {
  readonly key: Uint8Array;
  readonly value: Uint8Array;
  readonly createRevision: Int64;
  readonly modRevision: Int64;
  /** 1 for a key just created. */
  readonly version: Int64;
}

export interface RangeRequest {
  readonly key: Uint8Array;
  /** Absent: only `key`; else up to, not including it; one zero byte: to the end of all keys. */
  readonly rangeEnd?: Uint8Array;
  readonly limit?: number;
  readonly revision?: number;
  readonly keysOnly?: boolean;
  readonly countOnly?: boolean;
  readonly maxModRevision?: number;
}

export interface RangeResponse {
  readonly header: ResponseHeader;
  readonly kvs: readonly KeyValue[];
  readonly more: boolean;
  /** Keys in the range from `key` on, whatever the limit. */
  readonly count: Int64;
}

export type RequestOp =
  | { readonly requestRange: RangeRequest }
  | { readonly requestPut: { readonly key: Uint8Array; readonly value: Uint8Array } }
  | { readonly requestDeleteRange: { readonly key: Uint8Array } };

/** Holds when the key was last written by this revision; 0: when there is no such key. */
export interface Compare {
  readonly target: typeof MOD;
  readonly key: Uint8Array;
  readonly modRevision: number;
}

export interface TxnRequest {
  readonly compare: readonly Compare[];
  readonly success: readonly RequestOp[];
  readonly failure: readonly RequestOp[];
}

export interface TxnResponse {
  readonly header: ResponseHeader;
  readonly succeeded: boolean;
  readonly responses: readonly { readonly responseRange?: RangeResponse | null }[];
}

export interface WatchRequest {
  readonly createRequest?: {
    readonly key: Uint8Array;
    readonly rangeEnd: Uint8Array;
    readonly startRevision: number;
    readonly prevKv: boolean;
    readonly fragment: boolean;
  };
  readonly progressRequest?: Record<string, never>;
}

export interface WatchEvent {
  /** 0: the key was put; 1: it was deleted. */
  readonly type: number;
  readonly kv: KeyValue;
  readonly prevKv: KeyValue | null;
}

export interface WatchResponse {
  readonly header: ResponseHeader;
  readonly created: boolean;
  readonly canceled: boolean;
  readonly compactRevision: Int64;
  readonly cancelReason: string;
  /** The rest of this response follows in further ones. */
  readonly fragment: boolean;
  readonly events: readonly WatchEvent[];
}

export interface StatusResponse {
  readonly header: ResponseHeader;
  /** Such as `3.4.23`. */
  readonly version: string;
}

/** Compare.CompareTarget: the revision of a key's last write. */
export const MOD = 2 as const;

type Fields = Readonly<Record<string, readonly [id: number, type: string, rule?: 'repeated']>>;

const message = (fields: Fields, oneofs: Readonly<Record<string, readonly string[]>> = {}) => ({
  oneofs: Object.fromEntries(Object.entries(oneofs).map(([name, oneof]) => [name, { oneof: [...oneof] }])),
  fields: Object.fromEntries(
    Object.entries(fields).map(([name, [id, type, rule]]) => [
      name,
      { id, type, ...(rule === undefined ? {} : { rule }) },
    ]),
  ),
});

/** The part of etcd's API version 3 that the store speaks (etcd: api/etcdserverpb/rpc.proto, api/mvccpb/kv.proto). */
const descriptor = {
  nested: {
    ResponseHeader: message({ revision: [3, 'int64'] }),
    KeyValue: message({
      key: [1, 'bytes'],
      createRevision: [2, 'int64'],
      modRevision: [3, 'int64'],
      version: [4, 'int64'],
      value: [5, 'bytes'],
    }),
    RangeRequest: message({
      key: [1, 'bytes'],
      rangeEnd: [2, 'bytes'],
      limit: [3, 'int64'],
      revision: [4, 'int64'],
      keysOnly: [8, 'bool'],
      countOnly: [9, 'bool'],
      maxModRevision: [11, 'int64'],
    }),
    RangeResponse: message({
      header: [1, 'ResponseHeader'],
      kvs: [2, 'KeyValue', 'repeated'],
      more: [3, 'bool'],
      count: [4, 'int64'],
    }),
    PutRequest: message({ key: [1, 'bytes'], value: [2, 'bytes'] }),
    PutResponse: message({ header: [1, 'ResponseHeader'] }),
    DeleteRangeRequest: message({ key: [1, 'bytes'] }),
    RequestOp: message(
      {
        requestRange: [1, 'RangeRequest'],
        requestPut: [2, 'PutRequest'],
        requestDeleteRange: [3, 'DeleteRangeRequest'],
      },
      { request: ['requestRange', 'requestPut', 'requestDeleteRange'] },
    ),
    ResponseOp: message({ responseRange: [1, 'RangeResponse'] }),
    Compare: message(
      { result: [1, 'int32'], target: [2, 'int32'], key: [3, 'bytes'], modRevision: [6, 'int64'] },
      { targetUnion: ['modRevision'] },
    ),
    TxnRequest: message({
      compare: [1, 'Compare', 'repeated'],
      success: [2, 'RequestOp', 'repeated'],
      failure: [3, 'RequestOp', 'repeated'],
    }),
    TxnResponse: message({
      header: [1, 'ResponseHeader'],
      succeeded: [2, 'bool'],
      responses: [3, 'ResponseOp', 'repeated'],
    }),
    CompactionRequest: message({ revision: [1, 'int64'] }),
    CompactionResponse: message({ header: [1, 'ResponseHeader'] }),
    WatchCreateRequest: message({
      key: [1, 'bytes'],
      rangeEnd: [2, 'bytes'],
      startRevision: [3, 'int64'],
      prevKv: [6, 'bool'],
      fragment: [8, 'bool'],
    }),
    WatchProgressRequest: message({}),
    WatchRequest: message(
      { createRequest: [1, 'WatchCreateRequest'], progressRequest: [3, 'WatchProgressRequest'] },
      { requestUnion: ['createRequest', 'progressRequest'] },
    ),
    Event: message({ type: [1, 'int32'], kv: [2, 'KeyValue'], prevKv: [3, 'KeyValue'] }),
    WatchResponse: message({
      header: [1, 'ResponseHeader'],
      created: [3, 'bool'],
      canceled: [4, 'bool'],
      compactRevision: [5, 'int64'],
      cancelReason: [6, 'string'],
      fragment: [7, 'bool'],
      events: [11, 'Event', 'repeated'],
    }),
    AuthenticateRequest: message({ name: [1, 'string'], password: [2, 'string'] }),
    AuthenticateResponse: message({ header: [1, 'ResponseHeader'], token: [2, 'string'] }),
    StatusRequest: message({}),
    StatusResponse: message({ header: [1, 'ResponseHeader'], version: [2, 'string'] }),
  },
};

/** One call of etcd's API: where it goes, and how its messages look on the wire. */
export interface Method<Request, Response> {
  readonly path: string;
  readonly encode: (request: Request) => Buffer;
  readonly decode: (bytes: Buffer) => Response;
}

const root = protobuf.Root.fromJSON(descriptor);

function method<Request extends object, Response>(
  path: string,
  request: string,
  response: string,
): Method<Request, Response> {
  const [requests, responses] = [root.lookupType(request), root.lookupType(response)];
  return {
    path: `/etcdserverpb.${path}`,
    encode: (value) => Buffer.from(requests.encode(value).finish()),
    decode: (bytes) => responses.decode(bytes) as unknown as Response,
  };
}

export const methods = {
  range: method<RangeRequest, RangeResponse>('KV/Range', 'RangeRequest', 'RangeResponse'),
  put: method<{ key: Uint8Array; value: Uint8Array }, { header: ResponseHeader }>(
    'KV/Put',
    'PutRequest',
    'PutResponse',
  ),
  txn: method<TxnRequest, TxnResponse>('KV/Txn', 'TxnRequest', 'TxnResponse'),
  compact: method<{ revision: number }, { header: ResponseHeader }>(
    'KV/Compact',
    'CompactionRequest',
    'CompactionResponse',
  ),
  watch: method<WatchRequest, WatchResponse>('Watch/Watch', 'WatchRequest', 'WatchResponse'),
  authenticate: method<{ name: string; password: string }, { token: string }>(
    'Auth/Authenticate',
    'AuthenticateRequest',
    'AuthenticateResponse',
  ),
  status: method<Record<string, never>, StatusResponse>(
    'Maintenance/Status',
    'StatusRequest',
    'StatusResponse',
  ),
} as const;

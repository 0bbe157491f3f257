import { errorFromResponse } from '../api/errors/api-error.ts';
import type { Kind, KubeObject } from '../api/kind.ts';
import { isJsonObject } from '../base/json.ts';
import { errorOf } from './call.ts';
import { jsonFrames } from './json-frames.ts';
import { resourcePath } from './resource-path.ts';
import type { Transport, TransportRequest } from './transport.ts';

/** A BOOKMARK's object holds a resource version and nothing else that counts. */
export interface WatchEvent<T> {
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED' | 'BOOKMARK';
  readonly object: T;
}

export interface WatchOptions {
  readonly namespace?: string;
  readonly labelSelector?: string;
  readonly fieldSelector?: string;
  /** Events after this version; absent: the present objects come first as ADDED. */
  readonly resourceVersion?: string;
  readonly allowWatchBookmarks?: boolean;
  readonly sendInitialEvents?: boolean;
  /** The server ends the watch after this time. */
  readonly timeoutSeconds?: number;
  readonly signal: AbortSignal;
  /** Called once the server has accepted the watch, before its first event. */
  readonly onOpen?: () => void;
}

/**
 * The events of one watch. Ends when the server ends it or `signal` aborts; throws ApiError for an HTTP error and for an
 * ERROR event (410 Expired among them), and Error for a broken connection or a frame that is no watch event.
 */
export async function* watch<T extends KubeObject>(
  transport: Transport,
  kind: Kind<T>,
  options: WatchOptions,
): AsyncGenerator<WatchEvent<T>> {
  const { namespace, signal, onOpen, ...query } = options;
  const resourceVersionMatch = query.sendInitialEvents === true ? 'NotOlderThan' : undefined;
  const request: TransportRequest = {
    method: 'GET',
    path: resourcePath(kind, { namespace }, { watch: true, ...query, resourceVersionMatch }),
    headers: { accept: 'application/json' },
    signal,
  };
  const response = await transport.request(request);
  if (response.status !== 200) throw await errorOf(response);
  onOpen?.();
  for await (const frame of jsonFrames(response.body)) yield eventOf<T>(frame);
}

function eventOf<T extends KubeObject>(frame: unknown): WatchEvent<T> {
  if (!isJsonObject(frame) || !isJsonObject(frame.object))
    throw new Error('a watch sent a frame that is no event');
  const { type, object } = frame;
  switch (type) {
    case 'ADDED':
    case 'MODIFIED':
    case 'DELETED':
    case 'BOOKMARK':
      if (!isJsonObject(object.metadata)) throw new Error('a watch sent an object without metadata');
      return { type, object: object as unknown as T };
    case 'ERROR':
      throw errorFromResponse(typeof object.code === 'number' ? object.code : 500, object);
    default:
      throw new Error(`a watch sent an event of unknown type ${JSON.stringify(type)}`);
  }
}

import { apiVersionOf } from '../../api/kind.ts';
import type { KubeObject } from '../../api/kind.ts';
import { renderPartialMetadata, renderTable } from '../table/table.ts';
import type { Resource, WatchEvent } from '../rest/rest.ts';
import { statusOf } from './refusals.ts';
import type { Presentation } from './respond.ts';

/** A large batch, such as the state a watch begins with, is written in chunks of about so many characters. */
const PIECE_LENGTH = 64 * 1024;

export interface WatchRequest<T extends KubeObject> {
  readonly resource: Resource<T>;
  readonly events: AsyncIterable<readonly WatchEvent<T>[]>;
  readonly presentation: Presentation;
  /** Time as the rows' ages are counted to. */
  readonly now: () => number;
}

/**
 * A watch as text: one JSON object per line, one chunk per batch or, of a large one, several. What goes wrong becomes an ERROR event, since the
 * status line has long been sent. It asks for the next batch only when the last one has been taken.
 */
export async function* watchText<T extends KubeObject>(
  request: WatchRequest<T>,
): AsyncGenerator<string | Uint8Array> {
  const frame: Frame = createFramer(request) as Frame;
  const { resource, presentation } = request;
  const shared = presentation.accepted.shape === 'object' ? framesOf(resource) : undefined;
  try {
    for await (const batch of request.events) {
      if (shared !== undefined && batch.length <= SHARED_BATCH) {
        yield* joined(batch.map((event) => shared(event, frame)));
        continue;
      }
      let piece = '';
      for (const event of batch) {
        piece += frame(event);
        if (piece.length < PIECE_LENGTH) continue;
        yield piece;
        piece = '';
      }
      if (piece !== '') yield piece;
    }
  } catch (error) {
    yield frame({ type: 'ERROR', status: statusOf(error) });
  }
}

/** Few and small frames as one chunk, which costs the least to write. */
function joined(frames: readonly Buffer[]): readonly Buffer[] {
  if (frames.length === 1) return frames;
  const length = frames.reduce((sum, frame) => sum + frame.length, 0);
  return length > PIECE_LENGTH ? frames : [Buffer.concat(frames, length)];
}

type Frame = (event: WatchEvent<KubeObject>) => string;
type SharedFrames = (event: WatchEvent<KubeObject>, frame: Frame) => Buffer;

/** Larger batches are the state a watch begins with, which few others get at the same time. */
const SHARED_BATCH = 64;
/** Bytes kept per resource at most. */
const SHARED_BYTES = 4 * 1024 * 1024;

const sharedFrames = new WeakMap<object, SharedFrames>();

/** Frames of events as bytes, made once for all watchers of the resource that are told of the same change. */
function framesOf(resource: object): SharedFrames {
  const known = sharedFrames.get(resource);
  if (known !== undefined) return known;
  const created = createSharedFrames();
  sharedFrames.set(resource, created);
  return created;
}

function createSharedFrames(): SharedFrames {
  let frames = new WeakMap<object, { readonly type: string; readonly bytes: Buffer }>();
  let nBytes = 0;
  return (event, frame) => {
    if (!('object' in event)) return Buffer.from(frame(event));
    const kept = frames.get(event.object);
    // Who has selected differently sees another type; few do, so the last one is enough.
    if (kept?.type === event.type) return kept.bytes;
    const bytes = Buffer.from(frame(event));
    nBytes += bytes.length;
    if (nBytes > SHARED_BYTES) {
      frames = new WeakMap();
      nBytes = bytes.length;
    }
    frames.set(event.object, { type: event.type, bytes });
    return bytes;
  };
}

function createFramer<T extends KubeObject>(request: WatchRequest<T>): (event: WatchEvent<T>) => string {
  const { resource } = request;
  const { accepted } = request.presentation;
  const render = createEventRenderer(request);
  const head = JSON.stringify({ kind: resource.kind.kind, apiVersion: apiVersionOf(resource.kind) }).slice(
    0,
    -1,
  );
  return (event) => {
    switch (event.type) {
      case 'ADDED':
      case 'MODIFIED':
      case 'DELETED':
        return `{"type":"${event.type}","object":${render(event.object)}}\n`;
      case 'BOOKMARK': {
        const { resourceVersion, annotations } = event;
        const metadata = { resourceVersion, creationTimestamp: null, annotations };
        const object =
          accepted.shape === 'object'
            ? `${head},"metadata":${JSON.stringify(metadata)}}`
            : renderBookmark(request, metadata);
        return `{"type":"BOOKMARK","object":${object}}\n`;
      }
      case 'ERROR':
        return `{"type":"ERROR","object":${JSON.stringify(event.status)}}\n`;
    }
  };
}

/** In other shapes than the object's own, a bookmark is an empty one with the metadata that matters. */
function renderBookmark<T extends KubeObject>({ presentation }: WatchRequest<T>, metadata: object): string {
  const { shape, shapeVersion } = presentation.accepted;
  const apiVersion = `meta.k8s.io/${shapeVersion}`;
  return shape === 'Table'
    ? JSON.stringify({ kind: 'Table', apiVersion, metadata, columnDefinitions: [], rows: [] })
    : JSON.stringify({ kind: 'PartialObjectMetadata', apiVersion, metadata });
}

function createEventRenderer<T extends KubeObject>(request: WatchRequest<T>): (object: T) => string {
  const { resource, presentation } = request;
  const { includeObject, accepted } = presentation;
  const version = accepted.shapeVersion;
  switch (accepted.shape) {
    case 'object':
      return (object) => resource.toJson(object);
    case 'PartialObjectMetadata':
    case 'PartialObjectMetadataList':
      return (object) => renderPartialMetadata(object, version);
    case 'Table': {
      let hasColumns = true;
      return (object) => {
        const { resourceVersion } = object.metadata;
        const metadata = resourceVersion === undefined ? {} : { resourceVersion };
        const table = renderTable({
          resource,
          items: [object],
          metadata,
          includeObject,
          version,
          now: request.now(),
          hasColumns,
        });
        hasColumns = false;
        return table;
      };
    }
  }
}

import { apiVersionOf } from '../../api/kind.ts';
import type { KubeObject } from '../../api/kind.ts';
import { renderPartialMetadata, renderTable } from '../table/table.ts';
import type { Resource, WatchEvent } from '../rest/rest.ts';
import { isShared, onceForAll } from '../rest/shared-batches.ts';
import { statusOf } from './refusals.ts';
import type { Presentation } from './respond.ts';
import { framedEvents } from './watch-frames.ts';

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
export function watchText<T extends KubeObject>(
  request: WatchRequest<T>,
): AsyncIterable<string | Uint8Array> {
  const { resource, presentation } = request;
  const frame = createFramer(request) as Frame;
  return framedEvents(request.events, {
    // A table is not the same for all: only the first has columns, and ages depend on the time.
    pieces:
      presentation.accepted.shape === 'Table'
        ? (batch) => textPieces(batch, frame)
        : sharedPieces(resource, presentation, frame),
    failure: (error) => frame({ type: 'ERROR', status: statusOf(error) }),
  });
}

type Batch = readonly WatchEvent<KubeObject>[];

/** Lazily: the state a watch begins with may be large. */
function* textPieces(batch: Batch, frame: Frame): Generator<string> {
  let piece = '';
  for (const event of batch) {
    piece += frame(event);
    if (piece.length < PIECE_LENGTH) continue;
    yield piece;
    piece = '';
  }
  if (piece !== '') yield piece;
}

type Pieces = (batch: Batch) => Iterable<string | Uint8Array>;

const sharedPiecesOf = new WeakMap<object, Map<string, Pieces>>();

/** Batches that many watchers get are turned into bytes once. */
function sharedPieces(resource: object, { accepted }: Presentation, frame: Frame): Pieces {
  let byShape = sharedPiecesOf.get(resource);
  if (byShape === undefined) sharedPiecesOf.set(resource, (byShape = new Map<string, Pieces>()));
  const key = `${accepted.shape} ${accepted.shapeVersion}`;
  const known = byShape.get(key);
  if (known !== undefined) return known;
  const frames = createSharedFrames();
  const once = onceForAll((batch: Batch) => joined(batch.map((event) => frames(event, frame))));
  const pieces: Pieces = (batch) => (isShared(batch) ? once(batch) : textPieces(batch, frame));
  byShape.set(key, pieces);
  return pieces;
}

/** Frames as few chunks, which costs the least to write. */
function joined(frames: readonly Buffer[]): readonly Buffer[] {
  if (frames.length === 1) return frames;
  const pieces: Buffer[] = [];
  let [start, length] = [0, 0];
  const flush = (end: number): void => {
    if (end > start) pieces.push(Buffer.concat(frames.slice(start, end), length));
    [start, length] = [end, 0];
  };
  frames.forEach((frame, i) => {
    length += frame.length;
    if (length >= PIECE_LENGTH) flush(i + 1);
  });
  flush(frames.length);
  return pieces;
}

type Frame = (event: WatchEvent<KubeObject>) => string;
type SharedFrames = (event: WatchEvent<KubeObject>, frame: Frame) => Buffer;

/** Bytes kept per resource at most. */
const SHARED_BYTES = 4 * 1024 * 1024;

/** Frames of events as bytes, made once for all who are told of the same change, however they select. */
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

import { apiVersionOf } from '../../api/kind.ts';
import type { KubeObject } from '../../api/kind.ts';
import { listMeta } from '../../api/meta/v1/list-meta.ts';
import type { ListMeta } from '../../api/meta/v1/list-meta.ts';
import { partialObjectMetadata } from '../../api/meta/v1/partial-object-metadata.ts';
import { status as statusSchema } from '../../api/meta/v1/status.ts';
import { encodeProtobuf } from '../../api/protobuf/encode.ts';
import { delimitedHead, ENVELOPE_TAIL, envelopeHead, sealEnvelope } from '../../api/protobuf/envelope.ts';
import type { MessageType } from '../../api/schema/schema.ts';
import { messageOf } from '../../api/protobuf/messages.ts';
import type { Resource, WatchEvent } from '../rest/rest.ts';
import type { Accepted } from './accept.ts';
import { isShared, onceForAll } from '../rest/shared-batches.ts';
import { statusOf } from './refusals.ts';
import { framedEvents } from './watch-frames.ts';

/** Answers in protobuf. This module is loaded with the first of them. */

/** Bytes kept at most before older ones are dropped: a list of 10 000 Services has 7 MB. */
const LIMIT = 16 * 1024 * 1024;
/** Pieces of a list or of a watch's beginning are joined to about so many bytes. */
const PIECE_LENGTH = 64 * 1024;

let known = new WeakMap<object, Buffer>();
let nKnown = 0;

/** The bytes of an object that is never changed, made once for all who ask soon and kept under `key`. */
function bytesOf(schema: MessageType, object: object, key = object): Buffer {
  const found = known.get(key);
  if (found !== undefined) return found;
  const bytes = encodeProtobuf(schema, object);
  nKnown += bytes.length;
  if (nKnown > LIMIT) {
    known = new WeakMap();
    nKnown = bytes.length;
  }
  known.set(key, bytes);
  return bytes;
}

interface TypeName {
  readonly apiVersion: string;
  readonly kind: string;
}

/** How the items of an answer are written. */
interface ItemWriter {
  readonly type: TypeName;
  readonly bytes: (object: KubeObject) => Buffer;
}

function itemWriter<T extends KubeObject>(resource: Resource<T>, accepted: Accepted): ItemWriter {
  const { kind } = resource;
  if (accepted.shape === 'object') {
    return {
      type: { apiVersion: apiVersionOf(kind), kind: kind.kind },
      bytes: (object) => bytesOf(kind.schema, object),
    };
  }
  return {
    type: { apiVersion: `meta.k8s.io/${accepted.shapeVersion}`, kind: 'PartialObjectMetadata' },
    bytes: ({ metadata }) => bytesOf(partialObjectMetadata, { metadata }, metadata),
  };
}

/** One object as a body. */
export function protobufObject<T extends KubeObject>(
  resource: Resource<T>,
  object: T,
  accepted: Accepted,
): Uint8Array {
  const { type, bytes } = itemWriter(resource, accepted);
  return sealEnvelope(type, bytes(object));
}

/** A list as the pieces of a body: list metadata (1) and items (2). */
export function protobufList<T extends KubeObject>(
  resource: Resource<T>,
  { metadata, items }: { readonly metadata: ListMeta; readonly items: readonly T[] },
  accepted: Accepted,
): readonly Uint8Array[] {
  const { type, bytes } = itemWriter(resource, accepted);
  const meta = encodeProtobuf(listMeta, metadata);
  const all = items.map(bytes);
  const start = Buffer.from([...delimitedHead(1, meta.length), ...meta]);
  const length = all.reduce((sum, item) => sum + 1 + varintLength(item.length) + item.length, start.length);
  const head = envelopeHead({ ...type, kind: `${type.kind}List` }, length);
  const pieces = createPieces(Buffer.concat([head, start]));
  for (const item of all) pieces.add(item);
  return pieces.end(ENVELOPE_TAIL);
}

function varintLength(value: number): number {
  let length = 1;
  for (let rest = value; rest >= 0x80; rest = Math.floor(rest / 0x80)) length++;
  return length;
}

/** Joins items, each with the tag of field 2 and its length, to pieces of a useful size. */
function createPieces(start: Uint8Array) {
  const pieces: Uint8Array[] = [];
  let piece = Buffer.allocUnsafe(PIECE_LENGTH + start.length);
  piece.set(start);
  let at = start.length;
  const flush = (): void => {
    pieces.push(piece.subarray(0, at));
    piece = Buffer.allocUnsafe(PIECE_LENGTH);
    at = 0;
  };
  return {
    add(item: Uint8Array): void {
      if (at + item.length + 6 > piece.length) flush();
      if (item.length + 6 > piece.length) piece = Buffer.allocUnsafe(item.length + 6);
      piece[at++] = 0x12;
      let rest = item.length;
      for (; rest >= 0x80; rest = Math.floor(rest / 0x80)) piece[at++] = (rest % 0x80) | 0x80;
      piece[at++] = rest;
      piece.set(item, at);
      at += item.length;
    },
    end: (tail: Uint8Array): readonly Uint8Array[] => [...pieces, piece.subarray(0, at), tail],
  };
}

/**
 * A document (a Status, a Scale, ...) in JSON as a body. Undefined for a kind that has no protobuf form here, which is
 * then answered in JSON.
 */
export function protobufDocument(json: string): Uint8Array | undefined {
  const { apiVersion = '', kind = '', ...content } = JSON.parse(json) as Partial<TypeName>;
  const schema = messageOf(apiVersion, kind);
  return schema && sealEnvelope({ apiVersion, kind }, encodeProtobuf(schema, content));
}

export interface FrameRequest<T extends KubeObject> {
  readonly resource: Resource<T>;
  readonly events: AsyncIterable<readonly WatchEvent<T>[]>;
  readonly accepted: Accepted;
}

/**
 * A watch in protobuf: frames of four bytes of length (big endian) and a meta/v1 WatchEvent, whose object is a whole
 * body with its envelope. One chunk per batch or, of a large one, several. What goes wrong becomes an ERROR event.
 */
export function protobufWatch<T extends KubeObject>(
  request: FrameRequest<T>,
): AsyncIterable<string | Uint8Array> {
  const { resource, accepted } = request;
  const frame = createFramer(request);
  return framedEvents(request.events, {
    pieces: sharedPieces<T>(resource, `${accepted.shape} ${accepted.shapeVersion}`, frame),
    failure: (error) => frame({ type: 'ERROR', status: statusOf(error) }),
  });
}

type Pieces<T extends KubeObject> = (batch: readonly WatchEvent<T>[]) => Iterable<Uint8Array>;

const sharedPiecesOf = new WeakMap<object, Map<string, unknown>>();

/** Batches that many watchers get are turned into bytes once. */
function sharedPieces<T extends KubeObject>(
  resource: object,
  shape: string,
  frame: (event: WatchEvent<T>) => Uint8Array,
): Pieces<T> {
  let byShape = sharedPiecesOf.get(resource);
  if (byShape === undefined) sharedPiecesOf.set(resource, (byShape = new Map<string, unknown>()));
  const known = byShape.get(shape);
  if (known !== undefined) return known as Pieces<T>;
  const once = onceForAll((batch: readonly WatchEvent<T>[]) => [...bytePieces(batch, frame)]);
  const pieces: Pieces<T> = (batch) => (isShared(batch) ? once(batch) : bytePieces(batch, frame));
  byShape.set(shape, pieces);
  return pieces;
}

function* bytePieces<T extends KubeObject>(
  batch: readonly WatchEvent<T>[],
  frameOf: (event: WatchEvent<T>) => Uint8Array,
): Generator<Uint8Array> {
  let frames: Uint8Array[] = [];
  let length = 0;
  for (const event of batch) {
    const frame = frameOf(event);
    frames.push(frame);
    length += frame.length;
    if (length < PIECE_LENGTH) continue;
    yield Buffer.concat(frames, length);
    frames = [];
    length = 0;
  }
  if (frames.length === 1 && frames[0] !== undefined) yield frames[0];
  else if (length > 0) yield Buffer.concat(frames, length);
}

function createFramer<T extends KubeObject>({ resource, accepted }: FrameRequest<T>) {
  const { type, bytes } = itemWriter(resource, accepted);
  const schema = accepted.shape === 'object' ? resource.kind.schema : partialObjectMetadata;
  return (event: WatchEvent<T>): Uint8Array => {
    switch (event.type) {
      case 'ADDED':
      case 'MODIFIED':
      case 'DELETED':
        return frame(event.type, type, bytes(event.object));
      case 'BOOKMARK': {
        const { resourceVersion, annotations } = event;
        return frame(
          event.type,
          type,
          encodeProtobuf(schema, { metadata: { resourceVersion, annotations } }),
        );
      }
      case 'ERROR':
        return frame(
          event.type,
          { apiVersion: 'v1', kind: 'Status' },
          encodeProtobuf(statusSchema, event.status),
        );
    }
  };
}

/** WatchEvent: type (1) and object (2), a RawExtension whose raw (1) is the body. */
function frame(event: string, type: TypeName, raw: Uint8Array): Uint8Array {
  const head = envelopeHead(type, raw.length);
  const nBody = head.length + raw.length + ENVELOPE_TAIL.length;
  const inner = delimitedHead(1, nBody);
  const start = [
    ...delimitedHead(1, event.length),
    ...Buffer.from(event),
    ...delimitedHead(2, inner.length + nBody),
    ...inner,
  ];
  const bytes = Buffer.allocUnsafe(4 + start.length + nBody);
  bytes.writeUInt32BE(bytes.length - 4);
  bytes.set(start, 4);
  let at = 4 + start.length;
  for (const part of [head, raw, ENVELOPE_TAIL]) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}

/** Frames of HTTP/2 (RFC 9113, section 6). */
export const FRAME = {
  data: 0,
  headers: 1,
  priority: 2,
  rstStream: 3,
  settings: 4,
  pushPromise: 5,
  ping: 6,
  goaway: 7,
  windowUpdate: 8,
  continuation: 9,
} as const;

export const FLAG = { endStream: 1, ack: 1, endHeaders: 4, padded: 8, priority: 0x20 } as const;

/** Settings by their numbers (6.5.2). */
export const SETTING = {
  headerTableSize: 1,
  enablePush: 2,
  maxConcurrentStreams: 3,
  initialWindowSize: 4,
  maxFrameSize: 5,
  maxHeaderListSize: 6,
} as const;

/** Error codes (section 7). */
export const CODE = {
  noError: 0,
  protocolError: 1,
  internalError: 2,
  flowControlError: 3,
  streamClosed: 5,
  frameSizeError: 6,
  refusedStream: 7,
  cancel: 8,
  compressionError: 9,
  enhanceYourCalm: 11,
} as const;

/** What a client sends before its first frame (3.4). */
export const PREFACE = 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n';

export const HEAD_BYTES = 9;
/** The largest payload either side may send unless told otherwise; we never tell. */
export const DEFAULT_FRAME_BYTES = 16_384;
export const DEFAULT_WINDOW = 65_535;
export const MAX_WINDOW = 0x7fff_ffff;

/** Ends the whole connection. */
export class ConnectionError extends Error {
  readonly code: number;
  constructor(code: number, message: string) {
    super(message);
    this.code = code;
  }
}

/** Ends one stream. */
export class StreamError extends Error {
  readonly code: number;
  readonly streamId: number;
  constructor(streamId: number, code: number, message: string) {
    super(message);
    this.streamId = streamId;
    this.code = code;
  }
}

export interface Frame {
  readonly type: number;
  readonly flags: number;
  /** 0: the connection. */
  readonly streamId: number;
  readonly payload: Buffer;
}

/** Writes the nine octets that a frame begins with. */
export function writeHead(
  target: Uint8Array,
  at: number,
  frame: Omit<Frame, 'payload'> & { length: number },
): void {
  const { type, flags, streamId, length } = frame;
  target[at] = length >>> 16;
  target[at + 1] = length >>> 8;
  target[at + 2] = length;
  target[at + 3] = type;
  target[at + 4] = flags;
  target[at + 5] = streamId >>> 24;
  target[at + 6] = streamId >>> 16;
  target[at + 7] = streamId >>> 8;
  target[at + 8] = streamId;
}

export function frameOf(type: number, payload: Uint8Array, { flags = 0, streamId = 0 } = {}): Buffer {
  const frame = Buffer.allocUnsafe(HEAD_BYTES + payload.length);
  writeHead(frame, 0, { type, flags, streamId, length: payload.length });
  frame.set(payload, HEAD_BYTES);
  return frame;
}

export function settingsFrame(settings: Readonly<Partial<Record<keyof typeof SETTING, number>>>): Buffer {
  const payload = Buffer.alloc(6 * Object.keys(settings).length);
  for (const [i, [name, value]] of Object.entries(settings).entries()) {
    payload.writeUInt16BE(SETTING[name as keyof typeof SETTING], 6 * i);
    payload.writeUInt32BE(value, 6 * i + 2);
  }
  return frameOf(FRAME.settings, payload);
}

export const windowUpdateFrame = (streamId: number, increment: number): Buffer =>
  frameOf(FRAME.windowUpdate, number32(increment), { streamId });

export const resetFrame = (streamId: number, code: number): Buffer =>
  frameOf(FRAME.rstStream, number32(code), { streamId });

export function goawayFrame(lastStreamId: number, code: number, reason = ''): Buffer {
  return frameOf(FRAME.goaway, Buffer.concat([number32(lastStreamId), number32(code), Buffer.from(reason)]));
}

function number32(value: number): Buffer {
  const bytes = Buffer.allocUnsafe(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

/** A header block as HEADERS and as many CONTINUATION frames as it needs. */
export function headerFrames(streamId: number, block: Buffer, isEnd: boolean): Buffer {
  const flags = isEnd ? FLAG.endStream : 0;
  if (block.length <= DEFAULT_FRAME_BYTES) {
    return frameOf(FRAME.headers, block, { flags: flags | FLAG.endHeaders, streamId });
  }
  const frames: Buffer[] = [];
  for (let at = 0; at < block.length; at += DEFAULT_FRAME_BYTES) {
    const end = at + DEFAULT_FRAME_BYTES >= block.length ? FLAG.endHeaders : 0;
    const piece = block.subarray(at, at + DEFAULT_FRAME_BYTES);
    const [type, own] = at === 0 ? [FRAME.headers, flags] : [FRAME.continuation, 0];
    frames.push(frameOf(type, piece, { flags: own | end, streamId }));
  }
  return Buffer.concat(frames);
}

/** Cuts what arrives into frames. */
export class FrameReader {
  private chunks: Buffer[] = [];
  private length = 0;
  private needed = PREFACE.length;
  private hasPreface = false;

  /** Calls `onFrame` with each frame that is complete. Throws ConnectionError for what is no HTTP/2. */
  push(chunk: Buffer, onFrame: (frame: Frame) => void): void {
    this.chunks.push(chunk);
    this.length += chunk.length;
    if (this.length < this.needed) return;
    const bytes = this.chunks.length === 1 ? chunk : Buffer.concat(this.chunks, this.length);
    this.chunks = [];
    let at = this.hasPreface ? 0 : this.skipPreface(bytes);
    while (bytes.length - at >= HEAD_BYTES) {
      const length = bytes.readUIntBE(at, 3);
      if (length > DEFAULT_FRAME_BYTES)
        throw new ConnectionError(CODE.frameSizeError, 'a frame is too large');
      const end = at + HEAD_BYTES + length;
      if (end > bytes.length) break;
      onFrame({
        type: bytes[at + 3] ?? 0,
        flags: bytes[at + 4] ?? 0,
        streamId: bytes.readUInt32BE(at + 5) & 0x7fff_ffff,
        payload: bytes.subarray(at + HEAD_BYTES, end),
      });
      at = end;
    }
    this.keep(bytes, at);
  }

  private skipPreface(bytes: Buffer): number {
    if (bytes.toString('latin1', 0, PREFACE.length) !== PREFACE)
      throw new ConnectionError(CODE.protocolError, 'this is no HTTP/2');
    this.hasPreface = true;
    return PREFACE.length;
  }

  private keep(bytes: Buffer, at: number): void {
    const rest = bytes.length - at;
    this.length = rest;
    if (rest > 0) this.chunks.push(bytes.subarray(at));
    this.needed = rest < HEAD_BYTES ? HEAD_BYTES : HEAD_BYTES + bytes.readUIntBE(at, 3);
  }
}

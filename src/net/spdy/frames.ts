/** SPDY/3.1 frames (draft-mbelshe-httpbis-spdy-00, section 2): what they are made of, and how they are read from a byte stream. */
export const SYN_STREAM = 1;
export const SYN_REPLY = 2;
export const RST_STREAM = 3;
export const SETTINGS = 4;
export const PING = 6;
export const GOAWAY = 7;
export const HEADERS = 8;
export const WINDOW_UPDATE = 9;

export const FLAG_FIN = 1;

/** Why a stream is reset. */
export const PROTOCOL_ERROR = 1;
export const INVALID_STREAM = 2;
export const REFUSED_STREAM = 3;
export const CANCEL = 5;
export const FLOW_CONTROL_ERROR = 7;

const VERSION = 3;
/** Nothing that is no data is longer; a browser's largest header block fits. */
const MAX_CONTROL = 64 * 1024;

/** The connection cannot go on: `status` goes into the GOAWAY (1 = protocol error, 2 = internal error). */
export class SpdyError extends Error {
  override readonly name = 'SpdyError';
  readonly status: 1 | 2;
  constructor(message: string, status: 1 | 2 = 1) {
    super(message);
    this.status = status;
  }
}

export interface ControlFrame {
  readonly kind: 'control';
  readonly type: number;
  readonly flags: number;
  readonly body: Buffer;
}

/** A part of a data frame, as it arrives; `isLast` when the frame says that the stream ends after it. */
export interface DataPart {
  readonly kind: 'data';
  readonly streamId: number;
  readonly bytes: Buffer;
  readonly isLast: boolean;
}

export type Frame = ControlFrame | DataPart;

/** Bytes that a control frame's body has at least, by type. */
const leastBody: Readonly<Record<number, number>> = {
  [SYN_STREAM]: 10,
  [SYN_REPLY]: 4,
  [RST_STREAM]: 8,
  [SETTINGS]: 4,
  [PING]: 4,
  [GOAWAY]: 8,
  [HEADERS]: 4,
  [WINDOW_UPDATE]: 8,
};

/** Cuts what arrives into frames. A data frame is passed on piece by piece, so nothing but a short control frame is ever held. */
export class FrameReader {
  #held: Buffer = Buffer.alloc(0);
  #data: { readonly streamId: number; readonly isLast: boolean; left: number } | undefined;

  /** Throws SpdyError for what is no SPDY/3.1. */
  *push(chunk: Buffer): Generator<Frame> {
    let rest = this.#held.length === 0 ? chunk : Buffer.concat([this.#held, chunk]);
    for (;;) {
      if (this.#data !== undefined) {
        if (rest.length === 0 && this.#data.left > 0) break;
        const { streamId, left, isLast } = this.#data;
        const bytes = rest.subarray(0, left);
        rest = rest.subarray(bytes.length);
        this.#data.left -= bytes.length;
        const isWhole = this.#data.left === 0;
        if (isWhole) this.#data = undefined;
        yield { kind: 'data', streamId, bytes, isLast: isLast && isWhole };
        continue;
      }
      if (rest.length < 8) break;
      const head = rest.readUInt32BE(0);
      const [flags, length] = [rest.readUInt8(4), rest.readUIntBE(5, 3)];
      if (head < 0x80000000) {
        this.#data = { streamId: head, left: length, isLast: (flags & FLAG_FIN) !== 0 };
        rest = rest.subarray(8);
        continue;
      }
      const type = head & 0xffff;
      checkControl((head >>> 16) & 0x7fff, type, length);
      if (rest.length < 8 + length) break;
      const body = rest.subarray(8, 8 + length);
      rest = rest.subarray(8 + length);
      yield { kind: 'control', type, flags, body };
    }
    // A copy, so that a few bytes do not keep a large chunk.
    this.#held = Buffer.from(rest);
  }
}

function checkControl(version: number, type: number, length: number): void {
  if (version !== VERSION) throw new SpdyError(`SPDY version ${version} is not supported`);
  if (length > MAX_CONTROL) throw new SpdyError(`a control frame of ${length} bytes is too large`);
  const least = leastBody[type] ?? 0;
  if (length < least)
    throw new SpdyError(`a control frame of type ${type} has ${length} bytes, not ${least}`);
}

export function controlFrame(type: number, flags: number, body: Buffer): Buffer {
  const head = Buffer.alloc(8);
  head.writeUInt16BE(0x8000 | VERSION, 0);
  head.writeUInt16BE(type, 2);
  head.writeUInt8(flags, 4);
  head.writeUIntBE(body.length, 5, 3);
  return Buffer.concat([head, body]);
}

/** A control frame whose body is a few 32-bit numbers. */
export function numbersFrame(type: number, ...numbers: readonly number[]): Buffer {
  const body = Buffer.alloc(numbers.length * 4);
  numbers.forEach((number, i) => body.writeUInt32BE(number, i * 4));
  return controlFrame(type, 0, body);
}

/** What stands before `length` bytes of data. */
export function dataHead(streamId: number, length: number, isLast: boolean): Buffer {
  const head = Buffer.alloc(8);
  head.writeUInt32BE(streamId, 0);
  head.writeUInt8(isLast ? FLAG_FIN : 0, 4);
  head.writeUIntBE(length, 5, 3);
  return head;
}

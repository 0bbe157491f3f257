import { CODE, ConnectionError, FLAG, MAX_WINDOW, StreamError } from './frames.ts';
import type { Frame } from './frames.ts';

/** The headers of a request (or its trailers), as they were sent. */
export interface HeaderBlock {
  readonly streamId: number;
  /** Nothing follows on the stream. */
  readonly isEnd: boolean;
  readonly bytes: Buffer;
}

/** Of one block as sent, in however many frames (CVE-2024-27316). */
const BLOCK_BYTES = 256 * 1024;

/** Joins HEADERS and its CONTINUATION frames, between which nothing may come. */
export class HeaderBlocks {
  private pending: { streamId: number; isEnd: boolean; pieces: Buffer[]; length: number } | undefined;

  /** Throws ConnectionError for a frame in the middle of a block that is no part of it. */
  checkOrder(isContinuation: boolean, streamId: number): void {
    const { pending } = this;
    if (pending === undefined) {
      if (isContinuation) throw new ConnectionError(CODE.protocolError, 'CONTINUATION without HEADERS');
    } else if (!isContinuation || streamId !== pending.streamId) {
      throw new ConnectionError(CODE.protocolError, 'a header block is interrupted');
    }
  }

  /** Undefined while more is to come. */
  begin(frame: Frame): HeaderBlock | undefined {
    const { flags, streamId } = frame;
    if (streamId % 2 === 0) throw new ConnectionError(CODE.protocolError, 'a stream has an even number');
    let bytes = withoutPadding(frame);
    if ((flags & FLAG.priority) !== 0) {
      if (bytes.length < 5) throw new ConnectionError(CODE.frameSizeError, 'HEADERS is too short');
      checkDependency(streamId, bytes);
      bytes = bytes.subarray(5);
    }
    const isEnd = (flags & FLAG.endStream) !== 0;
    if ((flags & FLAG.endHeaders) !== 0) return { streamId, isEnd, bytes };
    this.pending = { streamId, isEnd, pieces: [bytes], length: bytes.length };
    return undefined;
  }

  go({ flags, payload }: Frame): HeaderBlock | undefined {
    const { pending } = this;
    if (pending === undefined) return undefined;
    pending.pieces.push(payload);
    pending.length += payload.length;
    if (pending.length > BLOCK_BYTES)
      throw new ConnectionError(CODE.enhanceYourCalm, 'the headers of a request are too large');
    if ((flags & FLAG.endHeaders) === 0) return undefined;
    this.pending = undefined;
    const { streamId, isEnd, pieces, length } = pending;
    return { streamId, isEnd, bytes: Buffer.concat(pieces, length) };
  }
}

/** The payload of DATA or HEADERS without what only hides its length (RFC 9113, 6.1). */
export function withoutPadding({ flags, payload }: Frame): Buffer {
  if ((flags & FLAG.padded) === 0) return payload;
  const nPadding = payload[0];
  if (nPadding === undefined) throw new ConnectionError(CODE.frameSizeError, 'a padded frame is empty');
  if (nPadding >= payload.length) throw new ConnectionError(CODE.protocolError, 'a frame is all padding');
  return payload.subarray(1, payload.length - nPadding);
}

/** Priorities are read and not followed (RFC 9113, 5.3.2). */
export function checkPriority({ streamId, payload }: Frame): void {
  if (streamId === 0) throw new ConnectionError(CODE.protocolError, 'PRIORITY without a stream');
  if (payload.length !== 5)
    throw new StreamError(streamId, CODE.frameSizeError, 'PRIORITY is not five octets');
  checkDependency(streamId, payload);
}

function checkDependency(streamId: number, priority: Buffer): void {
  if ((priority.readUInt32BE(0) & MAX_WINDOW) === streamId)
    throw new StreamError(streamId, CODE.protocolError, 'a stream depends on itself');
}

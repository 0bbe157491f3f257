import type { Clock } from '../../base/clock.ts';
import type { HeaderField } from './header-decoder.ts';
import { encodeHeaders } from './header-encoder.ts';
import { CODE, FLAG, FRAME, HEAD_BYTES, writeHead } from './frames.ts';
import type { Output } from './output.ts';
import { ArrivingBody } from './arriving-body.ts';
import type { RequestHead } from './request-head.ts';

/** What a stream needs of its connection. */
export interface StreamHost {
  /** Sends a header block, behind all that has been sent. */
  head(stream: ServerStream, block: Buffer, isEnd: boolean): void;
  /** The stream has data to send, and may. */
  ready(stream: ServerStream): void;
  /** Both sides are done with the stream. */
  closed(stream: ServerStream): void;
  /** The client may send so many more octets on the stream. */
  credit(stream: ServerStream, nBytes: number): void;
  /** Ends the stream with RST_STREAM. */
  reset(stream: ServerStream, code: number): void;
  /** The response has been sent, and the client is still sending. */
  hangUp(stream: ServerStream): void;
}

/** Beyond so many waiting octets the source is asked to wait. */
const HIGH_BYTES = 128 * 1024;
/** It may go on below. */
const LOW_BYTES = 32 * 1024;

const NOTHING = Buffer.alloc(0);

/** One request and its response on an HTTP/2 connection. */
export class ServerStream {
  readonly id: number;
  readonly head: RequestHead;
  readonly body: ArrivingBody;
  /** Octets the client takes on this stream. */
  sendWindow: number;
  /** Octets the client may still send, and those it has sent. */
  receiveWindow: number;
  received = 0;
  /** Octets that have been read and not yet been told of. */
  uncredited = 0;
  /** Called once when the stream is over; `isDone` says that the whole response has gone out. */
  onClose: ((isDone: boolean) => void) | undefined;
  hasAllBody = false;
  /** The end of the response is on its way. */
  isSent = false;
  isClosed = false;
  /** Somebody is answering it. */
  isServed = false;
  /** In the connection's queue of those with something to send. */
  isQueued = false;
  private readonly host: StreamHost;
  private pieces: Uint8Array[] = [];
  /** Octets of `pieces[0]` that have been sent. */
  private offset = 0;
  private waiting = 0;
  private hasHead = false;
  private hasEnd = false;
  private onDrain: (() => void) | undefined;

  constructor(options: {
    id: number;
    head: RequestHead;
    sendWindow: number;
    receiveWindow: number;
    host: StreamHost;
    clock: Clock;
  }) {
    this.id = options.id;
    this.head = options.head;
    this.sendWindow = options.sendWindow;
    this.receiveWindow = options.receiveWindow;
    this.host = options.host;
    this.body = new ArrivingBody(options.clock, (nBytes) => this.host.credit(this, nBytes));
  }

  get hasResponse(): boolean {
    return this.hasHead;
  }

  /** Sends the head of the response; throws a TypeError for headers that cannot be sent. */
  respond(status: number, fields: Iterable<HeaderField>, isEnd: boolean): void {
    if (this.isClosed) return;
    this.hasHead = true;
    this.host.head(this, encodeHeaders(status, fields), isEnd);
    if (isEnd) this.finish();
  }

  /** An interim response, such as 100. */
  inform(status: number): void {
    if (!this.isClosed && !this.hasHead) this.host.head(this, encodeHeaders(status, []), false);
  }

  /** False: it is time to wait for room. The bytes must not change any more. */
  write(piece: Uint8Array): boolean {
    if (this.isClosed || this.hasEnd) return true;
    if (piece.length > 0) {
      this.pieces.push(piece);
      this.waiting += piece.length;
      this.host.ready(this);
    }
    return this.waiting < HIGH_BYTES;
  }

  /** Calls once when there is room again. Returns what takes the call back. */
  whenDrained(call: () => void): () => void {
    this.onDrain = call;
    return () => {
      if (this.onDrain === call) this.onDrain = undefined;
    };
  }

  end(): void {
    if (this.isClosed || this.hasEnd) return;
    this.hasEnd = true;
    this.host.ready(this);
  }

  reset(code: number = CODE.cancel): void {
    if (!this.isClosed) this.host.reset(this, code);
  }

  get hasData(): boolean {
    return this.waiting > 0;
  }

  get canSend(): boolean {
    if (this.isClosed || this.isSent) return false;
    return this.waiting === 0 ? this.hasEnd : this.sendWindow > 0;
  }

  /** Writes one DATA frame of at most `limit` octets; returns how many. */
  sendFrame(output: Output, limit: number): number {
    const length = Math.min(limit, this.waiting, Math.max(0, this.sendWindow));
    const isEnd = this.hasEnd && length === this.waiting;
    if (length === 0 && !isEnd) return 0;
    const { page, at } = output.reserve(HEAD_BYTES + length);
    writeHead(page, at, { type: FRAME.data, flags: isEnd ? FLAG.endStream : 0, streamId: this.id, length });
    this.fill(page, at + HEAD_BYTES, length);
    this.sendWindow -= length;
    const before = this.waiting;
    this.waiting -= length;
    if (isEnd) this.finish();
    else if (before >= LOW_BYTES && this.waiting < LOW_BYTES) this.drained();
    return length;
  }

  /** The stream is over, whatever was to be sent. */
  close(isDone: boolean): void {
    if (this.isClosed) return;
    this.isClosed = true;
    this.pieces = [];
    this.waiting = 0;
    if (!this.hasAllBody) this.body.fail(new Error('the client has closed the stream'));
    this.onClose?.(isDone);
    this.drained();
    this.host.closed(this);
  }

  /** All of the response is on its way. What the client still sends is of no use to anyone. */
  private finish(): void {
    this.isSent = true;
    if (this.hasAllBody) return this.close(true);
    this.body.drop();
    this.host.hangUp(this);
  }

  private drained(): void {
    const call = this.onDrain;
    this.onDrain = undefined;
    call?.();
  }

  private fill(page: Buffer, start: number, length: number): void {
    const [only] = this.pieces;
    if (only !== undefined && this.pieces.length === 1 && this.offset === 0 && only.length === length) {
      // What a watcher is told is mostly one whole piece.
      page.set(only, start);
      this.pieces.pop();
      return;
    }
    let at = start;
    let rest = length;
    let nDone = 0;
    while (rest > 0) {
      const piece = this.pieces[nDone] ?? NOTHING;
      const available = piece.length - this.offset;
      if (available <= rest) {
        page.set(this.offset === 0 ? piece : piece.subarray(this.offset), at);
        at += available;
        rest -= available;
        this.offset = 0;
        nDone++;
      } else {
        page.set(piece.subarray(this.offset, this.offset + rest), at);
        this.offset += rest;
        rest = 0;
      }
    }
    if (nDone === this.pieces.length) this.pieces.length = 0;
    else if (nDone > 0) this.pieces.splice(0, nDone);
  }
}

import type { Duplex } from 'node:stream';
import type { Clock } from '../../base/clock.ts';
import {
  CODE,
  ConnectionError,
  DEFAULT_WINDOW,
  FLAG,
  FRAME,
  FrameReader,
  frameOf,
  goawayFrame,
  headerFrames,
  MAX_WINDOW,
  resetFrame,
  settingsFrame,
  StreamError,
  windowUpdateFrame,
} from './frames.ts';
import type { Frame } from './frames.ts';
import { createFloodGuard } from './flood-guard.ts';
import type { FloodGuard } from './flood-guard.ts';
import { checkPriority, HeaderBlocks, withoutPadding } from './header-blocks.ts';
import type { HeaderBlock } from './header-blocks.ts';
import { CompressionError, createHeaderDecoder } from './header-decoder.ts';
import { EMPTY_TABLE } from './header-encoder.ts';
import { requestHead } from './request-head.ts';
import { Sender } from './sender.ts';
import { ServerStream } from './server-stream.ts';
import type { StreamHost } from './server-stream.ts';
import { readSettings } from './settings.ts';

export interface SessionOptions {
  readonly socket: Duplex;
  readonly clock: Clock;
  readonly maxStreams: number;
  /** Answers one request; settles when nothing runs for it any more, also after the client has gone. Never rejects. */
  readonly serve: (stream: ServerStream) => Promise<void>;
  /** Told once why the connection had to end. */
  readonly onFault: (error: Error) => void;
}

/** Of one request's header list, as in SETTINGS_MAX_HEADER_LIST_SIZE; beyond it the answer is 431. */
const HEADER_LIST_BYTES = 64 * 1024;
/** What a client may send of one body before it is read, and of all bodies of a connection. */
const STREAM_WINDOW = 256 * 1024;
const CONNECTION_WINDOW = 4 * 1024 * 1024;
/** Bodies up to this length are received before their request is looked at: one buffer, and no waiting in between. */
const WHOLE_BODY_BYTES = 64 * 1024;
/** What may wait in the socket before a client is no longer listened to. Data alone are far less: they wait in their streams. */
const BACKLOG_BYTES = 1024 * 1024;
/** How long a client may go on sending a body that nobody wants, after the response. */
const HANG_UP_MS = 200;
/** How long a client may take to begin. */
const PREFACE_MS = 10_000;
/** How long a client that breaks the protocol may take to read why. */
const LINGER_MS = 1000;

/** The server's side of one HTTP/2 connection (RFC 9113): no push, no priorities, no CONNECT. */
export class Http2Session {
  private readonly options: SessionOptions;
  private readonly sender: Sender;
  private readonly reader = new FrameReader();
  private readonly blocks = new HeaderBlocks();
  private readonly decoder = createHeaderDecoder(HEADER_LIST_BYTES);
  private readonly guard: FloodGuard;
  private readonly streams = new Map<number, ServerStream>();
  private readonly host: StreamHost;
  private receiveWindow = CONNECTION_WINDOW;
  private uncredited = 0;
  private initialWindow = DEFAULT_WINDOW;
  private hasSettings = false;
  private hasSmallTable = false;
  private lastStreamId = 0;
  /** Requests that still run though their stream is over. */
  private nOrphans = 0;
  private isClosing = false;
  private hasEnded = false;

  constructor(options: SessionOptions) {
    this.options = options;
    this.sender = new Sender(options.socket);
    this.guard = createFloodGuard(options.clock);
    this.host = {
      head: (stream, block, isEnd) => this.sendHead(stream, block, isEnd),
      ready: (stream) => this.sender.enqueue(stream),
      closed: (stream) => this.streamClosed(stream),
      credit: (stream, nBytes) => this.credit(stream, nBytes),
      reset: (stream, code) => {
        this.sender.control(resetFrame(stream.id, code));
        stream.close(false);
      },
      hangUp: (stream) => this.hangUp(stream),
    };
  }

  /** Speaks until either side ends the connection. */
  start(): void {
    const { socket, clock, maxStreams } = this.options;
    const settings = {
      maxConcurrentStreams: maxStreams,
      initialWindowSize: STREAM_WINDOW,
      maxHeaderListSize: HEADER_LIST_BYTES,
    };
    this.sender.control(settingsFrame(settings));
    this.sender.control(windowUpdateFrame(0, CONNECTION_WINDOW - DEFAULT_WINDOW));
    socket.on('data', (chunk: Buffer) => this.receive(chunk));
    socket.on('drain', () => socket.isPaused() && socket.resume());
    // Half a connection is of no use: nothing more can be asked, and nobody is known to listen.
    socket.on('end', () => socket.end());
    const cancel = clock.after(PREFACE_MS, () => this.hasSettings || socket.destroy());
    socket.on('close', () => {
      cancel();
      this.closeStreams();
    });
  }

  /** Takes no new requests; the connection ends with the last one that runs. */
  close(): void {
    if (this.isClosing || this.hasEnded) return;
    this.isClosing = true;
    this.sender.control(goawayFrame(this.lastStreamId, CODE.noError));
    this.endWhenIdle();
  }

  destroy(): void {
    this.hasEnded = true;
    this.options.socket.destroy();
  }

  private receive(chunk: Buffer): void {
    if (this.hasEnded) return;
    const { socket } = this.options;
    try {
      this.reader.push(chunk, (frame) => this.take(frame));
      // It asks and does not listen: what answers it, and needs no window, would pile up here.
      if (socket.writableLength > BACKLOG_BYTES) socket.pause();
    } catch (error) {
      this.fail(error instanceof Error ? error : new Error(String(error)));
    }
  }

  /** Errors of one stream end that stream; all others the connection. */
  private take(frame: Frame): void {
    if (this.hasEnded) return;
    try {
      this.dispatch(frame);
    } catch (error) {
      if (!(error instanceof StreamError)) throw error;
      this.guard.reset();
      this.sender.control(resetFrame(error.streamId, error.code));
      this.streams.get(error.streamId)?.close(false);
    }
  }

  private fail(error: Error): void {
    this.hasEnded = true;
    const { socket, onFault, clock } = this.options;
    this.sender.control(goawayFrame(this.lastStreamId, codeOf(error)));
    this.sender.end();
    this.closeStreams();
    clock.after(LINGER_MS, () => socket.destroy());
    onFault(error);
  }

  private closeStreams(): void {
    this.hasEnded = true;
    for (const stream of [...this.streams.values()]) stream.close(false);
  }

  private endWhenIdle(): void {
    if (this.isClosing && this.streams.size === 0) this.sender.end();
  }

  private dispatch(frame: Frame): void {
    const { type, streamId } = frame;
    if (!this.hasSettings && (type !== FRAME.settings || (frame.flags & FLAG.ack) !== 0))
      throw new ConnectionError(CODE.protocolError, 'the first frame must be SETTINGS');
    this.blocks.checkOrder(type === FRAME.continuation, streamId);
    switch (type) {
      case FRAME.data:
        return this.onData(frame);
      case FRAME.headers:
        return this.onBlock(this.blocks.begin(frame));
      case FRAME.continuation:
        if (frame.payload.length === 0) this.guard.control();
        return this.onBlock(this.blocks.go(frame));
      case FRAME.priority:
        return checkPriority(frame);
      case FRAME.rstStream:
        return this.onReset(frame);
      case FRAME.settings:
        return this.onSettings(frame);
      case FRAME.pushPromise:
        throw new ConnectionError(CODE.protocolError, 'a client must not push');
      case FRAME.ping:
        return this.onPing(frame);
      case FRAME.goaway:
        return this.onGoaway(frame);
      case FRAME.windowUpdate:
        return this.onWindowUpdate(frame);
      default:
        // An extension that nobody has agreed on.
        return this.guard.control();
    }
  }

  private onBlock(block: HeaderBlock | undefined): void {
    if (block === undefined) return;
    // Read whatever becomes of it, since later blocks build on it.
    const { fields, isTooLarge } = this.decoder.decode(block.bytes);
    const { streamId, isEnd } = block;
    if (streamId <= this.lastStreamId) return this.onTrailers(block);
    this.lastStreamId = streamId;
    if (this.isClosing) return;
    if (this.streams.size + this.nOrphans >= this.options.maxStreams)
      throw new StreamError(streamId, CODE.refusedStream, 'too many requests at once');
    const head = requestHead(fields, isTooLarge);
    if (head === undefined) throw new StreamError(streamId, CODE.protocolError, 'the request is malformed');
    const { host, initialWindow: sendWindow } = this;
    const { clock } = this.options;
    const windows = { sendWindow, receiveWindow: STREAM_WINDOW };
    const stream = new ServerStream({ id: streamId, head, ...windows, host, clock });
    this.streams.set(streamId, stream);
    if (isEnd) return this.endBody(stream);
    const { expect, 'content-length': length } = head.headers;
    const isShort = length !== undefined && Number(length) <= WHOLE_BODY_BYTES;
    // Whoever expects an answer first would be waited for in vain.
    if (!isShort || expect !== undefined) this.serve(stream);
  }

  /** What follows a body says nothing that is needed here. */
  private onTrailers({ streamId, isEnd }: HeaderBlock): void {
    const stream = this.streams.get(streamId);
    if (stream === undefined || stream.hasAllBody)
      throw new StreamError(streamId, CODE.streamClosed, 'HEADERS after the end of a stream');
    if (!isEnd) throw new StreamError(streamId, CODE.protocolError, 'trailers that do not end the stream');
    this.endBody(stream);
  }

  private serve(stream: ServerStream): void {
    stream.isServed = true;
    void this.options.serve(stream).then(() => {
      stream.isServed = false;
      if (stream.isClosed) this.nOrphans--;
    });
  }

  private sendHead({ id }: ServerStream, block: Buffer, isEnd: boolean): void {
    // A client whose table is small waits to hear that we know.
    const whole = this.hasSmallTable ? Buffer.concat([EMPTY_TABLE, block]) : block;
    this.hasSmallTable = false;
    this.sender.control(headerFrames(id, whole, isEnd));
  }

  /** Not at once: some clients (curl 7.88) forget the response when this comes in the same piece. */
  private hangUp(stream: ServerStream): void {
    this.options.clock.after(HANG_UP_MS, () => {
      if (stream.isClosed) return;
      this.sender.control(resetFrame(stream.id, CODE.noError));
      stream.close(true);
    });
  }

  private streamClosed(stream: ServerStream): void {
    this.streams.delete(stream.id);
    if (stream.isServed) this.nOrphans++;
    this.endWhenIdle();
  }

  private onData(frame: Frame): void {
    const { streamId, flags } = frame;
    const isEnd = (flags & FLAG.endStream) !== 0;
    const size = frame.payload.length;
    if (streamId === 0 || streamId > this.lastStreamId)
      throw new ConnectionError(CODE.protocolError, 'DATA on a stream that does not exist');
    this.receiveWindow -= size;
    if (this.receiveWindow < 0)
      throw new ConnectionError(CODE.flowControlError, 'more data than the connection takes');
    if (size === 0 && !isEnd) this.guard.control();
    const data = withoutPadding(frame);
    const stream = this.streams.get(streamId);
    if (stream === undefined || stream.hasAllBody) {
      this.creditConnection(size);
      // The client may not know yet that the stream is over; one that goes on and on is cut off.
      throw new StreamError(streamId, CODE.streamClosed, 'DATA after the end of a stream');
    }
    stream.receiveWindow -= size;
    if (stream.receiveWindow < 0)
      throw new StreamError(streamId, CODE.flowControlError, 'more data than the stream takes');
    this.credit(stream, size - data.length);
    stream.received += data.length;
    if (data.length > 0) stream.body.push(data);
    if (isEnd) this.endBody(stream);
  }

  private endBody(stream: ServerStream): void {
    const { id, head, received } = stream;
    const declared = head.headers['content-length'];
    if (declared !== undefined && Number(declared) !== received)
      throw new StreamError(id, CODE.protocolError, 'the body has another length than declared');
    stream.hasAllBody = true;
    stream.body.end();
    if (stream.isSent) stream.close(true);
    else if (!stream.isServed && !stream.hasResponse) this.serve(stream);
  }

  /** What has been read may be sent again; told when it is worth a frame. */
  private credit(stream: ServerStream, nBytes: number): void {
    this.creditConnection(nBytes);
    stream.uncredited += nBytes;
    if (stream.hasAllBody || stream.isSent || stream.isClosed || stream.uncredited < STREAM_WINDOW / 2)
      return;
    this.sender.control(windowUpdateFrame(stream.id, stream.uncredited));
    stream.receiveWindow += stream.uncredited;
    stream.uncredited = 0;
  }

  private creditConnection(nBytes: number): void {
    this.uncredited += nBytes;
    if (this.uncredited < CONNECTION_WINDOW / 2) return;
    this.sender.control(windowUpdateFrame(0, this.uncredited));
    this.receiveWindow += this.uncredited;
    this.uncredited = 0;
  }

  private onReset({ streamId, payload }: Frame): void {
    if (payload.length !== 4) throw new ConnectionError(CODE.frameSizeError, 'RST_STREAM is not four octets');
    this.checkKnown(streamId, 'RST_STREAM');
    this.guard.reset();
    this.streams.get(streamId)?.close(false);
  }

  private onSettings(frame: Frame): void {
    const isNew = readSettings(frame, {
      initialWindow: (bytes) => this.setInitialWindow(bytes),
      smallTable: () => (this.hasSmallTable = true),
    });
    if (!isNew) return;
    if (this.hasSettings) this.guard.control();
    this.hasSettings = true;
    this.sender.control(frameOf(FRAME.settings, Buffer.alloc(0), { flags: FLAG.ack }));
  }

  private setInitialWindow(bytes: number): void {
    const change = bytes - this.initialWindow;
    this.initialWindow = bytes;
    for (const stream of this.streams.values()) {
      stream.sendWindow += change;
      if (stream.sendWindow > MAX_WINDOW)
        throw new ConnectionError(CODE.flowControlError, 'the window of a stream is too large');
      this.sender.enqueue(stream);
    }
  }

  private onPing({ flags, streamId, payload }: Frame): void {
    if (streamId !== 0) throw new ConnectionError(CODE.protocolError, 'PING on a stream');
    if (payload.length !== 8) throw new ConnectionError(CODE.frameSizeError, 'PING is not eight octets');
    if ((flags & FLAG.ack) !== 0) return;
    this.guard.control();
    this.sender.control(frameOf(FRAME.ping, payload, { flags: FLAG.ack }));
  }

  private onGoaway({ streamId }: Frame): void {
    if (streamId !== 0) throw new ConnectionError(CODE.protocolError, 'GOAWAY on a stream');
    this.isClosing = true;
    this.endWhenIdle();
  }

  private onWindowUpdate({ streamId, payload }: Frame): void {
    if (payload.length !== 4)
      throw new ConnectionError(CODE.frameSizeError, 'WINDOW_UPDATE is not four octets');
    const increment = payload.readUInt32BE(0) & MAX_WINDOW;
    if (streamId === 0) {
      if (increment === 0) throw new ConnectionError(CODE.protocolError, 'a window grows by nothing');
      return this.sender.grow(increment);
    }
    this.checkKnown(streamId, 'WINDOW_UPDATE');
    if (increment === 0) throw new StreamError(streamId, CODE.protocolError, 'a window grows by nothing');
    const stream = this.streams.get(streamId);
    if (stream === undefined) return;
    stream.sendWindow += increment;
    if (stream.sendWindow > MAX_WINDOW)
      throw new StreamError(streamId, CODE.flowControlError, 'the window is too large');
    this.sender.enqueue(stream);
  }

  private checkKnown(streamId: number, what: string): void {
    if (streamId === 0 || streamId > this.lastStreamId)
      throw new ConnectionError(CODE.protocolError, `${what} on a stream that does not exist`);
  }
}

const codeOf = (error: Error): number =>
  error instanceof ConnectionError
    ? error.code
    : error instanceof CompressionError
      ? CODE.compressionError
      : CODE.internalError;

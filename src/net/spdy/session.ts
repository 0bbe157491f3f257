import type { Duplex } from 'node:stream';
import { messageOf } from '../../base/thrown.ts';
import {
  CANCEL,
  controlFrame,
  dataHead,
  FLAG_FIN,
  FLOW_CONTROL_ERROR,
  FrameReader,
  GOAWAY,
  HEADERS,
  INVALID_STREAM,
  numbersFrame,
  PING,
  PROTOCOL_ERROR,
  REFUSED_STREAM,
  RST_STREAM,
  SETTINGS,
  SpdyError,
  SYN_REPLY,
  SYN_STREAM,
  WINDOW_UPDATE,
} from './frames.ts';
import type { ControlFrame, DataPart } from './frames.ts';
import { createHeaderReader, createHeaderWriter } from './header-block.ts';
import type { SpdyHeaders } from './header-block.ts';
import { SendQueue } from './send-queue.ts';
import { SpdyStream } from './stream.ts';
import type { StreamDoor } from './stream.ts';

/** Streams open at the same time; a port-forward needs two for each connection. */
const MAX_STREAMS = 2048;
/** Bytes of one stream that may wait for its reader. A peer without windows (Go's) is stopped as a whole beyond that. */
const MAX_WAITING = 1024 * 1024;
/** Windows are opened again in steps of this size. */
const WINDOW_STEP = 32 * 1024;
const INITIAL_WINDOW = 64 * 1024;
/** How long a peer may take for the last bytes. */
const LINGER_MS = 1000;
const MAX_WINDOW = 0x7fffffff;
/** SETTINGS entry: the window of streams that are opened later. */
const SETTINGS_INITIAL_WINDOW = 7;

export interface SpdySessionOptions {
  /** The connection; the session owns it. */
  readonly transport: Duplex;
  /** Servers open even streams, clients odd ones. */
  readonly isServer: boolean;
  /** Whether a stream that the peer opens is wanted; a refused one is reset. */
  readonly accepts?: (headers: SpdyHeaders) => boolean;
  readonly onStream?: (stream: SpdyStream) => void;
}

/** One SPDY/3.1 connection. Everything the peer may do wrong ends in a reset stream or a GOAWAY, with bounded memory. */
export interface SpdySession {
  /** Reads until the connection ends; never rejects. Then every stream is destroyed. */
  run(): Promise<void>;
  openStream(headers: SpdyHeaders): SpdyStream;
  /** Asks whether the peer is there; a connection that broke unnoticed breaks visibly then. */
  ping(): void;
  /** Says goodbye and ends the connection once what was written is sent. */
  close(): void;
  /** Bytes can't be delivered any more; the connection is cut. */
  destroy(): void;
  readonly streams: ReadonlyMap<number, SpdyStream>;
}

export function createSpdySession(options: SpdySessionOptions): SpdySession {
  return new Session(options);
}

class Session implements SpdySession {
  readonly streams = new Map<number, SpdyStream>();
  readonly #options: SpdySessionOptions;
  readonly #transport: Duplex;
  readonly #frames = new FrameReader();
  readonly #headersIn = createHeaderReader();
  readonly #headersOut = createHeaderWriter();
  readonly #queue: SendQueue;
  readonly #door: StreamDoor;
  #nextId: number;
  #pingId: number;
  #lastPeerId = 0;
  #peerWindow = INITIAL_WINDOW;
  #untoldSession = 0;
  readonly #untold = new Map<number, number>();
  #isClosing = false;
  #isOver = false;

  constructor(options: SpdySessionOptions) {
    this.#options = options;
    this.#transport = options.transport;
    this.#nextId = options.isServer ? 2 : 1;
    this.#pingId = this.#nextId;
    this.#queue = new SendQueue(options.transport);
    this.#transport.on('error', () => undefined);
    // Whoever waits for a slow reader must not wait on when the connection breaks.
    this.#transport.on('close', () => {
      this.#queue.close();
      for (const stream of this.streams.values()) stream.giveUpRoom();
    });
    this.#door = {
      send: (stream, piece, done) => this.#queue.send(stream, piece, done),
      finish: (stream, done) => {
        this.#queue.write(dataHead(stream.id, 0, true));
        done();
      },
      consumed: (stream, bytes) => this.#openWindows(stream, bytes),
      closed: (stream, isWhole) => this.#forget(stream, isWhole),
    };
  }

  async run(): Promise<void> {
    try {
      for await (const chunk of this.#transport.iterator({
        destroyOnReturn: false,
      }) as AsyncIterable<Buffer>) {
        for (const frame of this.#frames.push(chunk)) {
          if (frame.kind === 'data') await this.#data(frame);
          else await this.#control(frame);
        }
      }
    } catch (error) {
      if (error instanceof SpdyError) this.#goAway(error.status);
    } finally {
      this.#isOver = true;
      this.#headersIn.close();
      this.#queue.close();
      const gone = new Error('the connection is closed');
      for (const stream of [...this.streams.values()]) {
        // What has arrived whole may still be read; who waits for more learns that it was cut.
        if (stream.hasEnded) stream.end();
        else stream.destroy(gone);
      }
      this.#end();
    }
  }

  /** What was written is still sent, unless the peer takes too long. */
  #end(): void {
    const cut = (): void => void this.#transport.destroy();
    const timer = setTimeout(cut, LINGER_MS);
    timer.unref();
    this.#transport.once('close', () => clearTimeout(timer));
    this.#transport.end(cut);
  }

  openStream(headers: SpdyHeaders): SpdyStream {
    const id = this.#nextId;
    this.#nextId += 2;
    const stream = new SpdyStream(this.#door, { id, headers: {}, sendWindow: this.#peerWindow });
    this.streams.set(id, stream);
    const fixed = Buffer.alloc(10);
    fixed.writeUInt32BE(id, 0);
    this.#queue.write(controlFrame(SYN_STREAM, 0, Buffer.concat([fixed, this.#headersOut(headers)])));
    return stream;
  }

  ping(): void {
    this.#pingId += 2;
    this.#queue.write(numbersFrame(PING, this.#pingId & 0x7fffffff));
  }

  close(): void {
    if (this.#isClosing) return;
    this.#goAway(0);
    this.#transport.end();
  }

  destroy(): void {
    this.#transport.destroy();
  }

  #goAway(status: number): void {
    if (this.#isClosing) return;
    this.#isClosing = true;
    this.#queue.write(numbersFrame(GOAWAY, this.#lastPeerId, status));
  }

  #reset(id: number, status: number): void {
    this.#queue.write(numbersFrame(RST_STREAM, id, status));
  }

  #forget(stream: SpdyStream, isWhole: boolean): void {
    if (!this.streams.delete(stream.id)) return;
    this.#untold.delete(stream.id);
    this.#queue.drop(stream);
    if (!isWhole && !this.#isOver) this.#reset(stream.id, CANCEL);
  }

  #openWindows(stream: SpdyStream, bytes: number): void {
    this.#untoldSession += bytes;
    if (this.#untoldSession >= WINDOW_STEP) {
      this.#queue.write(numbersFrame(WINDOW_UPDATE, 0, this.#untoldSession));
      this.#untoldSession = 0;
    }
    if (stream.destroyed || stream.hasEnded) return;
    const untold = (this.#untold.get(stream.id) ?? 0) + bytes;
    if (untold >= WINDOW_STEP) this.#queue.write(numbersFrame(WINDOW_UPDATE, stream.id, untold));
    this.#untold.set(stream.id, untold >= WINDOW_STEP ? 0 : untold);
  }

  async #data({ streamId, bytes, isLast }: DataPart): Promise<void> {
    const stream = this.streams.get(streamId);
    if (stream === undefined || stream.hasEnded) {
      // Data that was under way when the stream was reset is no mistake; the first frame of it is answered.
      if (isLast || bytes.length === 0) return;
      if (stream === undefined && !this.#wasOpen(streamId)) this.#reset(streamId, INVALID_STREAM);
      return this.#queue.drained();
    }
    stream.receive(bytes);
    if (isLast) stream.receiveEnd();
    else if (!this.#transport.destroyed) await stream.room(MAX_WAITING);
  }

  #wasOpen(id: number): boolean {
    const isPeers = (id & 1) === (this.#options.isServer ? 1 : 0);
    return isPeers ? id <= this.#lastPeerId : id < this.#nextId;
  }

  async #control({ type, flags, body }: ControlFrame): Promise<void> {
    switch (type) {
      case SYN_STREAM:
        return this.#opened(flags, body);
      case SYN_REPLY:
      case HEADERS: {
        // Read in any case: later blocks refer to it.
        await this.#readHeaders(body.subarray(4));
        if ((flags & FLAG_FIN) !== 0) this.streams.get(idIn(body))?.receiveEnd();
        return;
      }
      case RST_STREAM:
        return void this.streams.get(idIn(body))?.destroy(new Error('the peer has reset the stream'));
      case SETTINGS:
        return this.#settings(body);
      case PING:
        return this.#ping(body.readUInt32BE(0));
      case GOAWAY:
        return;
      case WINDOW_UPDATE:
        return this.#windowUpdate(idIn(body), body.readUInt32BE(4) & MAX_WINDOW);
      default:
      // Unknown frames are skipped, as the specification wants it.
    }
  }

  async #readHeaders(block: Buffer): Promise<SpdyHeaders> {
    try {
      return await this.#headersIn.read(block);
    } catch (error) {
      throw new SpdyError(messageOf(error));
    }
  }

  async #opened(flags: number, body: Buffer): Promise<void> {
    const id = idIn(body);
    const headers = await this.#readHeaders(body.subarray(10));
    const isPeers = (id & 1) === (this.#options.isServer ? 1 : 0);
    if (!isPeers || id <= this.#lastPeerId) throw new SpdyError(`stream ${id} must not be opened`);
    this.#lastPeerId = id;
    const isWanted = !this.#isClosing && this.streams.size < MAX_STREAMS;
    if (!isWanted || this.#options.accepts?.(headers) === false) {
      this.#reset(id, REFUSED_STREAM);
      return this.#queue.drained();
    }
    const stream = new SpdyStream(this.#door, { id, headers, sendWindow: this.#peerWindow });
    this.streams.set(id, stream);
    const reply = Buffer.alloc(4);
    reply.writeUInt32BE(id, 0);
    this.#queue.write(controlFrame(SYN_REPLY, 0, Buffer.concat([reply, this.#headersOut({})])));
    if ((flags & FLAG_FIN) !== 0) stream.receiveEnd();
    this.#options.onStream?.(stream);
    await this.#queue.drained();
  }

  #settings(body: Buffer): void {
    const count = body.readUInt32BE(0);
    if (count > (body.length - 4) / 8) throw new SpdyError('SETTINGS has fewer entries than it says');
    for (let i = 0; i < count; i++) {
      const [id, value] = [body.readUInt32BE(4 + i * 8) & 0xffffff, body.readUInt32BE(8 + i * 8)];
      if (id !== SETTINGS_INITIAL_WINDOW) continue;
      if (value > MAX_WINDOW) throw new SpdyError('the initial window is too large');
      this.#queue.useWindows();
      for (const stream of this.streams.values()) stream.sendWindow += value - this.#peerWindow;
      this.#peerWindow = value;
    }
    this.#queue.kick();
  }

  async #ping(id: number): Promise<void> {
    const isPeers = (id & 1) === (this.#options.isServer ? 1 : 0);
    if (isPeers) this.#queue.write(numbersFrame(PING, id));
    await this.#queue.drained();
  }

  #windowUpdate(id: number, delta: number): void {
    if (id === 0) {
      if (delta === 0) throw new SpdyError('a window was opened by nothing');
      if (!this.#queue.openSession(delta)) throw new SpdyError('the window of the connection is too large');
      return;
    }
    const stream = this.streams.get(id);
    if (stream === undefined) return;
    this.#queue.useWindows();
    stream.sendWindow += delta;
    if (delta === 0 || stream.sendWindow > MAX_WINDOW) {
      this.streams.delete(id);
      this.#reset(id, delta === 0 ? PROTOCOL_ERROR : FLOW_CONTROL_ERROR);
      stream.destroy(new Error('the peer opened the window wrongly'));
    }
    this.#queue.kick();
  }
}

const idIn = (body: Buffer): number => body.readUInt32BE(0) & 0x7fffffff;

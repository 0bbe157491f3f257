import { Duplex } from 'node:stream';
import type { SpdyHeaders } from './header-block.ts';

/** What a stream needs of its session. */
export interface StreamDoor {
  /** Sends a piece, in order, when windows and the connection have room; then calls `done`. */
  send(stream: SpdyStream, piece: Buffer, done: (error?: Error) => void): void;
  /** Says that nothing follows. */
  finish(stream: SpdyStream, done: (error?: Error) => void): void;
  /** The reader has taken `bytes` since the last call. */
  consumed(stream: SpdyStream, bytes: number): void;
  /** The stream is over on this side; `isWhole` when both directions ended by themselves. */
  closed(stream: SpdyStream, isWhole: boolean): void;
}

/** Read ahead of a slow reader, before the window (or, for a peer without windows, the whole connection) stops. */
export const STREAM_BUFFER = 64 * 1024;

/** One stream of a session: each direction ends by itself, and destroying it before resets it. */
export class SpdyStream extends Duplex {
  readonly id: number;
  /** As the peer opened it; empty for a stream that this side opened. */
  readonly headers: SpdyHeaders;
  /** Bytes that may be sent before the peer opens the window again; means something only for a peer that has windows. */
  sendWindow: number;
  readonly #door: StreamDoor;
  #received = 0;
  #told = 0;
  #hasEnded = false;
  #hasFinished = false;
  #onRoom: (() => void) | undefined;

  constructor(door: StreamDoor, options: { id: number; headers: SpdyHeaders; sendWindow: number }) {
    super({ allowHalfOpen: true, highWaterMark: STREAM_BUFFER });
    this.#door = door;
    this.id = options.id;
    this.headers = options.headers;
    this.sendWindow = options.sendWindow;
    // Whoever uses the stream hears of it as well; nobody has to.
    this.on('error', () => undefined);
  }

  /** Data of the peer. */
  receive(piece: Buffer): void {
    if (this.#hasEnded || this.destroyed || piece.length === 0) return;
    this.#received += piece.length;
    this.push(piece);
    this.#account();
  }

  /** The peer has said its last. */
  receiveEnd(): void {
    if (this.#hasEnded || this.destroyed) return;
    this.#hasEnded = true;
    this.push(null);
  }

  get hasEnded(): boolean {
    return this.#hasEnded;
  }

  /** Resolves when the reader has taken enough that less than `limit` bytes wait; at once when it is gone. */
  room(limit: number): Promise<void> {
    if (this.destroyed || this.readableLength < limit) return Promise.resolve();
    return new Promise((resolve) => (this.#onRoom = resolve));
  }

  /** Lets go who waits for room. */
  giveUpRoom(): void {
    this.#tellRoom();
  }

  override _read(): void {
    // Data comes when the peer sends it.
  }

  /** Node asks for more (`_read`) only once per piece that arrives, so what was taken is counted here. */
  override read(size?: number): unknown {
    const piece: unknown = super.read(size);
    this.#account();
    return piece;
  }

  override _write(piece: Buffer, _encoding: string, done: (error?: Error) => void): void {
    this.#door.send(this, piece, done);
  }

  override _final(done: (error?: Error) => void): void {
    this.#hasFinished = true;
    this.#door.finish(this, done);
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    const taken = this.#received - this.#told;
    this.#told = this.#received;
    if (taken > 0) this.#door.consumed(this, taken);
    this.#door.closed(this, this.#hasEnded && this.#hasFinished);
    this.#tellRoom();
    done(error);
  }

  #account(): void {
    const taken = this.#received - this.readableLength;
    if (taken > this.#told) this.#door.consumed(this, taken - this.#told);
    this.#told = Math.max(this.#told, taken);
    if (this.readableLength < STREAM_BUFFER) this.#tellRoom();
  }

  #tellRoom(): void {
    this.#onRoom?.();
    this.#onRoom = undefined;
  }
}

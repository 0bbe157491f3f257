import type { Duplex } from 'node:stream';
import { dataHead } from './frames.ts';
import type { SpdyStream } from './stream.ts';

/** Larger pieces are cut, so that streams take turns. */
const MAX_PIECE = 32 * 1024;
const INITIAL_WINDOW = 64 * 1024;
const MAX_WINDOW = 0x7fffffff;

type Done = (error?: Error) => void;

interface Waiting {
  readonly piece: Buffer;
  readonly done: Done;
}

/** Everything one session sends, in an order that is fair to its streams and never ahead of what the connection takes. */
export class SendQueue {
  readonly #transport: Duplex;
  readonly #waiting = new Map<SpdyStream, Waiting>();
  #onDrain: (() => void)[] = [];
  #hasWindows = false;
  #hasSessionWindow = false;
  #sessionWindow = INITIAL_WINDOW;
  #isFull = false;
  #isClosed = false;

  constructor(transport: Duplex) {
    this.#transport = transport;
    transport.on('drain', () => {
      this.#isFull = false;
      this.#tellDrained();
      this.kick();
    });
  }

  /** Sends a frame that no window holds back. */
  write(frame: Buffer): void {
    if (this.#transport.writable && !this.#transport.write(frame)) this.#isFull = true;
  }

  /** A stream sends one piece at a time; `done` tells it that the next one may come. */
  send(stream: SpdyStream, piece: Buffer, done: Done): void {
    if (this.#isClosed) return done(new Error('the connection is closed'));
    if (piece.length === 0) return done();
    this.#waiting.set(stream, { piece, done });
    this.kick();
  }

  drop(stream: SpdyStream): void {
    this.#waiting.delete(stream);
  }

  /** Resolves when the connection has room, so that who answers frames does not answer more than the peer reads. */
  drained(): Promise<void> {
    if (!this.#isFull || this.#isClosed || this.#transport.destroyed) return Promise.resolve();
    return new Promise((resolve) => this.#onDrain.push(resolve));
  }

  /** The peer has windows; Go's library never opens one and expects nobody to wait for it. */
  useWindows(): void {
    this.#hasWindows = true;
  }

  /** False when the connection's window becomes too large. */
  openSession(delta: number): boolean {
    this.#hasWindows = true;
    this.#hasSessionWindow = true;
    this.#sessionWindow += delta;
    if (this.#sessionWindow > MAX_WINDOW) return false;
    this.kick();
    return true;
  }

  /** Sends what room and windows allow, each stream in its turn. */
  kick(): void {
    while (!this.#isFull && !this.#isClosed) {
      const ready = [...this.#waiting].filter(([stream]) => this.#allowed(stream) > 0);
      if (ready.length === 0) return;
      for (const [stream, entry] of ready) {
        if (this.#isFull) return;
        if (this.#waiting.get(stream) === entry) this.#sendOne(stream, entry);
      }
    }
  }

  close(): void {
    this.#isClosed = true;
    const left = [...this.#waiting.values()];
    this.#waiting.clear();
    for (const { done } of left) done(new Error('the connection is closed'));
    this.#tellDrained();
  }

  #allowed({ sendWindow }: SpdyStream): number {
    if (!this.#hasWindows) return MAX_PIECE;
    return Math.min(MAX_PIECE, sendWindow, this.#hasSessionWindow ? this.#sessionWindow : MAX_PIECE);
  }

  #sendOne(stream: SpdyStream, { piece, done }: Waiting): void {
    const count = Math.min(piece.length, this.#allowed(stream));
    if (count <= 0) return;
    this.#transport.cork();
    this.write(dataHead(stream.id, count, false));
    this.write(piece.subarray(0, count));
    this.#transport.uncork();
    stream.sendWindow -= count;
    this.#sessionWindow -= count;
    // To the end of the line: the others have their turn.
    this.#waiting.delete(stream);
    if (count === piece.length) done();
    else this.#waiting.set(stream, { piece: piece.subarray(count), done });
  }

  #tellDrained(): void {
    const waiting = this.#onDrain;
    this.#onDrain = [];
    for (const tell of waiting) tell();
  }
}

import type { Duplex } from 'node:stream';
import { CODE, ConnectionError, DEFAULT_FRAME_BYTES, DEFAULT_WINDOW, MAX_WINDOW } from './frames.ts';
import { Output } from './output.ts';
import type { ServerStream } from './server-stream.ts';

/** Connections with something to say, in this turn of the event loop. */
let speaking: Sender[] = [];

/** All of them in one go: a turn of its own for each costs as much as what a watcher is told. */
function flushAll(): void {
  const senders = speaking;
  speaking = [];
  for (const sender of senders) sender.flush();
}

/**
 * Everything that goes out on one connection. What is said in one turn of the event loop, on however many streams, is one
 * write; streams take turns frame by frame, within the client's window and as long as the socket takes it.
 */
export class Sender {
  private readonly socket: Duplex;
  private readonly output: Output;
  /** Streams with something to send, in turn. */
  private queue: ServerStream[] = [];
  /** Octets the client takes on all streams together. */
  private window = DEFAULT_WINDOW;
  private isScheduled = false;
  private isEnding = false;

  constructor(socket: Duplex) {
    this.socket = socket;
    this.output = new Output(socket);
    socket.on('drain', () => this.schedule());
  }

  /** A frame that is no data, behind all that has been sent. */
  control(frame: Buffer): void {
    if (this.isEnding) return;
    this.output.add(frame);
    this.schedule();
  }

  /** The stream has data to send. */
  enqueue(stream: ServerStream): void {
    if (stream.isQueued || !stream.canSend) return;
    stream.isQueued = true;
    this.queue.push(stream);
    this.schedule();
  }

  /** The client takes more. Throws ConnectionError when that is more than can be. */
  grow(increment: number): void {
    this.window += increment;
    if (this.window > MAX_WINDOW)
      throw new ConnectionError(CODE.flowControlError, 'the window of the connection is too large');
    if (this.queue.length > 0) this.schedule();
  }

  /** Sends what there is and ends the connection. */
  end(): void {
    if (this.isEnding) return;
    this.isEnding = true;
    this.output.send();
    this.socket.end();
  }

  private schedule(): void {
    if (this.isScheduled || this.isEnding) return;
    this.isScheduled = true;
    speaking.push(this);
    if (speaking.length === 1) setImmediate(flushAll);
  }

  /** Sends what there is; called in the turn after that in which something came. */
  flush(): void {
    this.isScheduled = false;
    if (this.isEnding || !this.socket.writable) return;
    // Nothing more to send, a full window or a full socket ends this; what changes that schedules the next flush.
    while (this.queue.length > 0 && this.round() > 0);
    this.output.send();
  }

  /** One frame of each stream, or as far as it goes. Returns the number of frames. */
  private round(): number {
    const turn = this.queue;
    this.queue = [];
    const [late, again]: [ServerStream[], ServerStream[]] = [[], []];
    let nSent = 0;
    for (const stream of turn) {
      if (!stream.canSend) {
        stream.isQueued = false;
        continue;
      }
      if (!this.output.hasRoom || (this.window <= 0 && stream.hasData)) {
        late.push(stream);
        continue;
      }
      this.window -= stream.sendFrame(this.output, Math.min(DEFAULT_FRAME_BYTES, this.window));
      nSent++;
      if (stream.canSend) again.push(stream);
      else stream.isQueued = false;
    }
    // Whoever was left out comes first; sending may have made others ready meanwhile.
    if (late.length + again.length > 0) this.queue = [...late, ...again, ...this.queue];
    return nSent;
  }
}

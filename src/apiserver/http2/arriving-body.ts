import type { Clock } from '../../base/clock.ts';
import { BODY_MS, LateBody } from '../http/message.ts';
import type { RequestBody } from '../http/message.ts';

/** Smaller pieces than this are copied together: each alone would keep all that was received with it. */
const PIECE_BYTES = 8 * 1024;
const PAGE_BYTES = 16 * 1024;

/** The body of a request while it arrives. What is taken out of it is told to `credit`, so that the client may send more. */
export class ArrivingBody implements RequestBody {
  private chunks: Buffer[] = [];
  private failure: Error | undefined;
  private hasEnded = false;
  private isDropped = false;
  private wake: (() => void) | undefined;
  /** Where small pieces go; what is in `chunks` of it is its beginning. */
  private page: Buffer | undefined;
  private nInPage = 0;
  private readonly credit: (nBytes: number) => void;
  private readonly clock: Clock;

  constructor(clock: Clock, credit: (nBytes: number) => void) {
    this.clock = clock;
    this.credit = credit;
  }

  push(chunk: Buffer): void {
    if (this.isDropped) return this.credit(chunk.length);
    // The first one may be all there is.
    if (chunk.length >= PIECE_BYTES || this.chunks.length === 0) this.chunks.push(chunk);
    else this.gather(chunk);
    this.wake?.();
  }

  end(): void {
    this.hasEnded = true;
    this.wake?.();
  }

  fail(error: Error): void {
    this.failure ??= error;
    this.wake?.();
  }

  /** Nobody will read (the rest of) it. */
  drop(): void {
    this.isDropped = true;
    for (const chunk of this.chunks) this.credit(chunk.length);
    this.chunks = [];
  }

  /** All that has come, at once. */
  takeAll(): Buffer {
    const { chunks } = this;
    this.chunks = [];
    const whole = chunks.length === 1 && chunks[0] !== undefined ? chunks[0] : Buffer.concat(chunks);
    this.credit(whole.length);
    return whole;
  }

  async whole(limit: number): Promise<Uint8Array | undefined> {
    const chunks: Uint8Array[] = [];
    let size = 0;
    const cancel = this.hasEnded ? undefined : this.clock.after(BODY_MS, () => this.fail(new LateBody()));
    try {
      for await (const chunk of this) {
        size += chunk.length;
        if (size > limit) return undefined;
        chunks.push(chunk);
      }
    } finally {
      cancel?.();
    }
    return chunks.length === 1 ? chunks[0] : Buffer.concat(chunks, size);
  }

  /** Behind the last piece if that is the end of the page, else as a new one. */
  private gather(chunk: Buffer): void {
    const last = this.chunks.at(-1);
    const { page, nInPage } = this;
    if (page !== undefined && last?.buffer === page.buffer && nInPage + chunk.length <= PAGE_BYTES) {
      page.set(chunk, nInPage);
      this.nInPage += chunk.length;
      const start = last.byteOffset - page.byteOffset;
      this.chunks[this.chunks.length - 1] = page.subarray(start, this.nInPage);
      return;
    }
    // Not of the pool that all small buffers share: its memory must be its own.
    const fresh = Buffer.allocUnsafeSlow(PAGE_BYTES);
    fresh.set(chunk);
    this.page = fresh;
    this.nInPage = chunk.length;
    this.chunks.push(fresh.subarray(0, chunk.length));
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array> {
    try {
      for (;;) {
        const chunk = this.chunks.shift();
        if (chunk !== undefined) {
          this.credit(chunk.length);
          yield chunk;
        } else if (this.failure !== undefined) {
          throw this.failure;
        } else if (this.hasEnded) {
          return;
        } else {
          await new Promise<void>((resolve) => (this.wake = resolve));
          this.wake = undefined;
        }
      }
    } finally {
      this.drop();
    }
  }
}

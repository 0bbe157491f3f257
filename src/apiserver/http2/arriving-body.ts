import type { RequestBody } from '../http/message.ts';

/** The body of a request while it arrives. What is taken out of it is told to `credit`, so that the client may send more. */
export class ArrivingBody implements RequestBody {
  private chunks: Buffer[] = [];
  private failure: Error | undefined;
  private hasEnded = false;
  private isDropped = false;
  private wake: (() => void) | undefined;
  private readonly credit: (nBytes: number) => void;

  constructor(credit: (nBytes: number) => void) {
    this.credit = credit;
  }

  push(chunk: Buffer): void {
    if (this.isDropped) return this.credit(chunk.length);
    this.chunks.push(chunk);
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
    for await (const chunk of this) {
      size += chunk.length;
      if (size > limit) return undefined;
      chunks.push(chunk);
    }
    return chunks.length === 1 ? chunks[0] : Buffer.concat(chunks, size);
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

import type { Writable } from 'node:stream';

/** Frames are gathered in pages, so that one write (one system call, few TLS records) carries those of many streams. */
const PAGE_BYTES = 64 * 1024;
/** Pages kept for later, by all connections together. */
const KEPT_PAGES = 16;

const free: Buffer[] = [];

/** What goes out on one connection, in order. */
export class Output {
  private readonly socket: Writable;
  private page: Buffer | undefined;
  private used = 0;

  constructor(socket: Writable) {
    this.socket = socket;
  }

  /** Whether the socket takes more without keeping it. */
  get hasRoom(): boolean {
    return !this.socket.writableNeedDrain;
  }

  /** `length` octets (at most a page) to be filled by the caller, from `at` of the page. */
  reserve(length: number): { readonly page: Buffer; readonly at: number } {
    if (this.page !== undefined && this.used + length > PAGE_BYTES) this.send();
    this.page ??= free.pop() ?? Buffer.allocUnsafeSlow(PAGE_BYTES);
    const at = this.used;
    this.used += length;
    return { page: this.page, at };
  }

  add(bytes: Uint8Array): void {
    if (bytes.length > PAGE_BYTES) {
      this.send();
      this.socket.write(bytes);
      return;
    }
    const { page, at } = this.reserve(bytes.length);
    page.set(bytes, at);
  }

  /** Hands over what has been gathered. */
  send(): void {
    const { page, used } = this;
    if (page === undefined) return;
    this.page = undefined;
    this.used = 0;
    this.socket.write(page.subarray(0, used), (error) => {
      // After an error nobody knows who still reads it.
      if (error == null && free.length < KEPT_PAGES) free.push(page);
    });
  }
}

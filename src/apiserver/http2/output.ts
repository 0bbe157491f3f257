import type { Writable } from 'node:stream';

/** Frames are gathered in pages, so that one write (one system call, few TLS records) carries those of many streams. */
const PAGE_BYTES = 64 * 1024;
/** Pages kept for later, by all connections together: what a thousand watchers are told in one round, 8 KB each. */
const KEPT_PAGES = 128;

/**
 * Memory that the writes of many connections are cut from, one behind the other: a thousand connections that have 2 KB to
 * say each need 32 pages, not a thousand.
 */
interface Page {
  readonly bytes: Buffer;
  /** Octets that are given away. */
  used: number;
  /** Pieces of it that are being filled, or that a socket still reads. */
  nHeld: number;
}

let current: Page | undefined;
const free: Page[] = [];

/** A page with room for so many octets, at its end. */
function pageFor(length: number): Page {
  if (current !== undefined && current.used + length <= PAGE_BYTES) return current;
  const full = current;
  current = free.pop() ?? { bytes: Buffer.allocUnsafeSlow(PAGE_BYTES), used: 0, nHeld: 0 };
  if (full?.nHeld === 0) keep(full);
  return current;
}

function release(page: Page): void {
  page.nHeld--;
  if (page.nHeld > 0) return;
  if (page === current) page.used = 0;
  else keep(page);
}

function keep(page: Page): void {
  page.used = 0;
  if (free.length < KEPT_PAGES) free.push(page);
}

/** What goes out on one connection, in order. */
export class Output {
  private readonly socket: Writable;
  /** What was added and is not in a page yet. */
  private added: Uint8Array[] = [];
  private page: Page | undefined;
  private start = 0;
  private end = 0;

  constructor(socket: Writable) {
    this.socket = socket;
  }

  /** Whether the socket takes more without keeping it. */
  get hasRoom(): boolean {
    return !this.socket.writableNeedDrain;
  }

  /** `length` octets (at most a page) to be filled by the caller at once, from `at` of the page. */
  reserve(length: number): { readonly page: Buffer; readonly at: number } {
    if (this.added.length > 0) this.gather();
    return this.piece(length);
  }

  /** Bytes that do not change any more. */
  add(bytes: Uint8Array): void {
    this.added.push(bytes);
  }

  /** Hands over what has been gathered. */
  send(): void {
    if (this.added.length > 0) this.gather();
    this.flush();
  }

  private gather(): void {
    const { added } = this;
    this.added = [];
    for (const bytes of added) {
      if (bytes.length > PAGE_BYTES) {
        this.flush();
        this.socket.write(bytes);
        continue;
      }
      const { page, at } = this.piece(bytes.length);
      page.set(bytes, at);
    }
  }

  private piece(length: number): { readonly page: Buffer; readonly at: number } {
    const { page } = this;
    if (page !== undefined && page.used === this.end && this.end + length <= PAGE_BYTES) {
      const at = this.end;
      this.end = page.used = at + length;
      return { page: page.bytes, at };
    }
    this.flush();
    const next = pageFor(length);
    next.nHeld++;
    this.page = next;
    this.start = next.used;
    this.end = next.used = this.start + length;
    return { page: next.bytes, at: this.start };
  }

  private flush(): void {
    const { page } = this;
    if (page === undefined) return;
    this.page = undefined;
    this.socket.write(page.bytes.subarray(this.start, this.end), (error) => {
      // After an error nobody knows who still reads it.
      if (error == null) release(page);
    });
  }
}

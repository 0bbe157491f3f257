import type { TransformOptions } from 'node:stream';
import { createInflate } from 'node:zlib';
import type { Inflate, ZlibOptions } from 'node:zlib';

/** Lower-case names; several values of one name are separated by a zero byte, as on the wire. */
export type SpdyHeaders = Readonly<Record<string, string>>;

/** A block of headers that unpacks to more than this is an attack, not a request. */
const MAX_BLOCK = 64 * 1024;

/** The words that SPDY/3's dictionary begins with, each behind its length (draft-mbelshe-httpbis-spdy-00, 2.6.10.1). */
const WORDS =
  'options head post put delete trace accept accept-charset accept-encoding accept-language accept-ranges age allow ' +
  'authorization cache-control connection content-base content-encoding content-language content-length content-location ' +
  'content-md5 content-range content-type date etag expect expires from host if-match if-modified-since if-none-match ' +
  'if-range if-unmodified-since last-modified location max-forwards pragma proxy-authenticate proxy-authorization range ' +
  'referer retry-after server te trailer transfer-encoding upgrade user-agent vary via warning www-authenticate method get ' +
  'status|200 OK|version|HTTP/1.1|url public set-cookie keep-alive origin';

/** … and the text it ends with. */
const TEXT =
  '100101201202205206300302303304305306307402405406407408409410411412413414415416417502504505' +
  '203 Non-Authoritative Information204 No Content301 Moved Permanently400 Bad Request401 Unauthorized403 Forbidden' +
  '404 Not Found500 Internal Server Error501 Not Implemented503 Service Unavailable' +
  'Jan Feb Mar Apr May Jun Jul Aug Sept Oct Nov Dec 00:00:00 Mon, Tue, Wed, Thu, Fri, Sat, Sun, GMT' +
  'chunked,text/html,image/png,image/jpg,image/gif,application/xml,application/xhtml+xml,text/plain,text/javascript,' +
  'publicprivatemax-age=gzip,deflate,sdchcharset=utf-8charset=iso-8859-1,utf-,*,enq=0.';

/** Adler-32 of the dictionary: how a zlib stream names it. */
export const DICTIONARY_ID = 0xe3c6a7c2;

let dictionary: Buffer | undefined;

/** What both ends know before the first header. */
export function spdyDictionary(): Buffer {
  if (dictionary === undefined) {
    const words = WORDS.split('|').flatMap((part, i) => (i % 2 === 0 ? part.split(' ') : [part]));
    const pieces = words.flatMap((word) => [uint32(word.length), Buffer.from(word)]);
    dictionary = Buffer.concat([...pieces, Buffer.from(TEXT)]);
  }
  return dictionary;
}

function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

function plainBlock(headers: SpdyHeaders): Buffer {
  const pieces = Object.entries(headers).flatMap(([name, value]) => {
    const [key, text] = [Buffer.from(name.toLowerCase()), Buffer.from(value)];
    return [uint32(key.length), key, uint32(text.length), text];
  });
  return Buffer.concat([uint32(Object.keys(headers).length), ...pieces]);
}

/** Throws an Error when the lengths in it do not add up. */
function parseBlock(block: Buffer): SpdyHeaders {
  let at = 0;
  const number = (): number => {
    const value = block.readUInt32BE(at);
    at += 4;
    return value;
  };
  const text = (): string => {
    const length = number();
    if (length > block.length - at) throw new Error('a header is longer than its block');
    at += length;
    return block.toString('utf8', at - length, at);
  };
  const headers: Record<string, string> = Object.create(null) as Record<string, string>;
  const count = number();
  // Each header takes eight bytes at least.
  if (count > block.length / 8) throw new Error('a block of headers has fewer than it says');
  for (let i = 0; i < count; i++) headers[text().toLowerCase()] = text();
  return headers;
}

/** An empty block, as after a flush: Go's reader gives out what came before only when it sees one. */
const FLUSH = Buffer.from([0, 0, 0, 0xff, 0xff]);

/** Writes one direction's headers as zlib blocks that are stored, not squeezed: a stream has a handful of short ones, and nothing is kept. */
export function createHeaderWriter(): (headers: SpdyHeaders) => Buffer {
  let isFirst = true;
  return (headers) => {
    const plain = plainBlock(headers);
    const stored = Buffer.alloc(5);
    stored.writeUInt16LE(plain.length, 1);
    stored.writeUInt16LE(~plain.length & 0xffff, 3);
    const pieces = [stored, plain, FLUSH];
    // 78 bb: deflate, 32 KiB window, with a dictionary; a multiple of 31, as zlib wants it.
    if (isFirst) pieces.unshift(Buffer.from([0x78, 0xbb]), uint32(DICTIONARY_ID));
    isFirst = false;
    return Buffer.concat(pieces);
  };
}

export interface HeaderReader {
  /** One block after the other. Rejects for anything that is no such block, or unpacks to more than 64 KiB. */
  read(block: Buffer): Promise<SpdyHeaders>;
  close(): void;
}

/** Reads one direction's headers; later blocks refer to earlier ones. */
export function createHeaderReader(): HeaderReader {
  let inflate: Inflate | undefined;
  const open = (): Inflate => {
    const options: ZlibOptions & TransformOptions = {
      dictionary: spdyDictionary(),
      readableHighWaterMark: MAX_BLOCK,
    };
    const opened = createInflate(options);
    opened.on('error', () => undefined);
    return opened;
  };
  return {
    read: async (block) => parseBlock(await unpack((inflate ??= open()), block)),
    close: () => inflate?.destroy(),
  };
}

function unpack(inflate: Inflate, block: Buffer): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const finish = (settle: () => void): void => {
      inflate.off('error', onError).off('readable', onReadable);
      settle();
    };
    const onError = (error: Error): void => finish(() => reject(error));
    // The end of a block that fills the buffer is never reached: nobody takes anything out before.
    const onReadable = (): void => {
      if (inflate.readableLength < MAX_BLOCK) return;
      finish(() => reject(new Error(`a block of headers is larger than ${MAX_BLOCK} bytes`)));
      inflate.destroy();
    };
    inflate.on('error', onError).on('readable', onReadable);
    inflate.write(block, (error) => {
      if (error !== null && error !== undefined) return onError(error);
      finish(() => resolve((inflate.read() as Buffer | null) ?? Buffer.alloc(0)));
    });
  });
}

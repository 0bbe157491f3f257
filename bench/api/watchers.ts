import { once } from 'node:events';
import { connect as connectTls } from 'node:tls';
import type { ConnectionOptions, TLSSocket } from 'node:tls';
import {
  DEFAULT_WINDOW,
  FLAG,
  FRAME,
  frameOf,
  HEAD_BYTES,
  headerFrames,
  MAX_WINDOW,
  PREFACE,
  settingsFrame,
  windowUpdateFrame,
} from '../../src/apiserver/http2/frames.ts';
import { createHeaderDecoder } from '../../src/apiserver/http2/header-decoder.ts';
import type { Target } from './connection.ts';

/** Several watches on one HTTP/2 connection. */
export interface WatchConnection {
  /** Resolves when the server has begun to answer with 200. `onData` gets pieces of the body that are gone after the call. */
  watch(path: string, onData: (piece: Buffer) => void): Promise<void>;
  close(): void;
}

/** What arrives is read into one buffer that all connections of the process share. */
const shared = Buffer.allocUnsafeSlow(64 * 1024);

/**
 * A client of as little work as can be: a thousand watchers that share a machine with the server must not be what is
 * measured. It takes as much as the server sends, so it never has to tell it to go on.
 */
export async function openWatchConnection(target: Target): Promise<WatchConnection> {
  const frames = new Frames();
  const options: ConnectionOptions = {
    ...target,
    servername: 'localhost',
    ALPNProtocols: ['h2'],
    // As clients written in Go ask for it.
    ciphers: 'TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384',
  };
  const onread = {
    buffer: shared,
    callback: (length: number): boolean => {
      frames.take(shared.subarray(0, length));
      return true;
    },
  };
  const socket = connectTls(Object.assign(options, { onread }));
  await once(socket, 'secureConnect');
  socket.setNoDelay(true);
  socket.write(PREFACE);
  socket.write(settingsFrame({ enablePush: 0, initialWindowSize: MAX_WINDOW }));
  socket.write(windowUpdateFrame(0, MAX_WINDOW - DEFAULT_WINDOW));
  return watchesOn(socket, frames, target);
}

function watchesOn(socket: TLSSocket, frames: Frames, target: Target): WatchConnection {
  const decoder = createHeaderDecoder(64 * 1024);
  const begun = new Map<number, { resolve: () => void; reject: (error: Error) => void }>();
  const fail = (error: Error): void => {
    for (const { reject } of begun.values()) reject(error);
  };
  socket.on('error', fail).on('close', () => fail(new Error('the server closed the connection')));
  frames.onControl = ({ type, flags, streamId }, payload) => {
    if (type === FRAME.settings && (flags & FLAG.ack) === 0)
      socket.write(frameOf(FRAME.settings, Buffer.alloc(0), { flags: FLAG.ack }));
    if (type === FRAME.ping && (flags & FLAG.ack) === 0)
      socket.write(frameOf(FRAME.ping, payload, { flags: FLAG.ack }));
    if (type === FRAME.rstStream || type === FRAME.goaway)
      fail(new Error(`a watch ended with frame ${type}`));
    if (type !== FRAME.headers) return;
    const status = decoder.decode(payload).fields.find(([name]) => name === ':status')?.[1];
    if (status === '200') begun.get(streamId)?.resolve();
    else begun.get(streamId)?.reject(new Error(`a watch answered ${status}`));
  };
  let nextId = 1;
  return {
    watch: (path, onData) => {
      const id = nextId;
      nextId += 2;
      frames.readers.set(id, onData);
      const fields = [
        [':method', 'GET'],
        [':scheme', 'https'],
        [':authority', `${target.host}:${target.port}`],
        [':path', path],
        ['accept', 'application/json'],
        ['user-agent', 'portico-bench/1'],
      ] as const;
      socket.write(headerFrames(id, Buffer.concat(fields.map(literal)), true));
      return new Promise((resolve, reject) => begun.set(id, { resolve, reject }));
    },
    close: () => socket.destroy(),
  };
}

/** A header field as HPACK has it without any table (RFC 7541, 6.2.2); values of up to 253 octets. */
function literal([name, value]: readonly [string, string]): Buffer {
  const length = value.length < 127 ? [value.length] : [127, value.length - 127];
  return Buffer.from([0, name.length, ...Buffer.from(name), ...length, ...Buffer.from(value)]);
}

interface FrameHead {
  readonly type: number;
  readonly flags: number;
  readonly streamId: number;
}

/** Cuts what arrives into frames; those with data are handed on piece by piece, never gathered. */
class Frames {
  readonly readers = new Map<number, (piece: Buffer) => void>();
  onControl: (head: FrameHead, payload: Buffer) => void = () => undefined;
  private readonly head = Buffer.alloc(HEAD_BYTES);
  private headLength = 0;
  private payload: Buffer[] = [];
  private rest = 0;

  take(bytes: Buffer): void {
    let at = 0;
    while (at < bytes.length) {
      if (this.headLength < HEAD_BYTES) {
        const length = Math.min(HEAD_BYTES - this.headLength, bytes.length - at);
        bytes.copy(this.head, this.headLength, at, at + length);
        this.headLength += length;
        at += length;
        if (this.headLength < HEAD_BYTES) return;
        this.rest = this.head.readUIntBE(0, 3);
      }
      const end = Math.min(bytes.length, at + this.rest);
      this.give(bytes.subarray(at, end));
      this.rest -= end - at;
      at = end;
      if (this.rest > 0) return;
      this.headLength = 0;
      if (this.head[3] !== FRAME.data) this.control();
    }
  }

  private give(piece: Buffer): void {
    if (this.head[3] === FRAME.data) this.readers.get(this.streamId)?.(piece);
    // The buffer is the next connection's.
    else this.payload.push(Buffer.from(piece));
  }

  private control(): void {
    const payload = Buffer.concat(this.payload);
    this.payload = [];
    this.onControl({ type: this.head[3] ?? 0, flags: this.head[4] ?? 0, streamId: this.streamId }, payload);
  }

  private get streamId(): number {
    return this.head.readUInt32BE(5) & MAX_WINDOW;
  }
}

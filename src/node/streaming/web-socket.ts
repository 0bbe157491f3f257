import type { IncomingMessage } from 'node:http';
import { Readable, Writable } from 'node:stream';
import type { Duplex } from 'node:stream';
import { WebSocketServer } from 'ws';
import type { WebSocket } from 'ws';

/** A larger message is none of a client that streams. */
const MAX_MESSAGE = 4 * 1024 * 1024;
/** How much of one channel may wait for its reader before the whole connection does. */
const MAX_WAITING = 256 * 1024;
/** Channel number of the message that ends another channel: v5.channel.k8s.io. */
const CLOSE = 255;

/** An HTTP/1.1 request for another protocol, with its connection. */
export interface Upgrade {
  readonly request: IncomingMessage;
  readonly socket: Duplex;
  readonly head: Buffer;
}

/** The protocols a WebSocket client offers, in its order. */
export const offeredProtocols = ({ headers }: IncomingMessage): readonly string[] =>
  (headers['sec-websocket-protocol'] ?? '')
    .split(',')
    .map((name) => name.trim())
    .filter((name) => name !== '');

export const isWebSocket = ({ headers }: IncomingMessage): boolean =>
  headers.upgrade?.toLowerCase() === 'websocket';

/**
 * Completes the handshake with the chosen protocol. The library must not see the names: one of Kubernetes' has a slash,
 * which RFC 6455 does not allow.
 */
export function acceptWebSocket({ request, socket, head }: Upgrade, protocol: string): Promise<WebSocket> {
  const server = new WebSocketServer({ noServer: true, maxPayload: MAX_MESSAGE, clientTracking: false });
  if (protocol !== '')
    server.on('headers', (lines) => void lines.push(`Sec-WebSocket-Protocol: ${protocol}`));
  delete request.headers['sec-websocket-protocol'];
  return new Promise((resolve, reject) => {
    socket.once('close', () => reject(new Error('the client has gone')));
    server.handleUpgrade(request, socket, head, resolve);
  });
}

/** Several byte streams on one WebSocket: each message begins with the number of its channel. */
export interface Channels {
  /** Must be asked for before data comes. */
  readable(channel: number): Readable;
  writable(channel: number): Writable;
  /** An empty message, by which the client learns that the connection stands. */
  greet(channel: number): void;
  /** Ends the connection in order. */
  close(): void;
}

export interface ChannelFormat {
  /** Text messages whose first character is the channel and whose rest is base64. */
  readonly isBase64: boolean;
  /** Whether a channel can be ended by the client. */
  readonly hasClose: boolean;
}

export function openChannels(web: WebSocket, { isBase64, hasClose }: ChannelFormat): Channels {
  const inputs = new Map<number, Readable>();
  const encode = (channel: number, bytes: Buffer): Buffer | string =>
    isBase64 ? `${channel}${bytes.toString('base64')}` : Buffer.concat([Buffer.from([channel]), bytes]);
  web.on('message', (data: Buffer) => {
    const message = isBase64 ? decodeText(data) : data;
    const [channel] = message;
    if (channel === undefined) return;
    if (hasClose && channel === CLOSE) return void inputs.get(message[1] ?? CLOSE)?.push(null);
    const input = inputs.get(channel);
    if (input === undefined || input.readableEnded || input.destroyed || message.length === 1) return;
    input.push(message.subarray(1));
    if (input.readableLength > MAX_WAITING) web.pause();
  });
  web.on('error', () => undefined);
  web.on('close', () => {
    for (const input of inputs.values()) input.destroy(new Error('the client has gone'));
  });
  const send = (channel: number, bytes: Buffer, done: (error?: Error) => void): void =>
    web.send(encode(channel, bytes), { binary: !isBase64 }, (error) => done(error ?? undefined));
  return {
    readable: (channel) => {
      const input = new Readable({ read: () => web.resume(), highWaterMark: MAX_WAITING });
      input.on('error', () => undefined);
      inputs.set(channel, input);
      return input;
    },
    writable: (channel) => {
      const output = new Writable({ write: (chunk: Buffer, _encoding, done) => send(channel, chunk, done) });
      output.on('error', () => undefined);
      return output;
    },
    greet: (channel) => send(channel, Buffer.alloc(0), () => undefined),
    close: () => web.close(1000),
  };
}

/** `0aGVsbG8=` as channel byte and payload. */
function decodeText(data: Buffer): Buffer {
  const channel = data.toString('latin1', 0, 1).charCodeAt(0) - 48;
  if (!(channel >= 0 && channel <= 9)) return Buffer.alloc(0);
  return Buffer.concat([Buffer.from([channel]), Buffer.from(data.toString('latin1', 1), 'base64')]);
}

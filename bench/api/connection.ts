import { connect as connectHttp2 } from 'node:http2';
import { connect as connectTls } from 'node:tls';
import type { TLSSocket } from 'node:tls';

/** How to reach the server; PEM texts. */
export interface Target {
  readonly host: string;
  readonly port: number;
  readonly ca: string;
  readonly cert: string;
  readonly key: string;
}

export interface Question {
  readonly method: string;
  readonly path: string;
  readonly accept?: string;
  readonly body?: string;
}

export interface Reply {
  readonly status: number;
  readonly contentType: string;
  readonly length: number;
  /** The body when it is short, for errors. */
  readonly text: string;
}

/** One client's connection: one question at a time, each over the same TLS connection. */
export interface Connection {
  ask(question: Question): Promise<Reply>;
  /** Asks for something endless; `onData` is called with what arrives, undecoded in HTTP/1.1. */
  stream(path: string, onData: (chunk: Buffer) => void): Promise<void>;
  close(): void;
}

export type Protocol = 'http1' | 'http2';

export const openConnection = (target: Target, protocol: Protocol): Promise<Connection> =>
  protocol === 'http1' ? openHttp1(target) : openHttp2(target);

/** Bodies beyond this are counted, not kept. */
const KEPT_BYTES = 4096;

/** A client of as little work as can be, since it shares the machine with what it measures. */
async function openHttp1(target: Target): Promise<Connection> {
  const socket = connectTls({ ...target, servername: 'localhost', ALPNProtocols: ['http/1.1'] });
  socket.setNoDelay(true);
  await new Promise<void>((resolve, reject) => socket.once('secureConnect', resolve).once('error', reject));
  const head = `host: ${target.host}\r\nuser-agent: portico-bench/1\r\n`;
  return {
    ask: ({ method, path, accept = 'application/json', body }) => {
      const length =
        body === undefined
          ? ''
          : `content-type: application/json\r\ncontent-length: ${Buffer.byteLength(body)}\r\n`;
      socket.write(`${method} ${path} HTTP/1.1\r\n${head}accept: ${accept}\r\n${length}\r\n${body ?? ''}`);
      return readReply(socket);
    },
    stream: (path, onData) =>
      new Promise((resolve, reject) => {
        socket.once('error', reject);
        socket.once('close', () => reject(new Error('the server closed a watch')));
        socket.write(`GET ${path} HTTP/1.1\r\n${head}accept: application/json\r\n\r\n`);
        socket.once('data', (chunk: Buffer) => {
          if (!chunk.toString('latin1').startsWith('HTTP/1.1 200'))
            return reject(new Error(chunk.toString()));
          onData(chunk);
          socket.on('data', onData);
          resolve();
        });
      }),
    close: () => socket.destroy(),
  };
}

function readReply(socket: TLSSocket): Promise<Reply> {
  return new Promise((resolve, reject) => {
    let head: Head | undefined;
    let pending: Buffer | undefined;
    let received = 0;
    const done = (settle: () => void): void => {
      socket.removeListener('data', onData);
      socket.removeListener('close', onClose);
      settle();
    };
    const onClose = (): void => done(() => reject(new Error('the server closed the connection')));
    const onData = (chunk: Buffer): void => {
      if (head === undefined) {
        pending = pending === undefined ? chunk : Buffer.concat([pending, chunk]);
        head = parseHead(pending);
        if (head === undefined) return;
        received = pending.length - head.end;
      } else {
        received += chunk.length;
        if (received <= KEPT_BYTES && pending !== undefined) pending = Buffer.concat([pending, chunk]);
      }
      const { status, contentType, length, end } = head;
      if (received < length) return;
      const text = length > KEPT_BYTES ? '' : (pending ?? chunk).toString('utf8', end);
      done(() => resolve({ status, contentType, length, text }));
    };
    socket.on('data', onData);
    socket.on('close', onClose);
  });
}

interface Head {
  readonly status: number;
  readonly contentType: string;
  readonly length: number;
  readonly end: number;
}

function parseHead(bytes: Buffer): Head | undefined {
  const end = bytes.indexOf('\r\n\r\n');
  if (end < 0) return undefined;
  const text = bytes.toString('latin1', 0, end).toLowerCase();
  const length = /\r\ncontent-length: (\d+)/.exec(text)?.[1];
  if (length === undefined) throw new Error(`an answer without a length: ${text}`);
  const contentType = /\r\ncontent-type: ([^\r]*)/.exec(text)?.[1] ?? '';
  return { status: Number(text.slice(9, 12)), contentType, length: Number(length), end: end + 4 };
}

async function openHttp2(target: Target): Promise<Connection> {
  const session = connectHttp2(`https://${target.host}:${target.port}`, {
    ca: target.ca,
    cert: target.cert,
    key: target.key,
    servername: 'localhost',
    settings: { initialWindowSize: 4 * 1024 * 1024 },
  });
  await new Promise<void>((resolve, reject) =>
    session.once('connect', () => resolve()).once('error', reject),
  );
  session.setLocalWindowSize(16 * 1024 * 1024);
  const begin = (question: Question) => {
    const { method, path, accept = 'application/json', body } = question;
    const type = body === undefined ? {} : { 'content-type': 'application/json' };
    const stream = session.request(
      { ':method': method, ':path': path, accept, 'user-agent': 'portico-bench/1', ...type },
      { endStream: body === undefined },
    );
    if (body !== undefined) stream.end(body);
    return stream;
  };
  return {
    ask: (question) =>
      new Promise((resolve, reject) => {
        const stream = begin(question);
        let [status, contentType, length, text] = [0, '', 0, ''];
        stream.on('response', (headers) => {
          status = Number(headers[':status']);
          contentType = String(headers['content-type'] ?? '');
        });
        stream.on('data', (chunk: Buffer) => {
          length += chunk.length;
          if (length <= KEPT_BYTES) text += chunk.toString();
        });
        stream.on('end', () => resolve({ status, contentType, length, text }));
        stream.on('error', reject);
      }),
    stream: (path, onData) =>
      new Promise((resolve, reject) => {
        const stream = begin({ method: 'GET', path });
        stream.on('error', reject);
        stream.on('data', onData);
        stream.on('response', (headers) =>
          headers[':status'] === 200
            ? resolve()
            : reject(new Error(`a watch answered ${headers[':status']}`)),
        );
      }),
    close: () => session.destroy(),
  };
}

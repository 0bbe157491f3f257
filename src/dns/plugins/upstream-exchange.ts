import { randomInt } from 'node:crypto';
import { createSocket } from 'node:dgram';
import { connect, isIP } from 'node:net';
import type { Clock } from '../../base/clock.ts';
import { HEADER_BYTES } from '../wire/decode.ts';
import { readName } from '../wire/name.ts';
import { createTcpFrames, tcpFrame } from '../wire/tcp-frames.ts';
import type { Exchange } from './forward-plugin.ts';

/** Address (no name) and port of a name server. */
export interface Upstream {
  readonly host: string;
  readonly port: number;
}

export interface UpstreamExchangeOptions {
  readonly upstreams: readonly Upstream[];
  readonly clock: Clock;
  /** For one attempt with one server; default 2 s, CoreDNS's read time-out. */
  readonly timeoutMs?: number;
  /** 0 <= value < 1; chooses the server that is asked first. */
  readonly random?: () => number;
}

/** A lone server is asked twice: UDP loses datagrams. */
const MIN_ATTEMPTS = 2;

/**
 * Asks name servers over UDP, each query from a port and with an id of its own, and over TCP what was truncated. A server
 * that is silent or unreachable is followed by the next one. An error the server reports (SERVFAIL …) is an answer.
 */
export function createUpstreamExchange(options: UpstreamExchangeOptions): Exchange {
  const { upstreams, random = Math.random } = options;
  return async (query, signal) => {
    const first = Math.floor(random() * upstreams.length);
    let failure: unknown = new Error('there is no name server to ask');
    for (let i = 0; i < Math.max(MIN_ATTEMPTS, upstreams.length); i++) {
      const upstream = upstreams[(first + i) % upstreams.length];
      if (upstream === undefined) break;
      try {
        return await ask(query, upstream, { ...options, signal });
      } catch (error) {
        failure = error;
        if (signal.aborted) break;
      }
    }
    throw failure;
  };
}

interface Attempt extends UpstreamExchangeOptions {
  readonly signal: AbortSignal;
}

async function ask(query: Uint8Array, upstream: Upstream, attempt: Attempt): Promise<Buffer> {
  const wire = Buffer.from(query);
  wire.writeUInt16BE(randomInt(65536), 0);
  const answer = await within(attempt, (done) => askUdp(wire, upstream, done));
  const isTruncated = ((answer[2] ?? 0) & 0x02) !== 0;
  return isTruncated ? within(attempt, (done) => askTcp(wire, upstream, done)) : answer;
}

interface Done {
  readonly answer: (bytes: Buffer) => void;
  readonly fail: (error: Error) => void;
}

/** Runs one attempt until it is answered, fails, takes too long or is no longer wanted; then its socket is closed. */
function within(
  { clock, signal, timeoutMs = 2000 }: Attempt,
  start: (done: Done) => () => void,
): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const end = (): void => {
      cancel();
      signal.removeEventListener('abort', onAbort);
      close();
    };
    const fail = (error: Error): void => {
      end();
      reject(error);
    };
    const onAbort = (): void => fail(new Error('the answer is no longer wanted'));
    const cancel = clock.after(timeoutMs, () => fail(new Error(`no answer within ${timeoutMs} ms`)));
    signal.addEventListener('abort', onAbort, { once: true });
    const answer = (bytes: Buffer): void => {
      end();
      resolve(bytes);
    };
    const close = start({ answer, fail });
    if (signal.aborted) onAbort();
  });
}

function askUdp(query: Buffer, { host, port }: Upstream, { answer, fail }: Done): () => void {
  const family = isIP(host) === 6 ? 6 : 4;
  const socket = createSocket({
    type: family === 6 ? 'udp6' : 'udp4',
    lookup: (_host, _options, found) => found(null, host, family),
  });
  let isOpen = true;
  socket.on('message', (bytes) => {
    if (isAnswerTo(query, bytes)) answer(bytes);
  });
  socket.on('error', (error) => isOpen && fail(error));
  // Connected: the kernel drops what others send, and an unreachable port is known at once.
  socket.connect(port, host, () => isOpen && socket.send(query));
  return () => {
    if (isOpen) socket.close();
    isOpen = false;
  };
}

function askTcp(query: Buffer, { host, port }: Upstream, { answer, fail }: Done): () => void {
  const frames = createTcpFrames();
  const socket = connect({ host, port, noDelay: true }, () => socket.write(tcpFrame(query)));
  socket.on('data', (piece) => {
    const [bytes] = frames.push(piece);
    if (bytes !== undefined && isAnswerTo(query, bytes)) answer(bytes);
  });
  socket.on('error', fail);
  socket.on('close', () => fail(new Error('the name server hung up')));
  return () => void socket.removeAllListeners('close').destroy();
}

/** Same id, a response, and the same question: a guess from outside must hit all of them, and the port. */
function isAnswerTo(query: Buffer, answer: Buffer): boolean {
  if (answer.length < HEADER_BYTES || answer.readUInt16BE(0) !== query.readUInt16BE(0)) return false;
  if (((answer[2] ?? 0) & 0x80) === 0) return false;
  try {
    const asked = readName(query, HEADER_BYTES);
    const told = readName(answer, HEADER_BYTES);
    const kind = (bytes: Buffer, at: number): string => bytes.toString('hex', at, at + 4);
    return (
      asked.name.toLowerCase() === told.name.toLowerCase() &&
      kind(query, asked.end) === kind(answer, told.end)
    );
  } catch {
    // Servers that refuse a query may leave out its question.
    return answer.readUInt16BE(4) === 0;
  }
}

import type { IncomingMessage } from 'node:http';
import type { Readable, Writable } from 'node:stream';
import type { CancelTimer, Clock } from '../../base/clock.ts';
import { createSpdySession } from '../../net/spdy/session.ts';
import type { SpdyStream } from '../../net/spdy/stream.ts';
import { Refusal } from '../server/refusal.ts';
import { acceptSpdy, negotiateSpdy } from './spdy-upgrade.ts';
import { acceptWebSocket, isWebSocket, offeredProtocols, openChannels } from './web-socket.ts';
import type { Upgrade } from './web-socket.ts';

/** Which streams a client wants. */
export interface StreamChoice {
  readonly hasStdin: boolean;
  readonly hasStdout: boolean;
  readonly hasStderr: boolean;
  readonly isTty: boolean;
}

/** The client's end of a command, whatever it speaks. */
export interface RemoteStreams {
  readonly stdin?: Readable;
  readonly stdout?: Writable;
  readonly stderr?: Writable;
  /** How it ended; see `hasStatus`. */
  readonly error: Writable;
  /** JSON `{"Width":80,"Height":24}`, one after the other. */
  readonly resize?: Readable;
  /** The client reads a Status object and not the text of an error: protocol v4 and later. */
  readonly hasStatus: boolean;
  /** Aborted when the connection is over. */
  readonly gone: AbortSignal;
  /** Ends the connection, once every stream is. */
  close(): void;
}

/** How long a client may take to open all its streams (upstream's number). */
const STREAMS_MS = 30_000;
/** How often a silent client is asked whether it is there: one that waits for room would not be heard going. */
export const PING_MS = 5000;

/** Runs `fn` again and again until it is cancelled. */
export function repeat(clock: Clock, everyMs: number, fn: () => void): CancelTimer {
  let cancel: CancelTimer = () => undefined;
  const plan = (): void => {
    cancel = clock.after(everyMs, () => {
      plan();
      fn();
    });
  };
  plan();
  return () => cancel();
}

/** Reads `?input=1&output=1&error=1&tty=1`. Throws Refusal 400 when no stream is wanted. */
export function streamChoice(query: URLSearchParams): StreamChoice {
  const isTty = query.get('tty') === '1';
  const choice = {
    hasStdin: query.get('input') === '1',
    hasStdout: query.get('output') === '1',
    // A terminal has one output.
    hasStderr: query.get('error') === '1' && !isTty,
    isTty,
  };
  if (!choice.hasStdin && !choice.hasStdout && !choice.hasStderr) {
    throw new Refusal(400, 'you must specify at least 1 of stdin, stdout, stderr');
  }
  return choice;
}

/** SPDY protocols by preference of the client. */
const SPDY_PROTOCOLS = ['v4.channel.k8s.io', 'v3.channel.k8s.io', 'v2.channel.k8s.io', 'channel.k8s.io'];
const WEB_PROTOCOLS = [
  'v5.channel.k8s.io',
  'v4.channel.k8s.io',
  'v4.base64.channel.k8s.io',
  'channel.k8s.io',
  'base64.channel.k8s.io',
];
const [STDIN, STDOUT, STDERR, ERROR, RESIZE] = [0, 1, 2, 3, 4] as const;

/** Speaks with the client until its streams are there. Rejects with Refusal while it can still be answered in HTTP. */
export async function openRemoteStreams(
  upgrade: Upgrade,
  choice: StreamChoice,
  clock: Clock,
): Promise<RemoteStreams> {
  return isWebSocket(upgrade.request)
    ? openWebStreams(upgrade, choice, clock)
    : openSpdyStreams(upgrade, choice, clock);
}

function webProtocol(request: IncomingMessage): string {
  const offered = offeredProtocols(request);
  if (offered.length === 0) return '';
  const found = offered.find((name) => WEB_PROTOCOLS.includes(name));
  if (found === undefined) {
    throw new Refusal(403, `unable to upgrade: none of the protocols ${offered.join(', ')} is supported`);
  }
  return found;
}

async function openWebStreams(upgrade: Upgrade, choice: StreamChoice, clock: Clock): Promise<RemoteStreams> {
  const protocol = webProtocol(upgrade.request);
  const web = await acceptWebSocket(upgrade, protocol);
  const gone = new AbortController();
  const channels = openChannels(web, {
    isBase64: protocol.includes('base64'),
    hasClose: protocol.startsWith('v5.'),
  });
  const stopPings = repeat(clock, PING_MS, () => web.ping());
  // The library waits for what it has not read yet, which may be for ever where a command takes no input.
  upgrade.socket.on('close', () => {
    stopPings();
    gone.abort();
  });
  channels.greet(choice.hasStdout ? STDOUT : choice.hasStderr ? STDERR : ERROR);
  return {
    ...(choice.hasStdin && { stdin: channels.readable(STDIN) }),
    ...(choice.hasStdout && { stdout: channels.writable(STDOUT) }),
    ...(choice.hasStderr && { stderr: channels.writable(STDERR) }),
    error: channels.writable(ERROR),
    ...(choice.isTty && { resize: channels.readable(RESIZE) }),
    hasStatus: protocol.startsWith('v5.') || protocol.startsWith('v4.'),
    gone: gone.signal,
    close: () => channels.close(),
  };
}

async function openSpdyStreams(upgrade: Upgrade, choice: StreamChoice, clock: Clock): Promise<RemoteStreams> {
  const protocol = negotiateSpdy(upgrade.request, SPDY_PROTOCOLS);
  const hasResize = choice.isTty && (protocol.startsWith('v4.') || protocol.startsWith('v3.'));
  const wanted = new Set([
    'error',
    ...(choice.hasStdin ? ['stdin'] : []),
    ...(choice.hasStdout ? ['stdout'] : []),
    ...(choice.hasStderr ? ['stderr'] : []),
    ...(hasResize ? ['resize'] : []),
  ]);
  const found = new Map<string, SpdyStream>();
  const complete = Promise.withResolvers<void>();
  const gone = new AbortController();
  const session = createSpdySession({
    transport: acceptSpdy(upgrade, protocol),
    isServer: true,
    accepts: ({ streamtype = '' }) => wanted.has(streamtype) && !found.has(streamtype),
    onStream: (stream) => {
      found.set(stream.headers['streamtype'] ?? '', stream);
      if (found.size === wanted.size) complete.resolve();
    },
  });
  const stopPings = repeat(clock, PING_MS, () => session.ping());
  void session.run().then(() => {
    stopPings();
    gone.abort();
    complete.reject(new Error('the client has gone'));
  });
  const cancel = clock.after(STREAMS_MS, () => {
    session.close();
    complete.reject(new Error('timed out waiting for client to create streams'));
  });
  await complete.promise.finally(cancel);
  const { error } = Object.fromEntries(found) as { readonly error: SpdyStream };
  const { stdin, stdout, stderr, resize } = Object.fromEntries(found);
  return {
    ...(stdin !== undefined && { stdin }),
    ...(stdout !== undefined && { stdout }),
    ...(stderr !== undefined && { stderr }),
    ...(resize !== undefined && { resize }),
    error,
    hasStatus: protocol.startsWith('v4.'),
    gone: gone.signal,
    close: () => session.close(),
  };
}

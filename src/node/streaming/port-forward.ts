import { connect, Socket } from 'node:net';
import type { Duplex, Writable } from 'node:stream';
import { Duplex as DuplexStream } from 'node:stream';
import { finished } from 'node:stream/promises';
import { createWebSocketStream } from 'ws';
import type { Clock } from '../../base/clock.ts';
import { messageOf } from '../../base/thrown.ts';
import { hostPort } from '../../net/host-port.ts';
import { createSpdySession } from '../../net/spdy/session.ts';
import type { SpdyHeaders } from '../../net/spdy/header-block.ts';
import type { SpdyStream } from '../../net/spdy/stream.ts';
import { Refusal } from '../server/refusal.ts';
import { PING_MS, repeat } from './remote-command.ts';
import { acceptSpdy, negotiateSpdy } from './spdy-upgrade.ts';
import { acceptWebSocket, isWebSocket, offeredProtocols, openChannels } from './web-socket.ts';
import type { Upgrade } from './web-socket.ts';

export interface ForwardTarget {
  /** `NAME_NAMESPACE`, for messages. */
  readonly pod: string;
  readonly uid: string;
  /** Tried one after the other. */
  readonly hosts: readonly string[];
  /** Where the sockets are made; absent = where this process is. */
  readonly netns?: string;
}

const PROTOCOL = 'portforward.k8s.io';
/** SPDY inside a WebSocket: what kubectl uses by itself. */
const TUNNEL = `SPDY/3.1+${PROTOCOL}`;
const LEGACY = ['v4.channel.k8s.io', 'v4.base64.channel.k8s.io', PROTOCOL];
/** How long the second stream of a pair may take. */
const PAIR_MS = 30_000;

/** Serves one port-forward connection until it ends. Rejects with Refusal while it can still be answered in HTTP. */
export async function forwardPorts(
  upgrade: Upgrade,
  target: ForwardTarget,
  { clock, query }: { readonly clock: Clock; readonly query: URLSearchParams },
): Promise<void> {
  const { request } = upgrade;
  if (!isWebSocket(request)) {
    const protocol = negotiateSpdy(request, [PROTOCOL]);
    return forwardPairs(acceptSpdy(upgrade, protocol), target, clock);
  }
  const offered = offeredProtocols(request);
  const protocol = offered.find((name) => name === TUNNEL || LEGACY.includes(name)) ?? '';
  if (protocol === '' && offered.length > 0) {
    throw new Refusal(403, `unable to upgrade: none of the protocols ${offered.join(', ')} is supported`);
  }
  if (protocol !== TUNNEL) return forwardChannels(upgrade, target, { clock, query, protocol });
  const web = await acceptWebSocket(upgrade, protocol);
  return forwardPairs(createWebSocketStream(web), target, clock);
}

const portIn = (text: string | undefined): number | undefined => {
  const port = /^\d{1,5}$/.test(text ?? '') ? Number(text) : 0;
  return port >= 1 && port <= 65535 ? port : undefined;
};

const isPaired = ({ port, streamtype }: SpdyHeaders): boolean =>
  portIn(port) !== undefined && (streamtype === 'data' || streamtype === 'error');

/** Each forwarded connection is a pair of streams with one request number; old clients send none, but neighbouring streams. */
const pairKey = ({ id, headers }: SpdyStream): string =>
  headers['requestid'] ?? String(headers['streamtype'] === 'error' ? id : id - 2);

interface Pair {
  data?: SpdyStream;
  error?: SpdyStream;
}

async function forwardPairs(transport: Duplex, target: ForwardTarget, clock: Clock): Promise<void> {
  const pairs = new Map<string, Pair>();
  const timers = new Set<() => void>();
  const session = createSpdySession({
    transport,
    isServer: true,
    accepts: isPaired,
    onStream: (stream) => {
      const key = pairKey(stream);
      const pair = pairs.get(key) ?? {};
      const type = stream.headers['streamtype'] === 'data' ? 'data' : 'error';
      if (pair[type] !== undefined) return void stream.destroy();
      pair[type] = stream;
      pairs.set(key, pair);
      const { data, error } = pair;
      if (data === undefined || error === undefined) {
        const cancel = clock.after(PAIR_MS, () => {
          timers.delete(cancel);
          if (pairs.get(key) !== pair) return;
          pairs.delete(key);
          stream.destroy();
        });
        timers.add(cancel);
        return;
      }
      // The number may be used again.
      pairs.delete(key);
      const port = portIn(data.headers['port']) ?? 0;
      void forwardOne(data, error, { target, port });
    },
  });
  const stopPings = repeat(clock, PING_MS, () => session.ping());
  await session.run();
  stopPings();
  for (const cancel of timers) cancel();
}

/** One connection to the Pod; what goes wrong with it is written to `errors`. */
async function forwardOne(
  data: Duplex,
  errors: Writable,
  { target, port }: { readonly target: ForwardTarget; readonly port: number },
): Promise<void> {
  let why: string | undefined;
  try {
    const socket = await dial(target, port);
    await join(data, socket);
  } catch (error) {
    why = messageOf(error);
  }
  const message = `error forwarding port ${port} to pod ${target.pod}, uid ${target.uid}: ${why}`;
  if (!errors.destroyed) errors.end(why === undefined ? '' : message);
  if (!data.destroyed) {
    data.resume();
    data.end();
  }
}

/** Copies both ways; each direction ends by itself. Rejects when the Pod's side breaks. */
async function join(data: Duplex, socket: Socket): Promise<void> {
  // A client that has gone takes its connection with it.
  data.on('close', () => socket.destroy());
  socket.on('error', () => undefined);
  data.pipe(socket);
  socket.pipe(data);
  const ended = await finished(socket).catch((error: unknown) => error);
  // A client that breaks off is no failure of the Pod.
  if (ended instanceof Error && !data.destroyed) throw ended;
}

/** Connects to the first of the target's addresses that answers. Rejects with what each of them said. */
async function dial({ hosts, netns }: ForwardTarget, port: number): Promise<Socket> {
  const failures: string[] = [];
  for (const host of hosts) {
    try {
      return await dialOne(host, port, netns);
    } catch (error) {
      const family = host.includes(':') ? 'tcp6' : 'tcp4';
      failures.push(`dial ${family} ${hostPort(host, port)}: ${messageOf(error)}`);
    }
  }
  throw new Error(`failed to connect to localhost:${port} inside the Pod's network: ${failures.join('; ')}`);
}

async function dialOne(host: string, port: number, netns: string | undefined): Promise<Socket> {
  const socket =
    netns === undefined ? connect({ host, port, allowHalfOpen: true }) : await socketIn(netns, host);
  if (netns !== undefined) socket.connect({ host, port });
  return new Promise((resolve, reject) => {
    socket.once('error', reject);
    socket.once('connect', () => {
      socket.off('error', reject);
      resolve(socket);
    });
  });
}

/** A socket belongs to the network that it was made in; where it connects from there is decided later. */
async function socketIn(netns: string, host: string): Promise<Socket> {
  const [{ withNetns }, { AF_INET, AF_INET6, openSocket, SOCK_NONBLOCK, SOCK_STREAM }] = await Promise.all([
    import('../../kernel/libc/namespaces.ts'),
    import('../../kernel/libc/sockets.ts'),
  ]);
  const family = host.includes(':') ? AF_INET6 : AF_INET;
  const fd = withNetns(netns, () => openSocket(family, SOCK_STREAM | SOCK_NONBLOCK, 0));
  // Without `manualStart` node reads at once, from a socket that is not connected yet.
  const options = { fd, manualStart: true, allowHalfOpen: true };
  return new Socket(options);
}

interface ChannelForward {
  readonly clock: Clock;
  readonly query: URLSearchParams;
  readonly protocol: string;
}

/** The protocol before SPDY was tunnelled: the ports are in the query, two channels for each, one connection at a time. */
async function forwardChannels(
  upgrade: Upgrade,
  target: ForwardTarget,
  { clock, query, protocol }: ChannelForward,
): Promise<void> {
  const texts = query.getAll('port').flatMap((text) => text.split(','));
  if (texts.length === 0) throw new Refusal(400, 'query parameter "port" is required');
  const ports = texts.map((text) => {
    const port = portIn(text);
    if (port === undefined) throw new Refusal(400, `unable to parse ${JSON.stringify(text)} as a port`);
    return port;
  });
  if (ports.length > MAX_CHANNEL_PORTS) throw new Refusal(400, 'too many ports');
  const web = await acceptWebSocket(upgrade, protocol);
  const isBase64 = protocol.includes('base64');
  const channels = openChannels(web, { isBase64, hasClose: false });
  const stopPings = repeat(clock, PING_MS, () => web.ping());
  web.on('close', stopPings);
  const forwards = ports.map((port, i) => {
    const [input, output] = [channels.readable(i * 2), channels.writable(i * 2)];
    const errors = channels.writable(i * 2 + 1);
    // The client learns which port a channel is for from its first two bytes.
    const bytes = Buffer.alloc(2);
    bytes.writeUInt16LE(port);
    output.write(bytes);
    errors.write(bytes);
    const data = DuplexStream.from({ readable: input, writable: output });
    data.on('error', () => undefined);
    return forwardOne(data, errors, { target, port });
  });
  await Promise.all(forwards);
  channels.close();
}

/** Channels have one byte. */
const MAX_CHANNEL_PORTS = 120;

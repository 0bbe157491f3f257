import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { connect } from 'node:net';
import { silentLogger } from '../../base/logger.ts';
import { createForwardPlugin } from '../plugins/forward-plugin.ts';
import type { Exchange } from '../plugins/forward-plugin.ts';
import type { DnsPlugin } from '../plugins/plugin.ts';
import { createZonePlugin } from '../plugins/zone-plugin.ts';
import { oracle } from '../wire/oracle.ts';
import type { OracleMessage } from '../wire/oracle.ts';
import { createTcpFrames, tcpFrame } from '../wire/tcp-frames.ts';
import { testIndex } from '../zone/fixtures.ts';
import { createZone } from '../zone/zone.ts';
import { createDnsServer } from './dns-server.ts';

export const HOST = '127.0.0.1';

/** The cluster of zone/fixtures.ts as plugins, in the order of a cluster's server. */
export function testPlugins(options: { exchange?: Exchange; isSynced?: boolean } = {}): DnsPlugin[] {
  const zone = createZone({
    zone: 'cluster.local',
    view: testIndex().view,
    now: () => 1_700_000_000_000,
    random: () => 0.999_999,
  });
  return [
    createZonePlugin({ zone, isSynced: () => options.isSynced ?? true }),
    createForwardPlugin({ exchange: options.exchange, logger: silentLogger }),
  ];
}

export interface TestServer {
  readonly port: number;
  readonly stop: () => Promise<void>;
}

export async function startServer(plugins: readonly DnsPlugin[], tcpIdleMs = 10_000): Promise<TestServer> {
  const stop = new AbortController();
  const server = createDnsServer({
    listen: [{ host: HOST, port: 0 }],
    plugins,
    logger: silentLogger,
    tcpIdleMs,
  });
  const running = server.run(stop.signal);
  const [port = 0] = await server.listening;
  return {
    port,
    stop: async () => {
      stop.abort();
      await running;
    },
  };
}

export interface QueryOptions {
  readonly id?: number;
  readonly udpSize?: number;
  readonly isDnssecOk?: boolean;
}

/** `A name` -> a query, made by somebody else's codec. */
export function queryBytes(text: string, options: QueryOptions = {}): Buffer {
  const [type = 'A', name = ''] = text.split(' ');
  const { id = 77, udpSize, isDnssecOk = false } = options;
  const opt = {
    type: 'OPT',
    name: '.',
    udpPayloadSize: udpSize,
    flags: isDnssecOk ? oracle.DNSSEC_OK : 0,
    options: [],
  };
  return oracle.encode({
    type: 'query',
    id,
    flags: oracle.RECURSION_DESIRED,
    questions: [{ type, name }],
    ...(udpSize !== undefined && { additionals: [opt] }),
  });
}

/** What comes back to one datagram; undefined = nothing within the time. */
export async function askUdp(port: number, bytes: Uint8Array, waitMs = 2000): Promise<Buffer | undefined> {
  const socket = createSocket('udp4');
  try {
    socket.send(bytes, port, HOST);
    const [answer] = (await once(socket, 'message', { signal: AbortSignal.timeout(waitMs) })) as [Buffer];
    return answer;
  } catch {
    return undefined;
  } finally {
    socket.close();
  }
}

/** The answers to queries sent over one connection in one piece, in the order they come. */
export async function askTcp(port: number, queries: readonly Uint8Array[]): Promise<Buffer[]> {
  const socket = connect(port, HOST);
  const frames = createTcpFrames();
  const answers: Buffer[] = [];
  socket.end(Buffer.concat(queries.map(tcpFrame)));
  for await (const piece of socket) answers.push(...frames.push(piece as Buffer).map((b) => Buffer.from(b)));
  return answers;
}

/** `RCODE answer answer…`, as somebody else's codec reads it. */
export function summary(bytes: Buffer | undefined): string {
  if (bytes === undefined) return 'nothing';
  const message = oracle.decode(bytes);
  const data = (message.answers ?? []).map(({ data: d }) => (typeof d === 'string' ? d : JSON.stringify(d)));
  return [message.rcode, ...data].join(' ');
}

export const ask = async (port: number, text: string, options: QueryOptions = {}): Promise<string> =>
  summary(await askUdp(port, queryBytes(text, options)));

/** An upstream server's answer to a query: `addresses` as A records, or what `more` says. */
export function upstreamAnswer(
  query: Uint8Array,
  addresses: readonly string[],
  more: Partial<OracleMessage> = {},
): Buffer {
  const asked = oracle.decode(Buffer.from(query));
  const [question] = asked.questions ?? [];
  const { name = '', type = 'A' } = question ?? {};
  const flags = oracle.RECURSION_DESIRED | 0x80;
  const answers = type === 'A' ? addresses.map((data) => ({ name, type: 'A', ttl: 60, data })) : [];
  return oracle.encode({
    type: 'response',
    id: asked.id ?? 0,
    flags,
    questions: asked.questions ?? [],
    answers,
    ...more,
  });
}

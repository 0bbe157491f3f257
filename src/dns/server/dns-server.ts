import type { Logger } from '../../base/logger.ts';
import type { DnsPlugin } from '../plugins/plugin.ts';
import { createRespond } from './respond.ts';
import type { Respond } from './respond.ts';
import { openTcpEndpoint } from './tcp-endpoint.ts';
import { openUdpEndpoint } from './udp-endpoint.ts';
import type { Endpoint } from './udp-endpoint.ts';

/** An address (no name) served over UDP and TCP on one port (0 = any), or two bound sockets that were inherited. */
export type ListenOn =
  { readonly host: string; readonly port: number } | { readonly udpFd: number; readonly tcpFd: number };

export interface DnsServerOptions {
  readonly listen: readonly ListenOn[];
  /** Asked in this order; none of them answers = REFUSED. */
  readonly plugins: readonly DnsPlugin[];
  readonly logger: Logger;
  /** A TCP connection without a byte for so long is closed; default 10 s, CoreDNS's. */
  readonly tcpIdleMs?: number;
}

export interface DnsServer {
  /** Resolves to the ports, in the order of `listen`, when all of them answer; rejects when one cannot be had. */
  readonly listening: Promise<readonly number[]>;
  /** Until `signal` aborts; rejects as `listening` does. A bad packet never ends it. */
  run(signal: AbortSignal): Promise<void>;
}

const TCP_IDLE_MS = 10_000;
/** UDP and TCP have their own free ports: how often another pair is tried before giving up. */
const MAX_TRIES = 20;

export function createDnsServer(options: DnsServerOptions): DnsServer {
  const { plugins, logger } = options;
  const listening = Promise.withResolvers<readonly number[]>();
  // Whoever calls run hears of a failure there.
  listening.promise.catch(() => undefined);
  return {
    listening: listening.promise,
    run: async (signal) => {
      const respond = createRespond({ plugins, logger, signal });
      const open: Endpoint[] = [];
      try {
        const ports: number[] = [];
        for (const on of options.listen) {
          const pair = await openPair(on, respond, options);
          open.push(...pair);
          ports.push(pair[0].port);
        }
        listening.resolve(ports);
        await aborted(signal);
      } catch (error) {
        listening.reject(error);
        throw error;
      } finally {
        await Promise.all(open.map((endpoint) => endpoint.close()));
      }
    },
  };
}

async function openPair(
  on: ListenOn,
  respond: Respond,
  options: DnsServerOptions,
): Promise<[Endpoint, Endpoint]> {
  const { logger, tcpIdleMs: idleMs = TCP_IDLE_MS } = options;
  const tcp = { respond, logger, idleMs };
  if ('udpFd' in on) {
    return [
      await openUdpEndpoint({ fd: on.udpFd }, respond, logger),
      await openTcpEndpoint({ fd: on.tcpFd }, tcp),
    ];
  }
  for (let i = 1; ; i++) {
    const udp = await openUdpEndpoint(on, respond, logger);
    try {
      return [udp, await openTcpEndpoint({ host: on.host, port: udp.port }, tcp)];
    } catch (error) {
      await udp.close();
      if (on.port !== 0 || i === MAX_TRIES) throw error;
    }
  }
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
}

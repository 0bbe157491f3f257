import { realClock } from '../../base/clock.ts';
import { createUpstreamExchange } from '../../dns/plugins/upstream-exchange.ts';

const DNS_PORT = 53;

/** One DNS query to these servers, over UDP and, when it is truncated, TCP; undefined when nobody answers. */
export async function exchangeWith(servers: readonly string[], query: Buffer): Promise<Buffer | undefined> {
  const upstreams = servers.map((host) => ({ host, port: DNS_PORT }));
  const exchange = createUpstreamExchange({ upstreams, clock: realClock });
  try {
    return Buffer.from(await exchange(query, AbortSignal.timeout(5000)));
  } catch {
    // The asker hears of it as SERVFAIL; there is nothing to mend here.
    return undefined;
  }
}

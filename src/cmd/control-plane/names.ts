import { readFileSync } from 'node:fs';
import type { Clock } from '../../base/clock.ts';
import type { Logger } from '../../base/logger.ts';
import type { Informers } from '../../client/informers.ts';
import { createClusterDns } from '../../dns/cluster-dns.ts';
import type { Exchange } from '../../dns/plugins/forward-plugin.ts';
import { createUpstreamExchange } from '../../dns/plugins/upstream-exchange.ts';
import { relay } from '../component/relay.ts';
import type { SupervisorChannel } from '../component/supervisor-channel.ts';
import { nameserversOf } from '../up/host-resolver.ts';
import type { ControlPlaneConfig } from '../up/messages.ts';

export interface NamesDeps {
  readonly informers: Informers;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly channel: SupervisorChannel;
  /** Called once the server answers fully. */
  readonly onServing: () => void;
}

/** Longer than the supervisor tries all of the host's resolvers. */
const EXCHANGE_LIMIT_MS = 6000;

/** The sandbox has no way out: the supervisor asks the host's resolvers. */
function exchangeThroughSupervisor({ channel, clock }: NamesDeps): Exchange {
  const waiting = new Map<number, (answer: Buffer | null) => void>();
  let lastId = 0;
  channel.onDnsAnswer((id, answer) => waiting.get(id)?.(answer));
  return (query) =>
    new Promise((resolve, reject) => {
      const id = ++lastId;
      const settle = (answer: Buffer | null): void => {
        cancel();
        waiting.delete(id);
        if (answer === null) reject(new Error("none of the host's name servers answered"));
        else resolve(answer);
      };
      const cancel = clock.after(EXCHANGE_LIMIT_MS, () => settle(null));
      waiting.set(id, settle);
      channel.send({ type: 'dns-query', id, query: Buffer.from(query).toString('base64') });
    });
}

function exchangeOf(config: ControlPlaneConfig, deps: NamesDeps): Exchange {
  if (config.network === 'sandbox') return exchangeThroughSupervisor(deps);
  const upstreams = nameserversOf(readFileSync('/etc/resolv.conf', 'utf8')).map((host) => ({
    host,
    port: 53,
  }));
  return createUpstreamExchange({ upstreams, clock: deps.clock });
}

/** The cluster's DNS server, also on the host's loopback; reports `dns` to the supervisor once it answers fully. */
export async function runNames(
  config: ControlPlaneConfig,
  deps: NamesDeps,
  signal: AbortSignal,
): Promise<void> {
  const { informers, clock, logger, channel } = deps;
  const { host, port, alsoOn, clusterIP } = config.dns;
  const dns = createClusterDns({
    informers,
    listen: [host, ...alsoOn].map((address) => ({ host: address, port })),
    zone: config.clusterDomain,
    ownAddresses: [clusterIP],
    exchange: exchangeOf(config, deps),
    clock,
    logger: logger.child({ component: 'dns' }),
  });
  const running = dns.run(signal);
  await Promise.race([dns.listening, running]);
  if (config.hostDnsPort !== undefined) {
    channel.onHostSocket((_id, socket) => relay(socket, { host, port }, clock));
    for (const protocol of ['UDP', 'TCP'] as const) {
      channel.send({ type: 'open-host-socket', id: `dns ${protocol}`, protocol, port: config.hostDnsPort });
    }
  }
  while (!dns.synced() && !signal.aborted) await clock.sleep(2, signal);
  channel.send({ type: 'ready', what: 'dns' });
  deps.onServing();
  await running;
}

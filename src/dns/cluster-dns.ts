import type { Clock } from '../base/clock.ts';
import type { Logger } from '../base/logger.ts';
import type { Informers } from '../client/informers.ts';
import { createClusterZone } from './cluster-zone.ts';
import { createForwardPlugin } from './plugins/forward-plugin.ts';
import type { Exchange } from './plugins/forward-plugin.ts';
import { createDnsServer } from './server/dns-server.ts';
import type { DnsServer, ListenOn } from './server/dns-server.ts';

export interface ClusterDnsOptions {
  /** Followed, not run: whoever made them runs them. */
  readonly informers: Informers;
  readonly listen: readonly ListenOn[];
  /** `cluster.local` */
  readonly zone: string;
  /** Addresses this server is asked at, for the zone's NS records: its cluster IP. */
  readonly ownAddresses?: readonly string[];
  /** Asks other name servers for all other names; undefined = there are none. */
  readonly exchange?: Exchange;
  readonly clock: Clock;
  readonly logger: Logger;
}

export interface ClusterDns extends DnsServer {
  /** Whether the cluster's objects were all seen once; until then an unknown name is SERVFAIL, not NXDOMAIN. */
  synced(): boolean;
}

/** A cluster's DNS server: its own names first, all others forwarded. */
export function createClusterDns(options: ClusterDnsOptions): ClusterDns {
  const { informers, zone, clock, logger, listen, exchange, ownAddresses = [] } = options;
  const clusterZone = createClusterZone({ informers, zone, ownAddresses, clock });
  // The order is the rule: a name of the cluster must never leave it.
  const plugins = [clusterZone.plugin, createForwardPlugin({ exchange, logger })];
  const server = createDnsServer({ listen, plugins, logger });
  return { ...server, synced: () => clusterZone.synced() };
}

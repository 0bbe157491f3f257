import type { DomainName } from '../wire/model.ts';
import type { ClusterView } from './cluster-index.ts';

export interface ZoneOptions {
  /** `cluster.local` */
  readonly zone: string;
  readonly view: ClusterView;
  /** Seconds a client may keep an answer; default 5, as CoreDNS without a cache. */
  readonly ttlSeconds?: number;
  /** Seconds a client may keep "there is none"; default 5: a new Service shall not stay hidden. */
  readonly negativeTtlSeconds?: number;
  /** `insecure` (default) answers for every address a Pod could have; `disabled` has no Pod names at all. */
  readonly podRecords?: 'insecure' | 'disabled';
  /** Addresses this server is asked at: names the zone's servers in NS. */
  readonly ownAddresses?: readonly string[];
  /** Milliseconds since the epoch; the SOA's serial comes from it. */
  readonly now: () => number;
  /** 0 <= value < 1; orders the addresses of an answer. */
  readonly random: () => number;
}

/** What the parts of the zone share. */
export interface ZoneContext extends Required<Omit<ZoneOptions, 'zone'>> {
  /** Lower case, with its last dot. */
  readonly zone: DomainName;
}

import { parseIp } from '../../../net/ip.ts';
import type { Store } from '../../../storage/store.ts';
import type { Clock } from '../../../base/clock.ts';

/** Where one API server is reached. */
export interface ServerAddress {
  readonly address: string;
  readonly port: number;
}

/** The API servers that share a store, each of which renews a lease in it (upstream: the lease endpoint reconciler). */
export interface Servers {
  /** Renews the own lease and answers who else does; the own address is always among them. Ordered. */
  renew(): Promise<readonly ServerAddress[]>;
  /** Gives the own lease up; the others find out when they renew theirs. */
  leave(): Promise<void>;
}

export const SERVERS_PREFIX = '/masterleases/';
/** As upstream's DefaultEndpointReconcilerTTL; leases are renewed every ten seconds. */
export const LEASE_MS = 15_000;

interface Lease extends ServerAddress {
  readonly renewedMs: number;
}

export interface ServersOptions {
  readonly store: Store;
  readonly clock: Clock;
  readonly own: ServerAddress;
}

export function createServers({ store, clock, own }: ServersOptions): Servers {
  const ownKey = `${SERVERS_PREFIX}${own.address}|${own.port}`;
  /** When each lease was last seen to change, by our own clock: those of other machines may be wrong. */
  const changes = new Map<string, { readonly revision: number; readonly atMs: number }>();
  const others = async (): Promise<ServerAddress[]> => {
    const { entries } = await store.list(SERVERS_PREFIX);
    const nowMs = clock.now();
    const live: ServerAddress[] = [];
    for (const { key, value, revision } of entries) {
      const lease = key === ownKey ? undefined : readLease(value);
      if (lease === undefined) continue;
      const known = changes.get(key);
      if (known === undefined) {
        const age = Math.min(Math.max(nowMs - lease.renewedMs, 0), LEASE_MS);
        changes.set(key, { revision, atMs: nowMs - age });
      } else if (known.revision !== revision) changes.set(key, { revision, atMs: nowMs });
      const { atMs = nowMs } = changes.get(key) ?? {};
      if (nowMs - atMs < LEASE_MS) live.push({ address: lease.address, port: lease.port });
      else await store.commit([{ key, value: null, expect: revision }]);
    }
    return live;
  };
  return {
    async renew() {
      const lease: Lease = { ...own, renewedMs: clock.now() };
      await store.commit([{ key: ownKey, value: new TextEncoder().encode(JSON.stringify(lease)) }]);
      return [own, ...(await others())].sort(byAddress);
    },
    async leave() {
      await store.commit([{ key: ownKey, value: null }]);
    },
  };
}

/** The lowest port first, IPv4 before IPv6. */
function byAddress(a: ServerAddress, b: ServerAddress): number {
  if (a.port !== b.port) return a.port - b.port;
  const isV6 = (text: string): number => (text.includes(':') ? 1 : 0);
  return isV6(a.address) - isV6(b.address) || (a.address < b.address ? -1 : a.address > b.address ? 1 : 0);
}

/** Undefined for what is no lease. */
function readLease(value: Uint8Array): Lease | undefined {
  try {
    const { address, port, renewedMs } = JSON.parse(new TextDecoder().decode(value)) as Record<
      keyof Lease,
      unknown
    >;
    const isFine = typeof address === 'string' && typeof port === 'number' && typeof renewedMs === 'number';
    return isFine && parseIp(address) !== undefined ? { address, port, renewedMs } : undefined;
  } catch {
    return undefined;
  }
}

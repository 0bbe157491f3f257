import type { Clock } from '../../../base/clock.ts';
import { socketAddress } from '../../../kernel/streams/socket-address.ts';
import type { SocketAddress } from '../../../kernel/streams/socket-address.ts';
import { createBalancer, createClientMemory } from './balancer.ts';
import type { Balancer, ClientMemory } from './balancer.ts';
import type { PoolSettings } from './relay-messages.ts';

/** The endpoints of some listeners. */
export interface Pool {
  readonly balancer: Balancer;
  readonly memory: string;
  /** Whether the choice depends on who asks. */
  needsClient: boolean;
  /** By the endpoint's key, as far as they were needed. */
  readonly addresses: Map<string, SocketAddress>;
}

export interface Pools {
  set(name: string, settings: PoolSettings): void;
  /** Connections of the pool go on. */
  remove(name: string): void;
  get(name: string): Pool | undefined;
  /** The pool as it is now, also after it was removed; made only when it is asked for. */
  keep(name: string): () => Pool | undefined;
}

export function createPools(clock: Pick<Clock, 'now'>): Pools {
  const pools = new Map<string, Pool>();
  /** Of pools that nobody has asked for yet: most Services of a large cluster, on most nodes. */
  const unused = new Map<string, PoolSettings>();
  const memories = new Map<string, { readonly clients: ClientMemory; nPools: number }>();
  const poolWith = (clients: ClientMemory, memory: string): Pool => {
    const balancer = createBalancer({ clock, clients });
    return { balancer, memory, needsClient: false, addresses: new Map() };
  };
  const create = (memory: string): Pool => {
    const shared = memories.get(memory) ?? { clients: createClientMemory(), nPools: 0 };
    memories.set(memory, shared);
    shared.nPools++;
    return poolWith(shared.clients, memory);
  };
  const apply = (pool: Pool, settings: PoolSettings): void => {
    pool.needsClient = settings.affinitySeconds > 0;
    pool.balancer.set(settings);
    for (const key of pool.addresses.keys()) if (!pool.balancer.has(key)) pool.addresses.delete(key);
  };
  const firstUse = (name: string): Pool | undefined => {
    const settings = unused.get(name);
    if (settings === undefined) return undefined;
    unused.delete(name);
    const pool = create(settings.memory);
    pools.set(name, pool);
    apply(pool, settings);
    return pool;
  };
  return {
    set: (name, settings) => {
      const pool = pools.get(name);
      if (pool !== undefined) apply(pool, settings);
      else {
        unused.set(name, settings);
        // It has a part in what is remembered of clients from now on.
        if (settings.affinitySeconds > 0) firstUse(name);
      }
    },
    remove: (name) => {
      unused.delete(name);
      const pool = pools.get(name);
      if (pool === undefined) return;
      pools.delete(name);
      const shared = memories.get(pool.memory);
      if (shared !== undefined && --shared.nPools === 0) memories.delete(pool.memory);
    },
    get: (name) => pools.get(name) ?? firstUse(name),
    keep: (name) => {
      let pool = pools.get(name);
      const settings = unused.get(name);
      return () => {
        if (pool !== undefined || settings === undefined) return pool;
        // Unused ones remember nobody.
        pool = poolWith(createClientMemory(), settings.memory);
        apply(pool, settings);
        return pool;
      };
    },
  };
}

export function addressOf(
  { addresses }: Pool,
  { ip, port, key }: { readonly ip: string; readonly port: number; readonly key: string },
): SocketAddress {
  const known = addresses.get(key);
  if (known !== undefined) return known;
  const address = socketAddress(ip, port);
  addresses.set(key, address);
  return address;
}

import type { Socket } from 'node:net';
import type { Clock } from '../../../base/clock.ts';
import { createBalancer, createClientMemory } from './balancer.ts';
import type { Balancer, ClientMemory } from './balancer.ts';
import { openTcpListener } from './tcp-listener.ts';
import type { TcpRelay } from './tcp-relay.ts';

/** The relay on Node's own sockets and streams: for machines other than Linux, and about three times as dear there. */
export function createStreamRelay(clock: Clock): TcpRelay {
  const sockets = new Set<Socket>();
  const pools = new Map<string, { readonly balancer: Balancer; readonly memory: string }>();
  const memories = new Map<string, ClientMemory>();
  return {
    setPool: (name, settings) => {
      const clients = memories.get(settings.memory) ?? createClientMemory();
      memories.set(settings.memory, clients);
      const balancer = pools.get(name)?.balancer ?? createBalancer({ clock, clients });
      pools.set(name, { balancer, memory: settings.memory });
      balancer.set(settings);
    },
    removePool: (name) => {
      const memory = pools.get(name)?.memory;
      pools.delete(name);
      const isShared = [...pools.values()].some((pool) => pool.memory === memory);
      if (memory !== undefined && !isShared) memories.delete(memory);
    },
    listen: (pool, address) => {
      const balancer = pools.get(pool)?.balancer;
      if (balancer === undefined) return Promise.reject(new Error(`no pool ${pool}`));
      return openTcpListener(address, { balancer, clock, sockets });
    },
    settled: () => Promise.resolve(),
    close: () => {
      for (const socket of sockets) socket.destroy();
    },
  };
}

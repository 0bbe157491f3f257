import type { Clock } from '../../../base/clock.ts';
import type { ProxyEndpoint } from '../../state/model.ts';

/** An endpoint with the text that identifies it between syncs. */
export interface Backend {
  readonly ip: string;
  readonly port: number;
  readonly key: string;
}

/**
 * Chooses endpoints for the clients of one Service port: round robin, or always the same one per client address while
 * affinity lasts. Affinity is counted from the last choice, as kube-proxy does.
 */
export interface Balancer {
  /** `affinitySeconds` 0 = none. Clients keep an endpoint that is still in the list. */
  set(endpoints: readonly ProxyEndpoint[], affinitySeconds: number): void;
  /** The next endpoint for this client, none of `tried` (keys); undefined = none is left. */
  pick(client: string, tried?: ReadonlySet<string>): Backend | undefined;
  has(key: string): boolean;
  /** How many clients are remembered; for tests and figures. */
  nClients(): number;
}

interface Affinity {
  readonly key: string;
  readonly lastUsedMs: number;
}

/** Which endpoint each client address was given last, in the order of last use: what has expired stands at the front. */
export type ClientMemory = Map<string, Affinity>;

export const createClientMemory = (): ClientMemory => new Map();

/** Balancers that share `clients` send a client to the same endpoint, as far as they all have it. */
export function createBalancer(clock: Pick<Clock, 'now'>, clients = createClientMemory()): Balancer {
  let backends: readonly Backend[] = [];
  let byKey = new Map<string, Backend>();
  let affinityMs = 0;
  let next = 0;

  const forgetExpired = (now: number): void => {
    for (const [client, { lastUsedMs }] of clients) {
      if (now - lastUsedMs < affinityMs) return;
      clients.delete(client);
    }
  };
  const remember = (client: string, backend: Backend, now: number): void => {
    clients.delete(client);
    clients.set(client, { key: backend.key, lastUsedMs: now });
  };
  const roundRobin = (tried: ReadonlySet<string> | undefined): Backend | undefined => {
    for (let i = 0; i < backends.length; i++) {
      const backend = backends[next++ % backends.length];
      if (backend !== undefined && tried?.has(backend.key) !== true) return backend;
    }
    return undefined;
  };

  return {
    set: (endpoints, affinitySeconds) => {
      backends = endpoints.map(({ ip, port }) => ({ ip, port, key: `${ip}|${port}` }));
      byKey = new Map(backends.map((backend) => [backend.key, backend]));
      affinityMs = affinitySeconds * 1000;
      if (affinityMs === 0) clients.clear();
    },
    pick: (client, tried) => {
      if (affinityMs === 0) return roundRobin(tried);
      const now = clock.now();
      forgetExpired(now);
      const sticky = byKey.get(clients.get(client)?.key ?? '');
      const backend = sticky !== undefined && tried?.has(sticky.key) !== true ? sticky : roundRobin(tried);
      if (backend !== undefined) remember(client, backend, now);
      return backend;
    },
    has: (key) => byKey.has(key),
    nClients: () => clients.size,
  };
}

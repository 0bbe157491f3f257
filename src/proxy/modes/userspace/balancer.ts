import type { Clock } from '../../../base/clock.ts';
import type { Balancing, ProxyEndpoint } from '../../state/model.ts';

/** An endpoint with the text that identifies it between syncs. */
export interface Backend {
  readonly ip: string;
  readonly port: number;
  readonly key: string;
  readonly weight: number;
  /** On this machine. */
  readonly isLocal: boolean;
}

/** Absent = weight 1, and on another machine. */
type BackendSettings = Pick<ProxyEndpoint, 'ip' | 'port' | 'weight'> &
  Partial<Pick<ProxyEndpoint, 'isLocal'>>;

/** Who may be chosen, and how. */
export interface BalancerSettings {
  readonly endpoints: readonly BackendSettings[];
  /** 0 = none. */
  readonly affinitySeconds: number;
  /** Absent = round robin. */
  readonly balancing?: Balancing | undefined;
}

/**
 * Chooses endpoints for the clients of one Service port by its way of balancing, or always the same one per client
 * address while affinity lasts. Affinity is counted from the last choice, as kube-proxy does.
 */
export interface Balancer {
  /** Clients keep an endpoint that is still in the list, and endpoints their number of connections. */
  set(settings: BalancerSettings): void;
  /** The next endpoint for this client, none of `tried` (keys); undefined = none is left. */
  pick(client: string, tried?: ReadonlySet<string>): Backend | undefined;
  has(key: string): boolean;
  /** A connection to the endpoint begins (+1) or ends (-1). */
  count(key: string, change: 1 | -1): void;
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

export interface BalancerOptions {
  readonly clock: Pick<Clock, 'now'>;
  /** Balancers that share it send a client to the same endpoint, as far as they all have it. */
  readonly clients?: ClientMemory;
  /** At least 0 and less than 1. */
  readonly random?: () => number;
}

export function createBalancer({
  clock,
  clients = createClientMemory(),
  random = Math.random,
}: BalancerOptions): Balancer {
  let byKey = new Map<string, Backend>();
  let affinityMs = 0;
  const open = new Map<string, number>();
  const turn: Turn = { next: 0, credit: new Map() };
  let choose: Choose = () => undefined;

  const forgetExpired = (now: number): void => {
    for (const [client, { lastUsedMs }] of clients) {
      if (now - lastUsedMs < affinityMs) return;
      clients.delete(client);
    }
  };
  const sticky = (client: string, tried: ReadonlySet<string> | undefined): Backend | undefined => {
    const now = clock.now();
    forgetExpired(now);
    const known = byKey.get(clients.get(client)?.key ?? '');
    const backend = known !== undefined && tried?.has(known.key) !== true ? known : choose(tried);
    if (backend === undefined) return undefined;
    clients.delete(client);
    clients.set(client, { key: backend.key, lastUsedMs: now });
    return backend;
  };

  return {
    set: ({ endpoints, affinitySeconds, balancing = 'round-robin' }) => {
      const backends = endpoints.map(backendOf);
      byKey = new Map(backends.map((backend) => [backend.key, backend]));
      affinityMs = affinitySeconds * 1000;
      if (affinityMs === 0) clients.clear();
      const load = ({ key, weight }: Backend): number => (open.get(key) ?? 0) / weight;
      choose = choosers[balancing]({ backends, load, random, turn });
    },
    pick: (client, tried) => (affinityMs === 0 ? choose(tried) : sticky(client, tried)),
    has: (key) => byKey.has(key),
    count: (key, change) => {
      const n = (open.get(key) ?? 0) + change;
      if (n > 0) open.set(key, n);
      else open.delete(key);
    },
    nClients: () => clients.size,
  };
}

const backendOf = ({ ip, port, weight = 1, isLocal = false }: BackendSettings): Backend => ({
  ip,
  port,
  key: `${ip}|${port}`,
  weight,
  isLocal,
});

/** One of the endpoints, none of `tried`. */
type Choose = (tried: ReadonlySet<string> | undefined) => Backend | undefined;

interface Field {
  readonly backends: readonly Backend[];
  /** Connections it has for each unit of its weight. */
  readonly load: (backend: Backend) => number;
  readonly random: () => number;
  readonly turn: Turn;
}

/** Whose turn it is. It outlives changes of the endpoints: with many of them the first one would be given all. */
interface Turn {
  next: number;
  /** By key. */
  readonly credit: Map<string, number>;
}

const choosers: Readonly<Record<Balancing, (field: Field) => Choose>> = {
  'round-robin': (field) =>
    field.backends.every(({ weight }) => weight === 1) ? inTurn(field) : inWeightedTurn(field),
  random:
    ({ backends, random }) =>
    (tried) =>
      drawn(untried(backends, tried), random),
  p2c:
    ({ backends, load, random }) =>
    (tried) => {
      const candidates = untried(backends, tried);
      const [a, b] = [drawn(candidates, random), drawn(candidates, random)];
      return a !== undefined && b !== undefined && load(b) < load(a) ? b : a;
    },
  'least-connections': leastLoaded,
};

function untried(backends: readonly Backend[], tried: ReadonlySet<string> | undefined): readonly Backend[] {
  return tried === undefined ? backends : backends.filter(({ key }) => !tried.has(key));
}

/** With the probability of its weight. */
function drawn(candidates: readonly Backend[], random: () => number): Backend | undefined {
  let total = 0;
  for (const { weight } of candidates) total += weight;
  let left = random() * total;
  return candidates.find(({ weight }) => (left -= weight) < 0) ?? candidates.at(-1);
}

function inTurn({ backends, turn }: Field): Choose {
  return (tried) => {
    for (let i = 0; i < backends.length; i++) {
      const backend = backends[turn.next++ % backends.length];
      if (backend !== undefined && tried?.has(backend.key) !== true) return backend;
    }
    return undefined;
  };
}

/** Smooth weighted round robin: each gains its weight at each turn, the richest is taken and pays what all gained. */
function inWeightedTurn({ backends, turn: { credit } }: Field): Choose {
  const keys = new Set(backends.map(({ key }) => key));
  for (const key of credit.keys()) if (!keys.has(key)) credit.delete(key);
  return (tried) => {
    let best: Backend | undefined;
    let total = 0;
    for (const backend of backends) {
      if (tried?.has(backend.key) === true) continue;
      total += backend.weight;
      const gained = (credit.get(backend.key) ?? 0) + backend.weight;
      credit.set(backend.key, gained);
      if (best === undefined || gained > (credit.get(best.key) ?? 0)) best = backend;
    }
    if (best !== undefined) credit.set(best.key, (credit.get(best.key) ?? 0) - total);
    return best;
  };
}

/** Of equally loaded ones the next in turn. */
function leastLoaded({ backends, load, turn }: Field): Choose {
  return (tried) => {
    let best: Backend | undefined;
    let bestAt = 0;
    for (let i = 0; i < backends.length; i++) {
      const at = (turn.next + i) % backends.length;
      const backend = backends[at];
      if (backend === undefined || tried?.has(backend.key) === true) continue;
      if (best === undefined || load(backend) < load(best)) [best, bestAt] = [backend, at];
    }
    turn.next = bestAt + 1;
    return best;
  };
}

import { fakeClock } from '../../base/clock.ts';
import { memoryLogger } from '../../base/logger.ts';
import { createFakeConntrack } from '../../kernel/conntrack/fake-conntrack.ts';
import { createFakeNft } from '../../kernel/nft/fake-nft.ts';
import type { Ruleset } from '../../kernel/nft/ruleset.ts';
import { trace } from '../../kernel/nft/trace.ts';
import { createBalancer, createClientMemory } from '../../proxy/modes/userspace/balancer.ts';
import type { Balancer, BalancerSettings, ClientMemory } from '../../proxy/modes/userspace/balancer.ts';
import type { LocalAddress } from '../../proxy/modes/userspace/capture.ts';
import { createNetfilterCapture } from '../../proxy/modes/userspace/netfilter-capture.ts';
import type { Listener, TcpRelay } from '../../proxy/modes/userspace/tcp-relay.ts';
import { createUserspaceMode } from '../../proxy/modes/userspace/userspace-mode.ts';
import type { ProxyState } from '../../proxy/state/model.ts';
import { frontendMet, verdictInWords, verdictOf, wayInWords } from '../../proxy/state/verdict.ts';
import type { Attempt, Verdict } from '../../proxy/state/verdict.ts';
import { attemptsOf, linkOf } from '../random-proxy-state.ts';
import { compare, compareShares, sharesOf } from './mode-proof.ts';
import type { Fault, ModeProof } from './mode-proof.ts';
import { nftFaults } from './nft-faults.ts';

const nodeAddress = { IPv4: '127.0.0.1', IPv6: '::1' } as const;

/** Listeners without sockets: who accepts at a port, and the choice the mode's own balancer makes there. */
class PaperListeners {
  /** By port. */
  readonly at = new Map<number, Balancer>();
  readonly pools = new Map<string, { readonly balancer: Balancer; readonly settings: BalancerSettings }>();
  readonly #clock = fakeClock();
  readonly #memories = new Map<string, ClientMemory>();
  #nextPort = 1024;

  open(balancer: Balancer, { host }: LocalAddress): Promise<Listener> {
    const port = this.#nextPort++;
    this.at.set(port, balancer);
    const close = (): void => void this.at.delete(port);
    return Promise.resolve({ address: { host, port }, refresh: () => undefined, close });
  }

  /** As the relay's thread keeps them. */
  relay(): TcpRelay {
    return {
      setPool: (name, settings) => {
        const clients = this.#memories.get(settings.memory) ?? createClientMemory();
        this.#memories.set(settings.memory, clients);
        const balancer = this.pools.get(name)?.balancer ?? createBalancer({ clock: this.#clock, clients });
        balancer.set(settings);
        this.pools.set(name, { balancer, settings });
      },
      removePool: (name) => void this.pools.delete(name),
      listen: (pool, address) => {
        const found = this.pools.get(pool);
        return found ? this.open(found.balancer, address) : Promise.reject(new Error(`no pool ${pool}`));
      },
      settled: () => Promise.resolve(),
      close: () => undefined,
    };
  }
}

class Programmed {
  readonly #state: ProxyState;
  readonly #ruleset: Ruleset;
  readonly #listeners: PaperListeners;
  #nChecks = 0;

  constructor(state: ProxyState, ruleset: Ruleset, listeners: PaperListeners) {
    this.#state = state;
    this.#ruleset = ruleset;
    this.#listeners = listeners;
  }

  check(): void {
    for (const attempt of attemptsOf(this.#state)) {
      if (attempt.protocol !== 'SCTP') this.#checkAttempt(attempt);
    }
  }

  #checkAttempt(attempt: Attempt): void {
    const verdict = verdictOf(this.#state, attempt);
    const { balancer, end, path } = this.#reached(attempt);
    if (balancer === undefined || verdict.kind !== 'to') {
      const is = balancer === undefined ? [end] : ['some listener'];
      return compare(attempt, { is, should: withoutSources(verdict), path });
    }
    const affinitySeconds = frontendMet(this.#state, attempt)?.service.affinitySeconds ?? 0;
    const should = sharesOf(verdict.ways.map((way) => [placeInWords(way), way.weight]));
    const total = verdict.ways.reduce((sum, { weight }) => sum + weight, 0);
    /** One whole round of the weighted turns, each time by a client that nobody remembers yet. */
    const n = this.#nChecks++;
    const picks = Array.from({ length: total }, (_, i) =>
      balancer.pick(`${attempt.client.source} ${n} ${i}`),
    );
    const words = picks.map((pick) => (pick === undefined ? 'nobody' : placeInWords(pick)));
    compare(attempt, { is: [...new Set(words)].sort(), should: withoutSources(verdict), path });
    compareShares(attempt, { is: sharesOf(words.map((word) => [word, 1])), should, tolerance: 1e-9 });
    if (affinitySeconds === 0) return;
    const again = picks.map((_, i) => balancer.pick(`${attempt.client.source} ${n} ${i}`));
    const remembered = picks.find((pick, i) => pick?.key !== again[i]?.key);
    if (remembered)
      compare({ ...attempt, remembered }, { is: ['another one'], should: [placeInWords(remembered)] });
  }

  #reached(attempt: Attempt): {
    balancer?: Balancer | undefined;
    end: string;
    path: () => readonly string[];
  } {
    const { client, ip, port, protocol } = attempt;
    const { family, node } = this.#state;
    const iif = linkOf(node, client);
    const result = trace(
      this.#ruleset,
      {
        saddr: client.source,
        sport: 5000,
        l4proto: protocol === 'TCP' ? 'tcp' : 'udp',
        daddr: ip,
        dport: port,
      },
      {
        family: family === 'IPv4' ? 'ip' : 'ip6',
        origin: client.kind === 'node' ? 'local' : 'remote',
        ...(iif === undefined ? {} : { iif }),
        isLocalAddress: (address) => (address === ip && attempt.isLocal) || address === nodeAddress[family],
        random: () => 0,
        nowMs: 0,
      },
    );
    const { verdict, dnat } = result;
    const path = (): readonly string[] => result.path;
    if (verdict !== 'accept') return { end: verdict === 'reject' ? 'refused' : 'dropped', path };
    if (dnat === undefined) return { end: 'untouched', path };
    return { balancer: this.#listeners.at.get(dnat.port), end: 'nobody listens', path };
  }

  *faults(): Iterable<Fault> {
    yield* nftFaults(this.#ruleset);
    for (const { balancer, settings } of this.#listeners.pools.values()) {
      const { endpoints, affinitySeconds } = settings;
      const change = (what: string, other: Partial<BalancerSettings>): Fault => ({
        kind: `pool ${what}`,
        plant: () => {
          balancer.set({ ...settings, ...other });
          return () => balancer.set(settings);
        },
      });
      if (endpoints.length > 0) yield change('without its first endpoint', { endpoints: endpoints.slice(1) });
      if (affinitySeconds > 0 && endpoints.length > 1)
        yield change('without affinity', { affinitySeconds: 0 });
      const heavier = endpoints.map((each, i) =>
        i === 0 ? { ...each, weight: (each.weight ?? 1) + 3 } : each,
      );
      if (endpoints.length > 1) yield change('with another weight', { endpoints: heavier });
    }
  }
}

const placeInWords = ({ ip, port }: { readonly ip: string; readonly port: number }): string =>
  wayInWords({ ip, port, isMasqueraded: false });

/** The process itself connects: every source is the node's, whatever the model would have allowed to keep. */
function withoutSources(verdict: Verdict): string[] {
  if (verdict.kind !== 'to') return verdictInWords(verdict);
  return verdictInWords({ kind: 'to', ways: verdict.ways.map((way) => ({ ...way, isMasqueraded: false })) });
}

/** Of SCTP, which the mode leaves alone with a warning, nothing is expected. */
function carried(state: ProxyState): ProxyState {
  return {
    ...state,
    services: new Map([...state.services].filter(([, { protocol }]) => protocol !== 'SCTP')),
  };
}

export const userspaceProof: ModeProof = {
  mode: 'userspace',
  program: async (given) => {
    const state = carried(given);
    const { family } = state;
    const nft = createFakeNft();
    const listeners = new PaperListeners();
    const mode = createUserspaceMode({
      capture: createNetfilterCapture({
        family,
        nft,
        conntrack: createFakeConntrack(),
        address: nodeAddress[family],
      }),
      clock: fakeClock(),
      logger: memoryLogger(),
      relay: listeners.relay(),
      openUdp: (address, { balancer }) => listeners.open(balancer, address),
    });
    await mode.sync(state);
    const programmed = new Programmed(state, nft.ruleset, listeners);
    return { check: () => programmed.check(), faults: () => programmed.faults() };
  },
  unseen: () => false,
};

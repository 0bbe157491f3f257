import { memoryLogger } from '../../base/logger.ts';
import { createFakeConntrack } from '../../kernel/conntrack/fake-conntrack.ts';
import { createFakeNft } from '../../kernel/nft/fake-nft.ts';
import type { Ruleset } from '../../kernel/nft/ruleset.ts';
import { trace } from '../../kernel/nft/trace.ts';
import type { Packet, TraceResult } from '../../kernel/nft/trace.ts';
import { createNftablesMode } from '../../proxy/modes/nftables/nftables-mode.ts';
import type { ProxyState } from '../../proxy/state/model.ts';
import { frontendMet, verdictInWords, verdictOf, wayInWords } from '../../proxy/state/verdict.ts';
import type { Attempt, Verdict } from '../../proxy/state/verdict.ts';
import { plan } from '../proxy-fixtures.ts';
import { attemptsOf, linkOf } from '../random-proxy-state.ts';
import { compare, compareShares, Difference, sharesOf } from './mode-proof.ts';
import type { ModeProof, Proven } from './mode-proof.ts';
import { nftFaults } from './nft-faults.ts';

/** The mode's states one after the other on one kernel in memory. Throws when the mode warned: it then healed a wrong plan. */
export async function nftablesRules(...states: readonly ProxyState[]): Promise<Ruleset> {
  const nft = createFakeNft();
  const { family = 'IPv4' } = states[0] ?? {};
  const logger = memoryLogger();
  const mode = createNftablesMode({ family, nft, conntrack: createFakeConntrack(), logger });
  let previous: ProxyState | undefined;
  for (const state of states) {
    const changed = new Set([...(previous?.services.keys() ?? []), ...state.services.keys()]);
    await mode.sync(state, previous === undefined ? undefined : changed);
    previous = state;
  }
  const trouble = logger.lines.find(({ level }) => level !== 'info');
  if (trouble !== undefined) throw new Error(trouble.message);
  return nft.ruleset;
}

interface Moment {
  readonly slot: number;
  readonly nowMs?: number;
}

type Drawn = TraceResult & { readonly nSlots: number };

/** What becomes of a connection that draws `slot`, and how many slots there were to draw from. */
export function nftablesTrace(
  { ruleset, state }: { readonly ruleset: Ruleset; readonly state: ProxyState },
  attempt: Attempt,
  at: Moment,
): Drawn {
  const { family } = state;
  const packet: Packet = {
    saddr: attempt.client.source,
    daddr: attempt.ip,
    l4proto: attempt.protocol.toLowerCase() as Packet['l4proto'],
    sport: 40_000,
    dport: attempt.port,
  };
  const iif = linkOf(state.node, attempt.client);
  let nSlots = 1;
  const result = trace(ruleset, packet, {
    family: family === 'IPv4' ? 'ip' : 'ip6',
    origin: attempt.client.kind === 'node' ? 'local' : 'remote',
    isLocalAddress: (ip) => ip === plan[family].node || ip === '::1' || ip.startsWith('127.'),
    random: (modulus) => {
      nSlots = modulus;
      return at.slot % modulus;
    },
    nowMs: at.nowMs ?? 0,
    ...(iif === undefined ? {} : { iif }),
  });
  return Object.assign(result, { nSlots });
}

export function nftablesOutcome({ verdict, dnat, isMasqueraded }: TraceResult): string {
  if (verdict === 'drop') return 'dropped';
  if (verdict === 'reject') return 'refused';
  return dnat === undefined ? 'untouched' : wayInWords({ ...dnat, isMasqueraded });
}

/** What this mode makes of a verdict: it refuses ports that a cluster IP does not have. */
const expected = (verdict: Verdict): string[] =>
  verdict.kind === 'untouched' && verdict.isClusterIp ? ['refused'] : verdictInWords(verdict);

/** Every so many attempts draw every slot, and those that have few. */
const EXHAUSTIVE = 8;
const FEW = 4;

class Programmed {
  readonly state: ProxyState;
  readonly ruleset: Ruleset;

  constructor(state: ProxyState, ruleset: Ruleset) {
    this.state = state;
    this.ruleset = ruleset;
  }

  /** Empties the maps that rules fill. */
  #forget(): void {
    for (const table of this.ruleset.values()) {
      for (const { set, elements } of table.sets.values()) if (set.dynamic !== undefined) elements.clear();
    }
  }

  #draw(attempt: Attempt, at: Moment): Drawn {
    return nftablesTrace(this, attempt, at);
  }

  check(): void {
    for (const [i, attempt] of attemptsOf(this.state).entries()) {
      const verdict = verdictOf(this.state, attempt);
      this.#checkDecision(attempt, verdict, i % EXHAUSTIVE === 0);
      this.#checkAffinity(attempt, verdict);
    }
  }

  /** Where every slot is drawn all that is possible must come, as often as its weight says; nothing else may in any case. */
  #checkDecision(attempt: Attempt, verdict: Verdict, isExhaustive: boolean): void {
    this.#forget();
    const first = this.#draw(attempt, { slot: 0 });
    const results = [first];
    const { nSlots } = first;
    const isWhole = isExhaustive || nSlots <= FEW;
    const step = isWhole ? 1 : Math.ceil((nSlots - 1) / 2);
    for (let slot = step; slot < nSlots; slot += step) {
      this.#forget();
      results.push(this.#draw(attempt, { slot }));
    }
    const words = results.map(nftablesOutcome);
    const [is, should, path] = [[...new Set(words)].sort(), expected(verdict), () => first.path];
    if (isWhole) compare(attempt, { is, should, path });
    else for (const word of is) if (!should.includes(word)) compare(attempt, { is: [word], should, path });
    for (const { verdict: end, rejectWith, path } of results) {
      if (end !== 'reject' || (rejectWith === 'tcp-reset') === (attempt.protocol === 'TCP')) continue;
      throw new Difference({ attempt, is: [`refused by ${rejectWith}`], should: ['another answer'], path });
    }
    if (verdict.kind !== 'to' || !isWhole) return;
    const found = sharesOf(words.map((word) => [word, 1]));
    const wanted = sharesOf(verdict.ways.map((way) => [wayInWords(way), way.weight]));
    // Weights of a large sum are met in the nearest proportion that the slots allow, with at least one for each.
    const isExact = [...wanted.values()].every((share) => Number.isInteger(share * nSlots));
    compareShares(attempt, { is: found, should: wanted, tolerance: isExact ? 1e-9 : 0.08 });
  }

  /** The client stays where it was until its time is over, whatever it draws, and then draws again. */
  #checkAffinity(attempt: Attempt, verdict: Verdict): void {
    const met = frontendMet(this.state, attempt);
    if (verdict.kind !== 'to' || verdict.ways.length < 2 || !met || met.service.affinitySeconds === 0) return;
    const { affinitySeconds } = met.service;
    this.#forget();
    const remembered = this.#draw(attempt, { slot: 1 }).dnat;
    if (remembered === undefined) return;
    const nowMs = affinitySeconds * 1000 - 1;
    const again = this.#draw(attempt, { slot: 0, nowMs });
    const should = verdictInWords(verdictOf(this.state, { ...attempt, remembered }));
    compare({ ...attempt, remembered }, { is: [nftablesOutcome(again)], should, path: () => again.path });
    const late = this.#draw(attempt, { slot: 0, nowMs: 4 * affinitySeconds * 1000 });
    const [first] = verdict.ways;
    compare(attempt, {
      is: [nftablesOutcome(late)],
      should: first ? [wayInWords(first)] : [],
      path: () => late.path,
    });
  }
}

export const nftablesProof: Omit<ModeProof, 'program'> & {
  program(state: ProxyState): Promise<Proven & { readonly ruleset: Ruleset }>;
} = {
  mode: 'nftables',
  program: async (state) => {
    const ruleset = await nftablesRules(state);
    const programmed = new Programmed(state, ruleset);
    return { ruleset, check: () => programmed.check(), faults: () => nftFaults(ruleset) };
  },
  /**
   * Only answers meet the first; the second keeps strangers from what listens on loopback, which no frontend is about; blocks of cluster IPs
   * are not named here; and of the two chains that lead to the Services one does the other's work.
   */
  unseen: (kind) =>
    /ct status dnat return|filter-input# ct state new ip6?#? daddr .* goto dropped|@service-cidrs|nat-(?:output|prerouting)(?:-again)?# jump/.test(
      kind,
    ),
};

import { fakeClock } from '../../base/clock.ts';
import { memoryLogger } from '../../base/logger.ts';
import { createFakeIptables } from '../../kernel/iptables/fake-iptables.ts';
import type { FakeIptables } from '../../kernel/iptables/fake-iptables.ts';
import type { Rule, Ruleset, Target } from '../../kernel/iptables/model.ts';
import { parseRuleset } from '../../kernel/iptables/parse.ts';
import { trace } from '../../kernel/iptables/trace.ts';
import type { TraceResult } from '../../kernel/iptables/trace.ts';
import { hostPort } from '../../net/host-port.ts';
import { createIptablesMode } from '../../proxy/modes/iptables/iptables-mode.ts';
import { serviceChain } from '../../proxy/modes/iptables/names.ts';
import type { ProxyEndpoint, ProxyState, ServicePort } from '../../proxy/state/model.ts';
import { frontendMet, verdictInWords, verdictOf, wayInWords } from '../../proxy/state/verdict.ts';
import type { Attempt } from '../../proxy/state/verdict.ts';
import { plan } from '../proxy-fixtures.ts';
import { attemptsOf, linkOf } from '../random-proxy-state.ts';
import { compare, compareShares, sharesOf } from './mode-proof.ts';
import type { Fault, ModeProof } from './mode-proof.ts';

const loopback = { IPv4: '127.0.0.1', IPv6: '::1' } as const;

/** The mode's states one after the other on tables in memory. Throws when the mode warned: it then healed a wrong plan. */
export async function iptablesRules(...states: readonly ProxyState[]): Promise<FakeIptables> {
  const { family = 'IPv4' } = states[0] ?? {};
  const iptables = createFakeIptables(family);
  const logger = memoryLogger();
  const mode = createIptablesMode({ iptables, clock: fakeClock(), logger });
  let previous: ProxyState | undefined;
  for (const state of states) {
    const changed = new Set([...(previous?.services.keys() ?? []), ...state.services.keys()]);
    await mode.sync(state, previous === undefined ? undefined : changed);
    previous = state;
  }
  const trouble = logger.lines.find(({ level }) => level !== 'info');
  if (trouble !== undefined) throw new Error(trouble.message);
  return iptables;
}

function chainOf(
  service: ServicePort,
  { ip, port }: Pick<ProxyEndpoint, 'ip' | 'port'>,
  isRange: boolean,
): string {
  return serviceChain('SEP', service, isRange ? ip : hostPort(ip, port));
}

function traced(state: ProxyState, ruleset: Ruleset, attempt: Attempt): TraceResult[] {
  const { family, node } = state;
  const { client, protocol, ip, port, remembered } = attempt;
  const device = linkOf(node, client);
  const met = remembered && frontendMet(state, attempt);
  const isRange = met?.decision.frontend.endPort !== undefined;
  const noted = met && remembered ? chainOf(met.service, remembered, isRange) : undefined;
  return trace(
    ruleset,
    {
      saddr: client.source,
      daddr: ip,
      protocol: protocol.toLowerCase() as 'tcp' | 'udp' | 'sctp',
      dport: port,
      ...(device === undefined ? {} : { in: device }),
    },
    {
      family,
      isLocalAddress: (each) => each === plan[family].node || each === loopback[family],
      isRecent: (list) => list === noted,
    },
  );
}

const words = { accept: 'untouched', drop: 'dropped', reject: 'refused' } as const;

function outcome({ verdict, dnat, isMasqueraded }: TraceResult): string {
  return verdict === 'accept' && dnat !== undefined ? wayInWords({ ...dnat, isMasqueraded }) : words[verdict];
}

function checkAttempt(state: ProxyState, ruleset: Ruleset, attempt: Attempt): void {
  const verdict = verdictOf(state, attempt);
  const results = traced(state, ruleset, attempt);
  const found = results.map((result) => [outcome(result), result.probability] as const);
  compare(attempt, {
    is: [...new Set(found.map(([word]) => word))].sort(),
    should: verdictInWords(verdict),
    path: () => results[0]?.path ?? [],
  });
  if (verdict.kind !== 'to') return;
  const should = sharesOf(verdict.ways.map((way) => [wayInWords(way), way.weight]));
  compareShares(attempt, { is: sharesOf(found), should, tolerance: 1e-6 });
}

function check(state: ProxyState, ruleset: Ruleset): void {
  for (const attempt of attemptsOf(state)) {
    checkAttempt(state, ruleset, attempt);
    const met = frontendMet(state, attempt);
    if (met === undefined || met.service.affinitySeconds === 0) continue;
    const verdict = verdictOf(state, attempt);
    if (verdict.kind !== 'to') continue;
    for (const { ip, port } of verdict.ways.slice(0, 2)) {
      checkAttempt(state, ruleset, { ...attempt, remembered: { ip, port } });
    }
  }
}

/** The chain by its kind, and what the rule does. */
const kindOf = (table: string, chain: string, { target }: Rule): string =>
  `${table} ${chain.replace(/-[A-Z2-7]{16}$/, '')}: ${targetInWords(target)}`;

function targetInWords(target: Target | undefined): string {
  if (target === undefined) return 'notes the client';
  return 'chain' in target ? `${target.kind} ${target.chain.replace(/-[A-Z2-7]{16}$/, '')}` : target.kind;
}

/** Each rule taken out or falsified: another port, twice the mark, half the probability, another source or destination. */
function* faults(ruleset: Ruleset, set: (ruleset: Ruleset) => void): Iterable<Fault> {
  const fault = (
    what: string,
    table: [...Parameters<typeof kindOf>, number],
    rules: readonly Rule[],
  ): Fault => ({
    kind: `${what}: ${kindOf(table[0], table[1], table[2])}`,
    plant: () => {
      set(withRules(ruleset, table, rules));
      return () => set(ruleset);
    },
  });
  for (const [table, chains] of ruleset) {
    for (const [chain, { rules }] of chains) {
      if (!chain.startsWith('KUBE-')) continue;
      for (const [i, rule] of rules.entries()) {
        const at = [table, chain, rule, i] as [...Parameters<typeof kindOf>, number];
        yield fault('rule gone', at, rules.toSpliced(i, 1));
        for (const [what, wrong] of falsified(rule)) yield fault(what, at, rules.toSpliced(i, 1, wrong));
      }
    }
  }
}

function withRules(ruleset: Ruleset, [table, chain]: readonly unknown[], rules: readonly Rule[]): Ruleset {
  const copy = new Map(ruleset);
  const name = table as 'nat';
  copy.set(name, new Map(ruleset.get(name)).set(String(chain), { rules }));
  return copy;
}

function* falsified(rule: Rule): Iterable<readonly [string, Rule]> {
  const { target, matches = [], source } = rule;
  if (target?.kind === 'dnat' && target.port !== undefined)
    yield ['wrong port', { ...rule, target: { ...target, port: target.port ^ 1 } }];
  if (matches.some(({ kind }) => kind === 'statistic')) {
    const halved = matches.map((match) =>
      match.kind === 'statistic' ? { ...match, probability: match.probability / 2 } : match,
    );
    yield ['half the share', { ...rule, matches: halved }];
  }
  if (source !== undefined)
    yield ['source turned round', { ...rule, source: { ...source, isNegated: source.isNegated !== true } }];
}

export const iptablesProof: ModeProof = {
  mode: 'iptables',
  program: async (state) => {
    let ruleset = parseRuleset((await iptablesRules(state)).ruleset);
    return {
      check: () => check(state, ruleset),
      faults: () => faults(ruleset, (other) => (ruleset = other)),
    };
  },
  /** Only answers, and packets that belong to no connection, meet these. */
  unseen: (kind) => /filter KUBE-(?:FORWARD|FIREWALL)/.test(kind),
};

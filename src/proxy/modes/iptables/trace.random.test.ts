import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { fakeClock } from '../../../base/clock.ts';
import { memoryLogger } from '../../../base/logger.ts';
import { createFakeIptables } from '../../../kernel/iptables/fake-iptables.ts';
import type { FakeIptables } from '../../../kernel/iptables/fake-iptables.ts';
import type { Ruleset } from '../../../kernel/iptables/model.ts';
import { parseRuleset } from '../../../kernel/iptables/parse.ts';
import { trace } from '../../../kernel/iptables/trace.ts';
import type { TraceResult } from '../../../kernel/iptables/trace.ts';
import { plan } from '../../../testing/proxy-fixtures.ts';
import { arbitraryProxyState, attemptsOf, linkOf } from '../../../testing/random-proxy-state.ts';
import type { ProxyEndpoint, ProxyState, ServicePort } from '../../state/model.ts';
import { frontendMet, verdictInWords, verdictOf, wayInWords } from '../../state/verdict.ts';
import type { Attempt } from '../../state/verdict.ts';
import { createIptablesMode } from './iptables-mode.ts';
import { serviceChain } from './names.ts';

const families = ['IPv4', 'IPv6'] as const;
const loopback = { IPv4: '127.0.0.1', IPv6: '::1' } as const;

/** Several modes' worth of states on one set of tables; a wrong plan is healed by reading again, which is no excuse for it. */
async function synced(...states: readonly ProxyState[]): Promise<FakeIptables> {
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
  assert.deepEqual(
    logger.lines.filter(({ level }) => level !== 'info'),
    [],
  );
  return iptables;
}

function chainOf(
  service: ServicePort,
  endpoint: Pick<ProxyEndpoint, 'ip' | 'port'>,
  isRange: boolean,
): string {
  const { ip, port } = endpoint;
  return serviceChain('SEP', service, isRange ? ip : ip.includes(':') ? `[${ip}]:${port}` : `${ip}:${port}`);
}

function traced(state: ProxyState, ruleset: Ruleset, attempt: Attempt): TraceResult[] {
  const { family, node } = state;
  const { client, protocol, ip, port, remembered } = attempt;
  const device = linkOf(node, client);
  const met = frontendMet(state, attempt);
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

function inWords({ verdict, dnat, isMasqueraded }: TraceResult): string {
  return verdict === 'accept' && dnat !== undefined ? wayInWords({ ...dnat, isMasqueraded }) : words[verdict];
}

/** Throws where the rules and the model do not agree, on what can happen or on how often. */
function checkAttempt(state: ProxyState, ruleset: Ruleset, attempt: Attempt): void {
  const verdict = verdictOf(state, attempt);
  const results = traced(state, ruleset, attempt);
  const context = `${JSON.stringify(attempt)}\n${results[0]?.path.join('\n')}`;
  assert.deepEqual([...new Set(results.map(inWords))].sort(), verdictInWords(verdict), context);
  if (verdict.kind !== 'to') return;
  const sum = verdict.ways.reduce((total, { weight }) => total + weight, 0);
  for (const way of verdict.ways) {
    const share = results
      .filter((result) => inWords(result) === wayInWords(way))
      .reduce((total, { probability }) => total + probability, 0);
    assert.ok(Math.abs(share - way.weight / sum) < 1e-6, `${wayInWords(way)} has ${share}: ${context}`);
  }
}

function checkState(state: ProxyState, ruleset: Ruleset): void {
  for (const attempt of attemptsOf(state)) {
    checkAttempt(state, ruleset, attempt);
    const verdict = verdictOf(state, attempt);
    const met = frontendMet(state, attempt);
    if (verdict.kind !== 'to' || met === undefined || met.service.affinitySeconds === 0) continue;
    for (const { ip, port } of verdict.ways.slice(0, 2)) {
      checkAttempt(state, ruleset, { ...attempt, remembered: { ip, port } });
    }
  }
}

/** Chains and rules as text, whatever order the Services' lines came in. */
function asText({ ruleset }: FakeIptables): string[] {
  return [...ruleset]
    .flatMap(([table, chains]) =>
      [...chains].flatMap(([name, { rules }]) => {
        const lines = /^KUBE-(?:SERVICES|NODEPORTS|EXTERNAL-SERVICES|PROXY-FIREWALL)$/.test(name)
          ? [...rules].sort()
          : rules;
        return [`${table} ${name}`, ...lines.map((rule, i) => `${table} ${name} ${i}: ${rule}`)];
      }),
    )
    .sort();
}

/** A state that uses every kind of rule. */
const richStates = (family: 'IPv4' | 'IPv6'): ProxyState[] =>
  fc.sample(arbitraryProxyState(family), { numRuns: 60, seed: 7 });

for (const family of families) {
  describe(`${family}: what the iptables rules do is what the model says`, () => {
    it('for every client and frontend: who is reached how often, masquerading, affinity, refusal', async () => {
      await fc.assert(
        fc.asyncProperty(arbitraryProxyState(family), async (state) => {
          checkState(state, parseRuleset((await synced(state)).ruleset));
        }),
        { numRuns: 500 },
      );
    });

    it('changes lead to the same rules as a fresh start', async () => {
      const states = fc.array(arbitraryProxyState(family), { minLength: 2, maxLength: 4 });
      await fc.assert(
        fc.asyncProperty(states, async (list) => {
          const [first] = list;
          assert.ok(first);
          /** The node's own settings stay: a new node means a look at everything. */
          const same = list.map((state) => ({ ...state, node: first.node }));
          const last = same.at(-1);
          assert.ok(last);
          assert.deepEqual(asText(await synced(...same)), asText(await synced(last)));
        }),
        { numRuns: 60 },
      );
    });

    it('notices any rule that is missing', async () => {
      const states = await Promise.all(
        richStates(family).map(async (state) => ({ state, texts: (await synced(state)).ruleset })),
      );
      const kinds = new Map<string, boolean>();
      for (const { state, texts } of states) {
        for (const [table, chains] of texts) {
          for (const [name, chain] of chains) {
            const kind = `${table} ${name.replace(/-[A-Z2-7]{16}$/, '')}`;
            if (!name.startsWith('KUBE-') || chain.rules.length === 0 || kinds.get(kind) === true) continue;
            const broken = new Map(chains).set(name, { rules: chain.rules.slice(1) });
            const ruleset = parseRuleset(new Map(texts).set(table, broken));
            let isNoticed = false;
            try {
              checkState(state, ruleset);
            } catch {
              isNoticed = true;
            }
            kinds.set(kind, isNoticed);
          }
        }
      }
      // Only answers and packets without a connection meet these.
      const unseen = ['filter KUBE-FORWARD', 'filter KUBE-FIREWALL'];
      const missed = [...kinds].filter(([kind, isNoticed]) => !isNoticed && !unseen.includes(kind));
      assert.deepEqual(missed, []);
      assert.ok(kinds.size >= 12, [...kinds.keys()].join(', '));
    });
  });
}

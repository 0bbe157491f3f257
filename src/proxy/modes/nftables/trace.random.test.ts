import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { elementData } from '../../../kernel/nft/model.ts';
import type { Rule } from '../../../kernel/nft/rule.ts';
import type { Ruleset } from '../../../kernel/nft/ruleset.ts';
import {
  nftablesOutcome,
  nftablesProof,
  nftablesRules,
  nftablesTrace,
} from '../../../testing/proof/nftables-proof.ts';
import { describeProof } from '../../../testing/proof/proof-tests.ts';
import { plan, proxyState } from '../../../testing/proxy-fixtures.ts';
import { arbitraryProxyState, attemptsOf } from '../../../testing/random-proxy-state.ts';
import type { ProxyState } from '../../state/model.ts';
import { frontendMet, verdictOf } from '../../state/verdict.ts';
import type { Attempt, Way } from '../../state/verdict.ts';

// The same cases in every run.
fc.configureGlobal({ seed: 1 });

const families = ['IPv4', 'IPv6'] as const;

describeProof(nftablesProof, { leastKinds: 150 });

const waysOf = (state: ProxyState, attempt: Attempt): readonly Way[] => {
  const verdict = verdictOf(state, attempt);
  return verdict.kind === 'to' ? verdict.ways : [];
};
const where = (ways: readonly Way[]): string => ways.map(({ ip, port }) => `${ip} ${port}`).join();

/** A client stays where it was, through whatever frontend of the Service port has the same endpoints. */
function checkOtherFrontends(state: ProxyState, ruleset: Ruleset): void {
  const attempts = attemptsOf(state).filter((attempt) => {
    const met = frontendMet(state, attempt);
    return met !== undefined && met.service.affinitySeconds > 0;
  });
  const portOf = (attempt: Attempt): string => frontendMet(state, attempt)?.service.id ?? '';
  for (const attempt of attempts) {
    const ways = waysOf(state, attempt);
    if (ways.length < 2) continue;
    for (const table of ruleset.values())
      for (const { set, elements } of table.sets.values()) if (set.dynamic !== undefined) elements.clear();
    const remembered = nftablesTrace({ ruleset, state }, attempt, { slot: 1 }).dnat;
    assert.ok(remembered);
    for (const other of attempts) {
      const isAlike =
        other.client.source === attempt.client.source &&
        portOf(other) === portOf(attempt) &&
        where(waysOf(state, other)) === where(ways) &&
        isRange(state, other) === isRange(state, attempt);
      if (isAlike) assert.deepEqual(nftablesTrace({ ruleset, state }, other, { slot: 0 }).dnat, remembered);
    }
  }
}

const isRange = (state: ProxyState, attempt: Attempt): boolean =>
  frontendMet(state, attempt)?.decision.frontend.endPort !== undefined;

/** Elements, chains and rules as text, whatever order they came in. */
function asText(ruleset: Ruleset): string[] {
  return [...ruleset.values()]
    .flatMap(({ chains, sets }) => [
      ...[...chains.values()].map(({ chain, rules }) => `${chain.name} ${JSON.stringify(rules)}`),
      ...[...sets.values()].flatMap(({ set, elements }) => [
        set.name,
        ...[...elements].map(([key, { data }]) => `${set.name} ${key} ${elementData(data)}`),
      ]),
    ])
    .sort();
}

for (const family of families) {
  describe(`${family}: rules of the nftables mode`, () => {
    it('affinity: the same endpoint through every frontend that has it', async () => {
      const property = fc.asyncProperty(arbitraryProxyState(family), async (state) =>
        checkOtherFrontends(state, await nftablesRules(state)),
      );
      await fc.assert(property, { numRuns: 60 });
    });

    it('changes lead to the same table as a fresh start', async () => {
      const states = fc.array(arbitraryProxyState(family), { minLength: 2, maxLength: 4 });
      const property = fc.asyncProperty(states, async (list) => {
        const [first] = list;
        assert.ok(first);
        /** The node's own settings stay: a new node means a look at everything. */
        const same = list.map((state) => ({ ...state, node: first.node }));
        const last = same.at(-1);
        assert.ok(last);
        assert.deepEqual(asText(await nftablesRules(...same)), asText(await nftablesRules(last)));
      });
      await fc.assert(property, { numRuns: 60 });
    });
  });
}

describe('node ports on localhost', () => {
  it('let nobody else in to what listens there', async () => {
    for (const family of families) {
      const loopback = family === 'IPv4' ? '127.0.0.1' : '::1';
      const state = proxyState(family, [], { hasLocalhostNodePorts: true });
      const ruleset = await nftablesRules(state);
      const at = { protocol: 'TCP', ip: loopback, port: 10_249, isLocal: true } as const;
      const outside = { kind: 'outside', source: plan[family].outside } as const;
      const node = { kind: 'node', source: loopback } as const;
      const end = (client: Attempt['client']): string =>
        nftablesOutcome(nftablesTrace({ ruleset, state }, { client, ...at }, { slot: 0 }));
      assert.deepEqual([end(outside), end(node)], ['dropped', 'untouched']);
    }
  });
});

describe('a broken rule is noticed', () => {
  const states = fc.sample(arbitraryProxyState('IPv4'), { numRuns: 250, seed: 7 });
  /** Removes the first rule of a chain that has this in it. */
  const without = (ruleset: Ruleset, chain: string, part: string): boolean => {
    const rules: Rule[] | undefined = ruleset.get('ip portico')?.chains.get(chain)?.rules;
    const i = rules?.findIndex((rule) => JSON.stringify(rule).includes(part)) ?? -1;
    if (i >= 0) rules?.splice(i, 1);
    return i >= 0;
  };
  const broken: Record<string, [chain: string, part: string]> = {
    'source ranges are not looked at': ['external-ips-from-network', 'allowed-sources'],
    'the node itself is let past source ranges': ['external-ips-from-node', 'allowed-sources'],
    'Pods go the long way to an external IP': ['external-ips-from-network', 'inside-addresses'],
    'the node goes the long way to a node port': ['node-ports-from-node', 'inside-node-ports'],
    'the short way keeps the node’s address': ['short-way', 'saddr-is-local'],
    'hairpin is not masqueraded': ['sources', 'hairpin'],
    'cluster IPs are not masqueraded for outsiders': ['sources', '"cluster-ips"'],
    'ranges are not masqueraded': ['sources', 'range-sources'],
    'ranges are not served': ['addresses', 'range-ips'],
    'many slots are not served': ['addresses', 'wide-ips'],
    'nobody is refused': ['refuse', 'refused-ips'],
    'ranges without endpoints are left alone': ['refuse', 'range-refusals'],
    'unknown ports of a cluster IP are left alone': ['untranslated-forward', '"cluster-ips"'],
    'node ports are not masqueraded': ['sources', '"masquerade-node-ports"'],
    'external IPs are not masqueraded': ['sources', '"masquerade-ips"'],
    'node ports answer on all blocks': ['services', 'daddr-is-local'],
  };
  for (const [sentence, [chain, part]] of Object.entries(broken)) {
    it(sentence, async () => {
      for (const state of states) {
        const { ruleset, check } = await nftablesProof.program(state);
        if (!without(ruleset, chain, part)) continue;
        try {
          check();
        } catch {
          return;
        }
      }
      assert.fail(`no random cluster met the rule ${part} of ${chain}`);
    });
  }
});

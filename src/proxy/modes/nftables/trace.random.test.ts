import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { memoryLogger } from '../../../base/logger.ts';
import { createFakeConntrack } from '../../../kernel/conntrack/fake-conntrack.ts';
import { createFakeNft } from '../../../kernel/nft/fake-nft.ts';
import { elementData } from '../../../kernel/nft/model.ts';
import type { Rule } from '../../../kernel/nft/rule.ts';
import type { Ruleset } from '../../../kernel/nft/ruleset.ts';
import { trace } from '../../../kernel/nft/trace.ts';
import type { Packet, TraceResult } from '../../../kernel/nft/trace.ts';
import { plan, proxyState } from '../../../testing/proxy-fixtures.ts';
import { arbitraryProxyState, attemptsOf, linkOf } from '../../../testing/random-proxy-state.ts';
import type { ProxyState } from '../../state/model.ts';
import { frontendMet, verdictInWords, verdictOf, wayInWords } from '../../state/verdict.ts';
import type { Attempt, Verdict, Way } from '../../state/verdict.ts';
import { createNftablesMode } from './nftables-mode.ts';

const families = ['IPv4', 'IPv6'] as const;

/** A state, and the rules made of it. */
interface Programmed {
  readonly state: ProxyState;
  readonly ruleset: Ruleset;
}

interface Moment {
  readonly slot: number;
  readonly nowMs?: number;
}

function traced({ ruleset, state }: Programmed, attempt: Attempt, at: Moment): TraceResult {
  const { family } = state;
  const packet: Packet = {
    saddr: attempt.client.source,
    daddr: attempt.ip,
    l4proto: attempt.protocol.toLowerCase() as Packet['l4proto'],
    sport: 40_000,
    dport: attempt.port,
  };
  const iif = linkOf(state.node, attempt.client);
  return trace(ruleset, packet, {
    family: family === 'IPv4' ? 'ip' : 'ip6',
    origin: attempt.client.kind === 'node' ? 'local' : 'remote',
    isLocalAddress: (ip) => ip === plan[family].node || ip === '::1' || ip.startsWith('127.'),
    random: (modulus) => at.slot % modulus,
    nowMs: at.nowMs ?? 0,
    ...(iif === undefined ? {} : { iif }),
  });
}

function inWords({ verdict, dnat, isMasqueraded }: TraceResult): string {
  if (verdict === 'drop') return 'dropped';
  if (verdict === 'reject') return 'refused';
  return dnat === undefined ? 'untouched' : wayInWords({ ...dnat, isMasqueraded });
}

/** What this mode makes of a verdict: it refuses ports that a cluster IP does not have. */
const expected = (verdict: Verdict): string[] =>
  verdict.kind === 'untouched' && verdict.isClusterIp ? ['refused'] : verdictInWords(verdict);

async function synced(...states: readonly ProxyState[]): Promise<Ruleset> {
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
  /** A wrong plan is healed by reading the table again, which is no excuse for it. */
  const troubles = logger.lines.filter(({ level }) => level !== 'info');
  assert.deepEqual(troubles, []);
  return nft.ruleset;
}

/** Empties the maps that rules fill. */
function forget(ruleset: Ruleset): void {
  for (const table of ruleset.values()) {
    for (const { set, elements } of table.sets.values()) if (set.dynamic !== undefined) elements.clear();
  }
}

/** All slots there can be with the weights of random clusters. */
const nSlots = (verdict: Verdict): number =>
  verdict.kind !== 'to' ? 1 : verdict.ways.every(({ weight }) => weight === 1) ? verdict.ways.length : 64;

const whole = 4;

/** Every fourth attempt with every draw, the others with three: all must be possible, and all that is possible must come. */
function checkDecisions(state: ProxyState, ruleset: Ruleset): void {
  for (const [i, attempt] of attemptsOf(state).entries()) {
    const verdict = verdictOf(state, attempt);
    const n = nSlots(verdict);
    const slots =
      i % whole === 0 || n <= 3 ? Array.from({ length: n }, (_, slot) => slot) : [0, n >> 1, n - 1];
    const results = slots.map((slot) => {
      forget(ruleset);
      return traced({ ruleset, state }, attempt, { slot });
    });
    const found = [...new Set(results.map(inWords))].sort();
    const wanted = expected(verdict);
    const context = (): string => `${JSON.stringify(attempt)}\n${results[0]?.path.join('\n')}`;
    if (slots.length === n) assert.deepEqual(found, wanted, context());
    else for (const word of found) assert.ok(wanted.includes(word), `${word}: ${context()}`);
    for (const { verdict: end, rejectWith } of results) {
      const isRight = end !== 'reject' || (rejectWith === 'tcp-reset') === (attempt.protocol === 'TCP');
      assert.ok(isRight, context());
    }
  }
}

const waysOf = (state: ProxyState, attempt: Attempt): readonly Way[] => {
  const verdict = verdictOf(state, attempt);
  return verdict.kind === 'to' ? verdict.ways : [];
};
const where = (ways: readonly Way[]): string => ways.map(({ ip, port }) => `${ip} ${port}`).join();

/** A client stays where it was, through whatever frontend of the Service port has the same endpoints, until its time is over. */
function checkAffinity(state: ProxyState, ruleset: Ruleset): void {
  const attempts = attemptsOf(state).filter((attempt) => {
    const met = frontendMet(state, attempt);
    return met !== undefined && met.service.affinitySeconds > 0;
  });
  const portOf = (attempt: Attempt): string => frontendMet(state, attempt)?.service.id ?? '';
  for (const attempt of attempts) {
    const ways = waysOf(state, attempt);
    if (ways.length < 2) continue;
    const { affinitySeconds = 0 } = frontendMet(state, attempt)?.service ?? {};
    forget(ruleset);
    const remembered = traced({ ruleset, state }, attempt, { slot: 1 }).dnat;
    assert.ok(remembered);
    const nowMs = affinitySeconds * 1000 - 1;
    const again = inWords(traced({ ruleset, state }, attempt, { slot: 0, nowMs }));
    assert.deepEqual(
      [again],
      verdictInWords(verdictOf(state, { ...attempt, remembered })),
      JSON.stringify(attempt),
    );
    for (const other of attempts) {
      const isAlike =
        other.client.source === attempt.client.source &&
        portOf(other) === portOf(attempt) &&
        where(waysOf(state, other)) === where(ways) &&
        isRange(state, other) === isRange(state, attempt);
      if (isAlike) assert.deepEqual(traced({ ruleset, state }, other, { slot: 0, nowMs }).dnat, remembered);
    }
    const late = traced({ ruleset, state }, attempt, { slot: 0, nowMs: 4 * affinitySeconds * 1000 }).dnat;
    assert.deepEqual(late, { ip: ways[0]?.ip, port: ways[0]?.port });
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
  describe(`${family}: what the rules do is what the model says`, () => {
    it('for every client and frontend: the possible endpoints, masquerading, refusal', async () => {
      const property = fc.asyncProperty(arbitraryProxyState(family), async (state) =>
        checkDecisions(state, await synced(state)),
      );
      await fc.assert(property, { numRuns: 260 });
    });

    it('affinity: the same endpoint through every frontend that has it, and a new draw after the timeout', async () => {
      const property = fc.asyncProperty(arbitraryProxyState(family), async (state) =>
        checkAffinity(state, await synced(state)),
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
        assert.deepEqual(asText(await synced(...same)), asText(await synced(last)));
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
      const ruleset = await synced(state);
      const at = { protocol: 'TCP', ip: loopback, port: 10_249, isLocal: true } as const;
      const outside = { kind: 'outside', source: plan[family].outside } as const;
      const node = { kind: 'node', source: loopback } as const;
      const end = (client: Attempt['client']): string =>
        inWords(traced({ ruleset, state }, { client, ...at }, { slot: 0 }));
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
    'unknown ports of a cluster IP are left alone': ['filter-forward', '"cluster-ips"'],
    'node ports are not masqueraded': ['sources', '"masquerade-node-ports"'],
    'external IPs are not masqueraded': ['sources', '"masquerade-ips"'],
    'node ports answer on all blocks': ['services', 'daddr-is-local'],
  };
  for (const [sentence, [chain, part]] of Object.entries(broken)) {
    it(sentence, async () => {
      for (const state of states) {
        const ruleset = await synced(state);
        checkDecisions(state, ruleset);
        if (!without(ruleset, chain, part)) continue;
        try {
          checkDecisions(state, ruleset);
        } catch {
          return;
        }
      }
      assert.fail(`no random cluster met the rule ${part} of ${chain}`);
    });
  }
});

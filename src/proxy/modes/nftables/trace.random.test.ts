import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { memoryLogger } from '../../../base/logger.ts';
import { createFakeConntrack } from '../../../kernel/conntrack/fake-conntrack.ts';
import { createFakeNft } from '../../../kernel/nft/fake-nft.ts';
import { elementData } from '../../../kernel/nft/model.ts';
import type { Ruleset } from '../../../kernel/nft/ruleset.ts';
import { trace } from '../../../kernel/nft/trace.ts';
import type { Packet, TraceResult } from '../../../kernel/nft/trace.ts';
import type { IpFamily } from '../../../net/ip.ts';
import type { FrontendDecision, ProxyState, ServicePort } from '../../state/model.ts';
import { endpoints, plan, proxyState } from '../../../testing/proxy-fixtures.ts';
import { createNftablesMode } from './nftables-mode.ts';

const families = ['IPv4', 'IPv6'] as const;
const protocols = ['TCP', 'UDP', 'SCTP'] as const;

/** A Service port whose frontends belong to nobody else: address and port numbers derive from its index. */
function arbitraryPort(family: IpFamily, index: number): fc.Arbitrary<ServicePort> {
  const few = fc.uniqueArray(fc.integer({ min: 1, max: 6 }), { maxLength: 4 });
  const wide = fc.integer({ min: 16, max: 19 }).map((n) => Array.from({ length: n }, (_, i) => i + 1));
  const hosts = fc.oneof({ weight: 4, arbitrary: few }, { weight: 1, arbitrary: wide });
  const decision = hosts.chain((list) =>
    fc.record({
      endpoints: fc.constant(endpoints(family, ...list)),
      whenEmpty: fc.constantFrom('reject' as const, 'drop' as const),
      masquerade: fc.constantFrom('off-cluster' as const, 'always' as const, 'never' as const),
    }),
  );
  const kinds = fc.subarray(['clusterIP', 'nodePort', 'externalIP', 'loadBalancerIP'] as const, {
    minLength: 1,
  });
  return kinds.chain((list) =>
    fc
      .record({
        protocol: fc.constantFrom(...protocols),
        affinitySeconds: fc.constantFrom(0, 0, 60, 10_800),
        decisions: fc.tuple(...list.map(() => decision)),
        isAlike: fc.boolean(),
      })
      .map(({ protocol, affinitySeconds, decisions, isAlike }): ServicePort => {
        const frontends = list.map((kind, i): FrontendDecision => {
          const own = decisions[i] ?? decisions[0];
          assert.ok(own && decisions[0]);
          const decided = isAlike ? { ...own, endpoints: decisions[0].endpoints } : own;
          if (kind === 'nodePort') return { ...decided, frontend: { kind, port: 30_000 + index } };
          const ip = kind === 'clusterIP' ? plan[family].cluster(index) : plan[family].external(index);
          const port = kind === 'loadBalancerIP' ? 81 : 80;
          return { ...decided, frontend: { kind, ip, port } };
        });
        const id = `default/s${index}:/${protocol}`;
        return {
          id,
          namespace: 'default',
          name: `s${index}`,
          portName: '',
          protocol,
          affinitySeconds,
          frontends,
        };
      }),
  );
}

function arbitraryState(family: IpFamily): fc.Arbitrary<ProxyState> {
  const ports = fc
    .subarray([1, 2, 3, 4, 5])
    .chain((indexes) => fc.tuple(...indexes.map((index) => arbitraryPort(family, index))));
  const node = fc.record({
    podCIDRs: fc.constantFrom(plan[family].podCIDRs, []),
    nodePortAddresses: fc.constantFrom([], [plan[family].nodeCIDR], [plan[family].elsewhereCIDR]),
  });
  return fc.tuple(ports, node).map(([list, how]) => proxyState(family, list, how));
}

type ClientClass = 'pod' | 'node' | 'external' | 'endpoint';
const clientClasses: readonly ClientClass[] = ['pod', 'node', 'external', 'endpoint'];

interface Call {
  readonly family: IpFamily;
  readonly client: ClientClass;
  readonly decision: FrontendDecision;
  readonly port: ServicePort;
}

function clientIp({ family, client, decision }: Call): string {
  const own = decision.endpoints[0]?.ip ?? plan[family].pod(99);
  return {
    pod: plan[family].pod(99),
    node: plan[family].node,
    external: plan[family].outside,
    endpoint: own,
  }[client];
}

function call(ruleset: Ruleset, how: Call, at: { slot: number; nowMs?: number }): TraceResult {
  const { family, client, decision, port } = how;
  const { frontend } = decision;
  const packet: Packet = {
    saddr: clientIp(how),
    daddr: frontend.kind === 'nodePort' ? plan[family].node : frontend.ip,
    l4proto: port.protocol.toLowerCase() as Packet['l4proto'],
    sport: 40_000,
    dport: frontend.port,
  };
  return trace(ruleset, packet, {
    family: family === 'IPv4' ? 'ip' : 'ip6',
    origin: client === 'node' ? 'local' : 'remote',
    isLocalAddress: (ip) => ip === plan[family].node,
    random: (modulus) => at.slot % modulus,
    nowMs: at.nowMs ?? 0,
  });
}

/** What the model says, in words. */
function expected(state: ProxyState, how: Call): string[] {
  const { decision, client, family } = how;
  const isServed =
    decision.frontend.kind !== 'nodePort' ||
    !state.node.nodePortAddresses.includes(plan[family].elsewhereCIDR);
  if (!isServed) return ['accept'];
  if (decision.endpoints.length === 0) return [decision.whenEmpty];
  const isOutside = (client === 'node' || client === 'external') && state.node.podCIDRs.length > 0;
  return decision.endpoints.map(({ ip, port }) => {
    const isMasqueraded =
      decision.masquerade === 'always' ||
      (decision.masquerade === 'off-cluster' && isOutside) ||
      ip === clientIp(how);
    return `${ip} ${port}${isMasqueraded ? ' masqueraded' : ''}`;
  });
}

function inWords({ verdict, dnat, isMasqueraded }: TraceResult): string {
  if (verdict !== 'accept') return verdict;
  if (dnat === undefined) return 'accept';
  return `${dnat.ip} ${dnat.port}${isMasqueraded ? ' masqueraded' : ''}`;
}

const unique = (words: readonly string[]): string[] => [...new Set(words)].sort();

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

const isRejectedAsTheProtocolWants = ({ verdict, rejectWith }: TraceResult, port: ServicePort): boolean =>
  verdict !== 'reject' || (rejectWith === 'tcp-reset') === (port.protocol === 'TCP');

function checkDecisions(state: ProxyState, ruleset: Ruleset): void {
  for (const port of state.services.values()) {
    for (const decision of port.frontends) {
      for (const client of clientClasses) {
        const how: Call = { family: state.family, client, decision, port };
        const results = Array.from({ length: Math.max(1, decision.endpoints.length) }, (_, slot) => {
          forget(ruleset);
          return call(ruleset, how, { slot });
        });
        const context = `${client} -> ${JSON.stringify(decision.frontend)} of ${port.id}\n${results[0]?.path.join('\n')}`;
        assert.deepEqual(unique(results.map(inWords)), unique(expected(state, how)), context);
        for (const result of results) assert.ok(isRejectedAsTheProtocolWants(result, port), context);
      }
    }
  }
}

function checkPortAffinity(state: ProxyState, port: ServicePort, ruleset: Ruleset): void {
  const { family } = state;
  const [first] = port.frontends;
  const lifetimeMs = port.affinitySeconds * 1000;
  const sent = (decision: FrontendDecision, at: { slot: number; nowMs: number }): TraceResult['dnat'] =>
    call(ruleset, { family, client: 'pod', decision, port }, at).dnat;
  for (const slot of first?.endpoints.keys() ?? []) {
    if (first === undefined) return;
    forget(ruleset);
    const chosen = sent(first, { slot, nowMs: 0 });
    if (chosen === undefined) continue;
    for (const decision of port.frontends) {
      const isAlike = JSON.stringify(decision.endpoints) === JSON.stringify(first.endpoints);
      const again = sent(decision, { slot: slot + 1, nowMs: lifetimeMs - 1 });
      if (isAlike && again !== undefined)
        assert.deepEqual(again, chosen, `${port.id} ${JSON.stringify(decision)}`);
    }
    const late = sent(first, { slot: slot + 1, nowMs: 3 * lifetimeMs });
    const next = first.endpoints[(slot + 1) % first.endpoints.length];
    assert.deepEqual(late, { ip: next?.ip, port: next?.port });
  }
}

function checkAffinity(state: ProxyState, ruleset: Ruleset): void {
  for (const port of state.services.values()) {
    if (port.affinitySeconds > 0) checkPortAffinity(state, port, ruleset);
  }
}

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
      await fc.assert(
        fc.asyncProperty(arbitraryState(family), async (state) => checkDecisions(state, await synced(state))),
        { numRuns: 150 },
      );
    });

    it('affinity: the same endpoint through every frontend that has it, and a new draw after the timeout', async () => {
      await fc.assert(
        fc.asyncProperty(arbitraryState(family), async (state) => checkAffinity(state, await synced(state))),
        { numRuns: 150 },
      );
    });

    it('changes lead to the same table as a fresh start', async () => {
      const states = fc.array(arbitraryState(family), { minLength: 2, maxLength: 4 });
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
        { numRuns: 150 },
      );
    });
  });
}

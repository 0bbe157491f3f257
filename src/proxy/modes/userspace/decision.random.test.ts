import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { silentLogger } from '../../../base/logger.ts';
import { realClock } from '../../../base/clock.ts';
import { createFakeConntrack } from '../../../kernel/conntrack/fake-conntrack.ts';
import { createFakeNft } from '../../../kernel/nft/fake-nft.ts';
import type { Transaction } from '../../../kernel/nft/model.ts';
import { trace } from '../../../kernel/nft/trace.ts';
import type { IpFamily } from '../../../net/ip.ts';
import { arbitraryProxyState, attemptsOf, linkOf } from '../../../testing/random-proxy-state.ts';
import type { ProxyState } from '../../state/model.ts';
import { verdictInWords, verdictOf } from '../../state/verdict.ts';
import type { Attempt, Verdict } from '../../state/verdict.ts';
import { createNetfilterCapture } from './netfilter-capture.ts';
import type { PoolSettings } from './relay-messages.ts';
import type { TcpRelay } from './tcp-relay.ts';
import { createUserspaceMode } from './userspace-mode.ts';

const nodeAddress = { IPv4: '127.0.0.1', IPv6: '::1' } as const;

/** Remembers who would be served by which listener, in place of carrying bytes: the rules and the choice are what is tried. */
function createPaperRelay() {
  const pools = new Map<string, PoolSettings>();
  const listeners = new Map<number, string>();
  const relay: TcpRelay = {
    setPool: (name, settings) => void pools.set(name, settings),
    removePool: (name) => void pools.delete(name),
    listen: (pool, { host }) => {
      const port = 1024 + listeners.size;
      listeners.set(port, pool);
      return Promise.resolve({
        address: { host, port },
        refresh: () => undefined,
        close: () => void listeners.delete(port),
      });
    },
    settled: () => Promise.resolve(),
    close: () => undefined,
  };
  return { relay, endpointsAt: (port: number) => pools.get(listeners.get(port) ?? '')?.endpoints ?? [] };
}

/** Of TCP alone: the rules are the same for UDP, whose sockets Node opens at once. */
function tcpOf(state: ProxyState): ProxyState {
  const services = [...state.services].filter(([, { protocol }]) => protocol === 'TCP');
  return { ...state, services: new Map(services) };
}

/** What the mode does with each attempt, in the words of the model. */
async function modeInWords(
  state: ProxyState,
  attempts: readonly Attempt[],
  spoil: (transaction: Transaction) => Transaction = (transaction) => transaction,
): Promise<string[][]> {
  const { family } = state;
  const nft = createFakeNft();
  const { relay, endpointsAt } = createPaperRelay();
  const capture = createNetfilterCapture({
    family,
    nft: { ...nft, apply: (transaction) => nft.apply(spoil(transaction)) },
    conntrack: createFakeConntrack(),
    address: nodeAddress[family],
  });
  const mode = createUserspaceMode({ capture, clock: realClock, logger: silentLogger, relay });
  await mode.sync(state);
  return attempts.map((attempt) => {
    const { client, ip, port } = attempt;
    const iif = linkOf(state.node, client);
    const { verdict, dnat } = trace(
      nft.ruleset,
      { saddr: client.source, sport: 5000, l4proto: 'tcp', daddr: ip, dport: port },
      {
        family: family === 'IPv4' ? 'ip' : 'ip6',
        origin: client.kind === 'node' ? 'local' : 'remote',
        ...(iif === undefined ? {} : { iif }),
        isLocalAddress: (address) => (address === ip && attempt.isLocal) || address === nodeAddress[family],
        random: () => 0,
        nowMs: 0,
      },
    );
    if (dnat !== undefined)
      return [...new Set(endpointsAt(dnat.port).map((endpoint) => `${endpoint.ip} ${endpoint.port}`))].sort();
    return [verdict === 'reject' ? 'refused' : verdict === 'drop' ? 'dropped' : 'untouched'];
  });
}

/** The process itself connects: every source is the node's, whatever the model would have allowed to keep. */
function withoutSources(verdict: Verdict): string[] {
  if (verdict.kind !== 'to') return verdictInWords(verdict);
  const ways = verdict.ways.map((way) => ({ ...way, isMasqueraded: false }));
  return verdictInWords({ kind: 'to', ways });
}

async function differences(
  given: ProxyState,
  spoil?: (transaction: Transaction) => Transaction,
): Promise<readonly unknown[]> {
  const state = tcpOf(given);
  const attempts = attemptsOf(state);
  const done = await modeInWords(state, attempts, spoil);
  return attempts
    .map((attempt, i) => ({ attempt, is: done[i], should: withoutSources(verdictOf(state, attempt)) }))
    .filter(({ is, should }) => is?.join() !== should.join());
}

const runs = { numRuns: Number(process.env['PORTICO_PROOF_RUNS'] ?? 150) };

describe('the userspace mode', () => {
  for (const family of ['IPv4', 'IPv6'] as const satisfies readonly IpFamily[])
    it(`sends every client where the model says, ${family}`, () =>
      fc.assert(
        fc.asyncProperty(arbitraryProxyState(family), async (state) => {
          assert.deepEqual(await differences(state), []);
        }),
        runs,
      ));

  it('would be caught with a rule missing', async () => {
    for (const missing of ['capture', 'capture-inside', 'refuse', 'prerouting']) {
      const without = (transaction: Transaction): Transaction => ({
        ...transaction,
        commands: transaction.commands.filter(
          (command) => command.op !== 'add-rule' || command.chain !== missing,
        ),
      });
      const found = fc.check(
        fc.asyncProperty(
          arbitraryProxyState('IPv4'),
          async (state) => (await differences(state, without)).length === 0,
        ),
        { numRuns: 200, seed: 1 },
      );
      assert.ok((await found).failed, `nobody misses the rules of ${missing}`);
    }
  });
});

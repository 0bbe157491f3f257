import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { serverText } from '../../../kernel/ipvs/model.ts';
import { elementData } from '../../../kernel/nft/model.ts';
import { isLoopback, parseIp } from '../../../net/ip.ts';
import { createIpvsRig } from '../../../testing/ipvs-rig.ts';
import type { IpvsRig } from '../../../testing/ipvs-rig.ts';
import { arbitraryProxyState, attemptsOf } from '../../../testing/random-proxy-state.ts';
import type { FrontendDecision, ProxyState } from '../../state/model.ts';
import { frontendMet, verdictInWords, verdictOf } from '../../state/verdict.ts';
import type { Attempt, Way } from '../../state/verdict.ts';

const families = ['IPv4', 'IPv6'] as const;

async function synced(...states: readonly ProxyState[]): Promise<IpvsRig> {
  const [first] = states;
  assert.ok(first);
  const rig = createIpvsRig(first.family);
  const mode = rig.start();
  let known = new Set<string>();
  for (const [i, state] of states.entries()) {
    const changed = new Set([...known, ...state.services.keys()]);
    await mode.sync(state, i === 0 ? undefined : changed);
    known = new Set(state.services.keys());
  }
  return rig;
}

/** Node ports on loopback addresses are nobody's in this mode: what came back would be addressed to loopback. */
const isServed = ({ ip }: Attempt): boolean => {
  const address = parseIp(ip);
  return address !== undefined && !isLoopback(address);
};

/** The mode puts every address that is not the node's own on its device, so that what nobody serves there is refused. */
function expected(state: ProxyState, attempt: Attempt): string[] {
  const words = verdictInWords(verdictOf(state, attempt));
  const isOurs = [...state.services.values()].some(({ frontends }) =>
    frontends.some(({ frontend }) => frontend.kind !== 'nodePort' && frontend.ip === attempt.ip),
  );
  return words.join() === 'untouched' && isOurs && attempt.ip !== state.node.ip ? ['refused'] : words;
}

function checkState(state: ProxyState, rig: IpvsRig): void {
  for (const attempt of attemptsOf(state).filter(isServed)) {
    assert.deepEqual(rig.outcomes(state, attempt), expected(state, attempt), JSON.stringify(attempt));
    if (attempt.client.kind !== 'node' || attempt.isLocal) continue;
    /** A process of the node takes a virtual address that it calls for its own: it must be served as the node, and rewritten. */
    const asItIs = rig.outcomes(state, { ...attempt, client: { kind: 'node', source: attempt.ip } });
    const masqueraded = expected(state, attempt).map((words) =>
      /^\S+ \d+$/.test(words) ? `${words} masqueraded` : words,
    );
    assert.deepEqual(asItIs, masqueraded, `by a virtual address ${JSON.stringify(attempt)}`);
  }
}

/** Everything that is in the machine, as text. */
function asText(rig: IpvsRig): string[] {
  const servers = [...rig.ipvs.held.values()].flatMap(({ server, destinations }) => [
    JSON.stringify(server),
    ...[...destinations.values()].map((each) => `${serverText(server.key)} ${JSON.stringify(each)}`),
  ]);
  const table = [...rig.nft.ruleset.values()].flatMap(({ chains, sets }) => [
    ...[...chains.values()].map(({ chain, rules }) => `${chain.name} ${JSON.stringify(rules)}`),
    ...[...sets.values()].flatMap(({ set, elements }) =>
      [...elements].map(([key, { data }]) => `${set.name} ${key} ${elementData(data)}`),
    ),
  ]);
  return [...servers, ...table, ...rig.virtualIps()].sort();
}

/** A client that was sent somewhere is sent there again through the same frontend, at any port of a range. */
function checkAffinity(state: ProxyState, rig: IpvsRig): number {
  let nKept = 0;
  const attempts = attemptsOf(state).filter(isServed);
  for (const [i, attempt] of attempts.entries()) {
    const met = frontendMet(state, attempt);
    const verdict = verdictOf(state, attempt);
    if (met === undefined || met.service.affinitySeconds === 0 || verdict.kind !== 'to') continue;
    const chosen = verdict.ways[i % verdict.ways.length];
    if (chosen === undefined) continue;
    const kept = { ip: chosen.ip, port: chosen.port };
    for (const server of rig.ipvs.held.values()) server.remembered.clear();
    assert.ok(rig.connect(state, attempt, chosen), JSON.stringify(attempt));
    for (const again of attempts) {
      const other = verdictOf(state, again);
      const isAlike =
        frontendMet(state, again)?.decision === met.decision &&
        again.ip === attempt.ip &&
        again.client.source === attempt.client.source &&
        again.client.kind === attempt.client.kind &&
        other.kind === 'to' &&
        JSON.stringify(hosts(other.ways)) === JSON.stringify(hosts(verdict.ways));
      if (!isAlike) continue;
      nKept++;
      assert.deepEqual(
        rig.outcomes(state, again),
        expected(state, { ...again, remembered: { ip: kept.ip, port: keptPort(met.decision, again, kept) } }),
        JSON.stringify(again),
      );
    }
  }
  return nKept;
}

/** Within a range every port is its own at the endpoint. */
const keptPort = ({ frontend }: FrontendDecision, again: Attempt, kept: { readonly port: number }): number =>
  frontend.endPort === undefined ? kept.port : again.port;

const hosts = (ways: readonly Way[]): string[] => ways.map(({ ip }) => ip);

/** Takes something away, or falsifies it. */
const faults: Readonly<Record<string, (rig: IpvsRig) => void>> = {
  'the rule that refuses': (rig) => emptyChain(rig, 'refused'),
  'the rule that masquerades': (rig) => emptyChain(rig, 'masqueraded'),
  'the marks': (rig) => emptySet(rig, 'marks'),
  'the marks of clients inside': (rig) => emptySet(rig, 'inside-marks'),
  'the guards': (rig) => emptySet(rig, 'guards'),
  'the record of frontends': (rig) => emptySet(rig, 'frontends'),
  'a destination': (rig) => {
    for (const { destinations } of rig.ipvs.held.values()) {
      const [first] = destinations.keys();
      if (first !== undefined) destinations.delete(first);
    }
  },
  'the weights': (rig) => {
    for (const { destinations } of rig.ipvs.held.values())
      for (const [name, each] of destinations) destinations.set(name, { ...each, weight: 0 });
  },
  'a port': (rig) => {
    for (const { destinations } of rig.ipvs.held.values())
      for (const [name, each] of destinations) destinations.set(name, { ...each, port: each.port + 1 });
  },
};

const tableOf = ({ nft }: IpvsRig) => [...nft.ruleset.values()][0];
const emptyChain = (rig: IpvsRig, name: string): void => void tableOf(rig)?.chains.get(name)?.rules.splice(0);
const emptySet = (rig: IpvsRig, name: string): void => tableOf(rig)?.sets.get(name)?.elements.clear();

for (const family of families) {
  describe(`${family}: what the ipvs mode makes is what the model says`, () => {
    const states = arbitraryProxyState(family);

    it('for every client and frontend: the possible endpoints, masquerading, refusal', async () => {
      await fc.assert(
        fc.asyncProperty(states, async (state) => checkState(state, await synced(state))),
        { numRuns: 150 },
      );
    });

    it('affinity: the same endpoint for a client that comes again', async () => {
      let nKept = 0;
      await fc.assert(
        fc.asyncProperty(states, async (state) => void (nKept += checkAffinity(state, await synced(state)))),
        { numRuns: 40 },
      );
      assert.ok(nKept > 100, `${nKept}`);
    });

    it('changes lead to the same machine as a fresh start, and looking again writes nothing', async () => {
      await fc.assert(
        fc.asyncProperty(fc.array(states, { minLength: 2, maxLength: 4 }), async (list) => {
          const [first] = list;
          assert.ok(first);
          /** The node's own settings stay: a new node means a look at everything. */
          const same = list.map((state) => ({ ...state, node: first.node }));
          const last = same.at(-1);
          assert.ok(last);
          const rig = await synced(...same);
          assert.deepEqual(asText(rig), asText(await synced(last)));
          const nWritten = (): number => rig.ipvs.applied.length + rig.nft.applied.length;
          const before = nWritten();
          await rig.start().sync(last);
          assert.equal(nWritten(), before);
        }),
        { numRuns: 60 },
      );
    });

    for (const [what, spoil] of Object.entries(faults)) {
      it(`would be noticed to be untrue without ${what}`, async () => {
        const broken = fc.asyncProperty(states, async (state) => {
          const rig = await synced(state);
          spoil(rig);
          checkState(state, rig);
        });
        const { failed } = await fc.check(broken, { numRuns: 200, endOnFailure: true });
        assert.equal(failed, true);
      });
    }
  });
}

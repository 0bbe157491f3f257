import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { serverText } from '../../../kernel/ipvs/model.ts';
import { elementData } from '../../../kernel/nft/model.ts';
import type { IpvsRig } from '../../../testing/ipvs-rig.ts';
import { ipvsMachine, ipvsProof } from '../../../testing/proof/ipvs-proof.ts';
import { describeProof } from '../../../testing/proof/proof-tests.ts';
import { arbitraryProxyState } from '../../../testing/random-proxy-state.ts';

// The same cases in every run.
fc.configureGlobal({ seed: 1 });

describeProof(ipvsProof, { leastKinds: 50 });

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

for (const family of ['IPv4', 'IPv6'] as const) {
  describe(`${family}: what the ipvs mode makes`, () => {
    const states = arbitraryProxyState(family);

    it('changes lead to the same machine as a fresh start, and looking again writes nothing', async () => {
      await fc.assert(
        fc.asyncProperty(fc.array(states, { minLength: 2, maxLength: 4 }), async (list) => {
          const [first] = list;
          assert.ok(first);
          /** The node's own settings stay: a new node means a look at everything. */
          const same = list.map((state) => ({ ...state, node: first.node }));
          const last = same.at(-1);
          assert.ok(last);
          const rig = await ipvsMachine(...same);
          assert.deepEqual(asText(rig), asText(await ipvsMachine(last)));
          const nWritten = (): number => rig.ipvs.applied.length + rig.nft.applied.length;
          const before = nWritten();
          await rig.start().sync(last);
          assert.equal(nWritten(), before);
        }),
        { numRuns: 60 },
      );
    });
  });
}

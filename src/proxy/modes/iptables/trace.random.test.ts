import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import type { FakeIptables } from '../../../kernel/iptables/fake-iptables.ts';
import { iptablesProof, iptablesRules } from '../../../testing/proof/iptables-proof.ts';
import { describeProof } from '../../../testing/proof/proof-tests.ts';
import { arbitraryProxyState } from '../../../testing/random-proxy-state.ts';

// The same cases in every run.
fc.configureGlobal({ seed: 1 });

describeProof(iptablesProof, { leastKinds: 30 });

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

for (const family of ['IPv4', 'IPv6'] as const) {
  describe(`${family}: rules of the iptables mode`, () => {
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
          assert.deepEqual(asText(await iptablesRules(...same)), asText(await iptablesRules(last)));
        }),
        { numRuns: 60 },
      );
    });
  });
}

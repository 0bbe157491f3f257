import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { fakeClock } from '../../base/clock.ts';
import { memoryLogger } from '../../base/logger.ts';
import { candidatesFor, loadMode, modesOfOurNames } from './registry.ts';

describe('which modes are tried', () => {
  const cases: Readonly<Record<string, readonly [asked: string, tried: readonly string[]]>> = {
    'nobody asks for one: the best first, ipvs never': ['', ['nftables', 'iptables', 'userspace']],
    'ipvs: what kube-proxy took in its place, then ours': ['ipvs', ['ipvs', 'iptables', 'nftables']],
    'another one: that one or none': ['iptables', ['iptables']],
    'one that is not there': ['kernelspace', []],
    'a name every object has': ['constructor', []],
  };
  for (const [sentence, [asked, tried]] of Object.entries(cases)) {
    it(sentence, () => assert.deepEqual(candidatesFor(asked), tried));
  }

  it('those whose names are not kube-proxy’s may be taken away beside one', () => {
    assert.deepEqual(modesOfOurNames, ['nftables', 'userspace']);
  });
});

it('the userspace mode says that it needs the address of its node', async () => {
  const mode = await loadMode('userspace');
  const options = { family: 'IPv6', clock: fakeClock(), logger: memoryLogger(), serviceCIDRs: [] } as const;
  assert.deepEqual(await mode.probe(options), {
    isUsable: false,
    reason: 'The userspace mode needs to know the node’s own address: give --bind-address.',
  });
});

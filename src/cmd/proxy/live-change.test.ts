import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { defaultConfiguration } from '../../proxy/configuration/configuration.ts';
import type { KubeProxyConfiguration } from '../../proxy/configuration/configuration.ts';
import { liveChange } from './live-change.ts';

const now = defaultConfiguration();

const cases: Readonly<
  Record<string, readonly [Partial<KubeProxyConfiguration>, fields: string[], later: string[]]>
> = {
  'nothing is different': [{}, [], []],
  'the mode, and facts of the node': [
    { mode: 'iptables', clusterCIDR: '10.0.0.0/8', nodePortAddresses: ['primary'] },
    ['mode', 'clusterCIDR', 'nodePortAddresses'],
    [],
  ],
  'what is masqueraded': [
    { iptables: { ...now.iptables, masqueradeAll: true } },
    ['iptables.masqueradeAll'],
    [],
  ],
  'what the mode in use was told when it was opened waits for the next start': [
    { ipvs: { ...now.ipvs, scheduler: 'lc' } },
    [],
    ['ipvs.scheduler'],
  ],
  'what another mode will be told counts': [
    { mode: 'iptables', iptables: { ...now.iptables, masqueradeBit: 7 } },
    ['mode', 'iptables.masqueradeBit'],
    [],
  ],
  'how often everything is looked at, and where health is served, wait': [
    { healthzBindAddress: '127.0.0.1:1', nftables: { ...now.nftables, syncPeriod: 1 } },
    [],
    ['healthzBindAddress', 'nftables.syncPeriod'],
  ],
};

describe('a new configuration of a proxy in the mode ipvs: what counts at once', () => {
  for (const [name, [changes, fields, later]] of Object.entries(cases)) {
    it(name, () => {
      const next = { ...now, ...changes };
      const change = liveChange(now, next, new Set(['ipvs']));
      assert.deepEqual([[...change.fields].sort(), change.later], [[...fields].sort(), later]);
      assert.deepEqual(change.configuration, later.length === 0 ? next : now);
    });
  }
});

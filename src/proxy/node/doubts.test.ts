import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { defaultConfiguration } from '../configuration/configuration.ts';
import type { KubeProxyConfiguration } from '../configuration/configuration.ts';
import { doubtsAbout } from './doubts.ts';
import type { Surroundings } from './doubts.ts';

const usual = { ...defaultConfiguration(), detectLocalMode: 'ClusterCIDR' };
const dual: Surroundings = {
  primary: 'IPv4',
  families: ['IPv4', 'IPv6'],
  podCIDRs: [],
  nodePortAddresses: ['10.0.0.5/32', 'fd00::5/128'],
};
const single: Surroundings = { ...dual, families: ['IPv4'] };

const cases: Readonly<
  Record<string, readonly [Partial<KubeProxyConfiguration>, Surroundings, doubts: string[]]>
> = {
  'nothing is wrong': [{ clusterCIDR: '10.244.0.0/16' }, dual, []],
  'node ports on all addresses': [
    {},
    { ...dual, nodePortAddresses: [] },
    [
      'nodePortAddresses is unset; NodePort connections will be accepted on all local IPs. Consider using `--nodeport-addresses primary`',
    ],
  ],
  'node ports of one family in a dual-stack cluster': [
    { clusterCIDR: '10.244.0.0/16,fd00:1::/48' },
    { ...dual, nodePortAddresses: ['10.0.0.0/8'] },
    [
      'cluster appears to be dual-stack but nodePortAddresses contains only IPv4 addresses; NodePort connections will be accepted on all local IPv6 IPs',
    ],
  ],
  'node ports of one family in a cluster that may have one': [
    { clusterCIDR: '10.244.0.0/16' },
    { ...dual, nodePortAddresses: ['10.0.0.0/8'] },
    [],
  ],
  'node ports of the other family': [
    {},
    { ...dual, nodePortAddresses: ['fd00::/8'] },
    [
      'cluster appears to be IPv4-primary but nodePortAddresses contains only IPv6 addresses; NodePort connections will be accepted on all local IPv4 IPs',
    ],
  ],
  'Pods of the other family': [
    { clusterCIDR: 'fd00:1::/48' },
    dual,
    ['cluster is IPv4-primary but clusterCIDRs contains only IPv6 addresses'],
  ],
  'Pods of a family that cannot be served': [
    { clusterCIDR: 'fd00:1::/48' },
    single,
    ['fatal: cluster is IPv4-only but clusterCIDRs contains only IPv6 addresses'],
  ],
  'Pods that are told by their links, and blocks of the other family': [
    { clusterCIDR: 'fd00:1::/48', detectLocalMode: 'BridgeInterface' },
    single,
    ['cluster is IPv4-only but clusterCIDRs contains only IPv6 addresses'],
  ],
  'blocks of the Node of the other family': [
    { detectLocalMode: 'NodeCIDR' },
    { ...dual, podCIDRs: ['fd00:1::/64'] },
    ['fatal: cluster is IPv4-primary but node.spec.podCIDRs contains only IPv6 addresses'],
  ],
  'addresses of the other family where only one can be served': [
    {
      ipvs: { ...usual.ipvs, excludeCIDRs: ['fd00::/8'] },
      healthzBindAddress: '[fd00::5]:10256',
      metricsBindAddress: '[::]:10249',
    },
    single,
    [
      'cluster is IPv4-only but ipvs.excludeCIDRs contains only IPv6 addresses',
      'cluster is IPv4-only but healthzBindAddress is IPv6',
    ],
  ],
};

describe('a configuration that does not fit the node', () => {
  for (const [name, [changes, around, expected]] of Object.entries(cases)) {
    it(name, () => {
      const doubts = doubtsAbout({ ...usual, ...changes }, around);
      assert.deepEqual(
        doubts.map(({ reason, isFatal }) => `${isFatal ? 'fatal: ' : ''}${reason}`),
        expected,
      );
    });
  }
});

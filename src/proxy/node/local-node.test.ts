import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Node } from '../../api/core/v1/node.ts';
import { defaultConfiguration } from '../configuration/configuration.ts';
import { isEligible, nodeIPs, proxyNode } from './local-node.ts';
import type { NodeSettings } from './local-node.ts';

const node: Node = {
  metadata: { name: 'node-1', labels: { 'topology.kubernetes.io/zone': 'a' } },
  spec: { podCIDR: '10.244.1.0/24', podCIDRs: ['10.244.1.0/24', 'fd00:1::/64'] },
  status: {
    addresses: [
      { type: 'ExternalIP', address: '192.0.2.1' },
      { type: 'InternalIP', address: '10.0.0.5' },
      { type: 'Hostname', address: 'node-1' },
      { type: 'InternalIP', address: 'fd00::5' },
    ],
  },
};
const made = (family: 'IPv4' | 'IPv6', more: Partial<NodeSettings>, of: Node | undefined = node) =>
  proxyNode({ ...defaultConfiguration(), ...more }, { name: 'node-1', family, node: of });

describe('the node as the proxy sees it', () => {
  it('has its internal addresses before external ones, and bindAddress before all', () => {
    assert.deepEqual(nodeIPs(node, '0.0.0.0'), ['10.0.0.5', 'fd00::5']);
    assert.deepEqual(nodeIPs(node, 'fd00::9'), ['fd00::9', '10.0.0.5']);
    assert.deepEqual(nodeIPs(undefined, '::'), []);
  });

  it('tells Pods by the cluster’s blocks, its own, a bridge or the beginning of a link’s name', () => {
    const clusterCIDR = '10.244.0.0/16,fd00:1::/48';
    assert.deepEqual(made('IPv4', { clusterCIDR }).podCIDRs, ['10.244.0.0/16']);
    assert.deepEqual(made('IPv6', { clusterCIDR }).podCIDRs, ['fd00:1::/48']);
    assert.deepEqual(made('IPv6', { clusterCIDR, detectLocalMode: 'NodeCIDR' }).podCIDRs, ['fd00:1::/64']);
    const detectLocal = { bridgeInterface: 'cni0', interfaceNamePrefix: 'veth' };
    const byBridge = made('IPv4', { clusterCIDR, detectLocal, detectLocalMode: 'BridgeInterface' });
    assert.deepEqual([byBridge.podCIDRs, byBridge.podLinks], [[], { bridge: 'cni0' }]);
    const byPrefix = made('IPv4', { detectLocal, detectLocalMode: 'InterfaceNamePrefix' });
    assert.deepEqual(byPrefix.podLinks, { prefix: 'veth' });
  });

  it('serves node ports at its primary address, in blocks of the family, or everywhere', () => {
    assert.deepEqual(made('IPv4', { nodePortAddresses: ['primary'] }).nodePortAddresses, ['10.0.0.5/32']);
    assert.deepEqual(made('IPv6', { nodePortAddresses: ['primary'] }).nodePortAddresses, ['fd00::5/128']);
    const blocks = ['10.1.2.3/8', 'fd00::/8'];
    assert.deepEqual(made('IPv4', { nodePortAddresses: blocks }).nodePortAddresses, ['10.0.0.0/8']);
    assert.deepEqual(
      made('IPv4', { nodePortAddresses: ['primary'], bindAddress: '127.0.0.1' }).nodePortAddresses,
      [],
    );
  });

  it('has its zone; a Node that is not there says nothing', () => {
    assert.equal(made('IPv4', {}).zone, 'a');
    assert.deepEqual(proxyNode(defaultConfiguration(), { name: 'n', family: 'IPv4', node: undefined }), {
      name: 'n',
      podCIDRs: [],
      nodePortAddresses: [],
      hasLocalhostNodePorts: true,
    });
  });

  it('should get no new connections while it is about to go', () => {
    assert.equal(isEligible(node), true);
    const taints = [{ key: 'ToBeDeletedByClusterAutoscaler', effect: 'NoSchedule' as const }];
    assert.equal(isEligible({ ...node, spec: { taints } }), false);
    const metadata = { ...node.metadata, deletionTimestamp: '2026-01-01T00:00:00Z' };
    assert.equal(isEligible({ ...node, metadata }), false);
  });
});

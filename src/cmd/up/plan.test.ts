import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { cidrContains, parseCidr } from '../../net/cidr.ts';
import { parseIp } from '../../net/ip.ts';
import { addresses } from '../../testing/addresses.ts';
import { parseUpOptions, type UpFlags } from './options.ts';
import { planCluster, type ClusterPlan } from './plan.ts';

const plan = (flags: UpFlags): ClusterPlan =>
  planCluster({
    options: parseUpOptions(flags),
    root: '/data',
    run: '/data/run',
    pki: '/data/pki',
    apiPort: 7443,
    dnsPort: 7053,
    hostIP: '192.0.2.9',
  });

const isIn = (cidr: string, ip: string): boolean => {
  const [range, address] = [parseCidr(cidr), parseIp(ip)];
  assert.ok(range && address, `${cidr} ${ip}`);
  return cidrContains(range, address);
};

describe('the plan of a cluster', () => {
  it('in the sandbox gives every node an address of the fabric and a range of Pods of its own', () => {
    const { nodes } = plan({ nodes: '200' });
    assert.equal(nodes.length, 200);
    for (const [i, node] of nodes.entries()) {
      assert.deepEqual(
        [node.name, node.index, node.nodeIP, node.podCIDR],
        [`node-${i + 1}`, i + 1, addresses.node(i + 1), addresses.podCIDR(i + 1)],
      );
      assert.ok(parseIp(node.nodeIP) && parseCidr(node.podCIDR), node.name);
      assert.ok(isIn(node.clusterCIDR, node.podCIDR.replace('/24', '')), node.podCIDR);
    }
    assert.equal(new Set(nodes.map((n) => n.stateDir)).size, 200);
  });

  it('in the sandbox has one gate to the host, and names on its loopback', () => {
    const { controlPlane, nodes } = plan({});
    assert.deepEqual(
      nodes.map((n) => n.isGate),
      [true, false, false],
    );
    assert.equal(controlPlane.hostDnsPort, 7053);
    assert.deepEqual(controlPlane.listen, [{ host: addresses.controlPlane, port: 6443 }]);
    assert.equal(controlPlane.dns.clusterIP, addresses.clusterDNS);
    assert.deepEqual(new Set(nodes.map((n) => n.apiServer)), new Set(['https://172.18.0.1:6443']));
  });

  it('on the machine itself uses its address and the ports of the flags', () => {
    const { controlPlane, nodes } = plan({ network: 'host' });
    assert.deepEqual(controlPlane.advertise, { host: '192.0.2.9', port: 7443 });
    assert.deepEqual([controlPlane.dns.host, controlPlane.dns.port], ['192.0.2.9', 7053]);
    assert.deepEqual(
      nodes.map((n) => [n.nodeIP, n.apiServer, n.isGate]),
      [['192.0.2.9', 'https://192.0.2.9:7443', false]],
    );
    assert.equal(controlPlane.fabricAddress, undefined);
    assert.equal(controlPlane.hostDnsPort, undefined);
  });

  it('without privilege stays on loopback wholly', () => {
    const { controlPlane, nodes } = plan({ network: 'none' });
    const [node] = nodes;
    assert.ok(node);
    const all = [controlPlane.advertise.host, controlPlane.dns.host, controlPlane.dns.clusterIP, node.nodeIP];
    for (const ip of all) assert.ok(isIn('127.0.0.0/8', ip), ip);
    assert.equal(node.apiServer, 'https://127.0.0.1:7443');
    assert.equal(node.proxyMode, 'userspace');
  });

  for (const network of ['sandbox', 'host', 'none']) {
    it(`(${network}) keeps the DNS address in the Services' range, and that apart from the Pods'`, () => {
      const { controlPlane } = plan({ network });
      const { serviceCIDR, clusterCIDR, dns } = controlPlane;
      assert.ok(isIn(serviceCIDR, dns.clusterIP));
      assert.ok(!isIn(clusterCIDR, dns.clusterIP));
      assert.ok(!isIn(serviceCIDR, clusterCIDR.replace(/\/.*/, '')));
    });
  }
});

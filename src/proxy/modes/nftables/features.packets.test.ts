import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { memoryLogger } from '../../../base/logger.ts';
import { openConntrack } from '../../../kernel/conntrack/open-conntrack.ts';
import { withNetns } from '../../../kernel/netns/named-netns.ts';
import { openNft } from '../../../kernel/nft/open-nft.ts';
import { ensureSysctl } from '../../../kernel/route/network-stack.ts';
import { createPacketLab, labAddresses, podPort } from '../../../testing/packet-lab.ts';
import type { PacketLab } from '../../../testing/packet-lab.ts';
import { clusterIp, nodePort, proxyState, servicePort } from '../../../testing/proxy-fixtures.ts';
import { inSandbox } from '../../../testing/sandbox.ts';
import type {
  Destination,
  FrontendDecision,
  ProxyEndpoint,
  ProxyNode,
  ServicePort,
} from '../../state/model.ts';
import { createNftablesMode } from './index.ts';

inSandbox(import.meta.filename);

const otherPort = podPort + 1;
let lab: PacketLab;
before(async () => {
  lab = createPacketLab(3);
  const places = [1, 2, 3].map((n) => `pod${n}`);
  await Promise.all(places.flatMap((place) => [lab.serve(place), lab.serve(place, otherPort)]));
  withNetns(lab.netns('node'), () => ensureSysctl('net.ipv4.conf.all.route_localnet', '1'));
});
after(() => lab.close());

const lbIps = { IPv4: '10.96.2.2', IPv6: 'fd00:10:96::202' } as const;
const counts = (answers: readonly string[]): Record<string, number> => {
  const result: Record<string, number> = {};
  for (const answer of answers) result[answer] = (result[answer] ?? 0) + 1;
  return result;
};

for (const family of ['IPv4', 'IPv6'] as const) {
  const at = labAddresses[family];
  const lbIp = lbIps[family];
  const bits = at.host;
  const to = (...pods: readonly number[]): ProxyEndpoint[] =>
    pods.map((n) => ({ ip: at.pod(n), port: podPort, isLocal: true }));
  const short = (...pods: readonly number[]): Destination => ({
    endpoints: to(...pods),
    whenEmpty: 'reject',
    masquerade: 'off-cluster',
  });
  const external = (here: readonly number[], more: Partial<FrontendDecision> = {}): FrontendDecision => ({
    frontend: { kind: 'loadBalancerIP', ip: lbIp, port: 80 },
    endpoints: to(...here),
    whenEmpty: 'drop',
    masquerade: 'never',
    ...more,
  });
  const call = { protocol: 'TCP', host: lbIp, port: 80 } as const;
  /** For calls that are to meet silence. */
  const soon = { timeoutMs: 400 } as const;

  describe(`${family}: features as packets see them`, () => {
    const mode = (): ReturnType<typeof createNftablesMode> => {
      const netnsPath = lab.netns('node');
      const logger = memoryLogger();
      const options = { nft: openNft({ netnsPath }), conntrack: openConntrack({ netnsPath }), logger };
      return createNftablesMode({ family, ...options });
    };
    let proxy: ReturnType<typeof mode>;
    before(() => (proxy = mode()));
    after(() => proxy.cleanup());
    const set = (port: ServicePort, node: Partial<ProxyNode> = {}): Promise<void> =>
      proxy.sync(proxyState(family, [port], { podCIDRs: [at.podCIDR], ...node }));

    it('source ranges let in who is inside, and drop everybody else', async () => {
      const guarded = (...allowedSources: string[]): FrontendDecision =>
        external([2], { allowedSources, masquerade: 'always' });
      await set(servicePort('web', [guarded(`${at.outside}/${bits}`)]));
      assert.deepEqual(await lab.call('outside', call), [`pod2 ${at.gateway}`]);
      assert.deepEqual(await lab.call('pod1', { ...call, ...soon }), ['timeout']);
      assert.deepEqual(await lab.call('node', { ...call, ...soon }), ['timeout']);
      await set(servicePort('web', [guarded(at.podCIDR)], { protocol: 'UDP' }));
      const udp = { ...call, protocol: 'UDP' } as const;
      assert.deepEqual(await lab.call('pod1', udp), [`pod2 ${at.gateway}`]);
      assert.deepEqual(await lab.call('outside', { ...udp, ...soon }), ['timeout']);
    });

    it('policy Local: outside only what is here, with its own address; Pods and the node go everywhere', async () => {
      const local = { fromCluster: short(2, 3) };
      await set(
        servicePort('web', [
          external([2], local),
          nodePort(30007, to(2), { masquerade: 'never', whenEmpty: 'drop', ...local }),
        ]),
      );
      for (const where of [call, { ...call, host: at.node, port: 30007 }]) {
        const outside = counts(await lab.call('outside', { ...where, n: 12 }));
        assert.deepEqual(outside, { [`pod2 ${at.outside}`]: 12 });
        const pod = counts(await lab.call('pod1', { ...where, n: 40 }));
        assert.deepEqual(Object.keys(pod).sort(), [`pod2 ${at.pod(1)}`, `pod3 ${at.pod(1)}`]);
        const node = await lab.call('node', { ...where, n: 40 });
        assert.deepEqual([...new Set(node)].sort(), [`pod2 ${at.gateway}`, `pod3 ${at.gateway}`]);
      }
    });

    it('policy Local with nobody here: outside is dropped, Pods and the node are served', async () => {
      const nobody = { whenEmpty: 'drop', fromCluster: short(2) } as const;
      await set(
        servicePort('web', [external([], nobody), nodePort(30007, [], { masquerade: 'never', ...nobody })]),
      );
      for (const where of [call, { ...call, host: at.node, port: 30007 }]) {
        assert.deepEqual(await lab.call('outside', { ...where, ...soon }), ['timeout']);
        assert.deepEqual(await lab.call('pod1', where), [`pod2 ${at.pod(1)}`]);
        assert.deepEqual(await lab.call('node', where), [`pod2 ${at.gateway}`]);
      }
    });

    it('weights: three of four connections go where the weight is three', async () => {
      const weighted = to(2, 3).map((endpoint, i) => ({ ...endpoint, ...(i === 0 ? { weight: 3 } : {}) }));
      await set(servicePort('web', [clusterIp([at.clusterIp, 80], weighted)]));
      const answers = counts(await lab.call('pod1', { ...call, host: at.clusterIp, n: 200 }));
      const heavy = answers[`pod2 ${at.pod(1)}`] ?? 0;
      assert.ok(heavy > 110 && heavy < 190, JSON.stringify(answers));
    });

    it('a range: each port reaches the same port of an endpoint, and a client stays with one', async () => {
      const frontend = {
        kind: 'clusterIP',
        ip: at.clusterIp,
        port: podPort - 6,
        endPort: podPort + 3,
      } as const;
      const range = clusterIp([at.clusterIp, 80], to(2, 3), { frontend });
      const reach = (port: number): Promise<string[]> =>
        lab.call('pod1', { ...call, host: at.clusterIp, port, n: 12 });
      await set(servicePort('web', [range]));
      for (const port of [podPort, otherPort]) {
        assert.deepEqual([...new Set(await reach(port))].sort(), [`pod2 ${at.pod(1)}`, `pod3 ${at.pod(1)}`]);
      }
      for (const port of [podPort - 6, podPort + 4])
        assert.deepEqual([...new Set(await reach(port))], ['ECONNREFUSED']);
      await set(servicePort('web', [range], { affinitySeconds: 60 }));
      const stay = new Set([...(await reach(podPort)), ...(await reach(otherPort))]);
      assert.equal(stay.size, 1, [...stay].join());
      await set(servicePort('web', [{ ...range, endpoints: [] }]));
      assert.deepEqual([...new Set(await reach(podPort))], ['ECONNREFUSED']);
    });

    it('Pods told by their links: others are masqueraded, whatever their address', async () => {
      const podLinks = { prefix: 'veth' };
      const vip = { ...call, host: at.clusterIp };
      const everybody = at.all;
      await set(servicePort('web', [clusterIp([at.clusterIp, 80], to(2))]), {
        podLinks,
        podCIDRs: [everybody],
      });
      assert.deepEqual(await lab.call('pod1', vip), [`pod2 ${at.pod(1)}`]);
      assert.deepEqual(await lab.call('outside', vip), [`pod2 ${at.gateway}`]);
      assert.deepEqual(await lab.call('node', vip), [`pod2 ${at.gateway}`]);
      await set(servicePort('web', [external([], { fromCluster: short(2) })]), { podLinks, podCIDRs: [] });
      assert.deepEqual(await lab.call('pod1', call), [`pod2 ${at.pod(1)}`]);
      assert.deepEqual(await lab.call('node', call), [`pod2 ${at.gateway}`]);
      assert.deepEqual(await lab.call('outside', { ...call, ...soon }), ['timeout']);
    });

    it('a node port on localhost, only where it is wanted', async () => {
      const web = servicePort('web', [nodePort(30007, to(2))]);
      const localhost = { ...call, host: family === 'IPv4' ? '127.0.0.1' : '::1', port: 30007 };
      // The kernel lets no answer back to ::1 from another machine.
      if (family === 'IPv4') {
        await set(web, { hasLocalhostNodePorts: true });
        assert.deepEqual(await lab.call('node', localhost), [`pod2 ${at.gateway}`]);
      }
      await set(web);
      assert.deepEqual(await lab.call('node', localhost), ['ECONNREFUSED']);
      await set(web, { hasLocalhostNodePorts: true, nodePortAddresses: [`${at.node}/${bits}`] });
      assert.deepEqual(await lab.call('node', localhost), ['ECONNREFUSED']);
      assert.deepEqual(await lab.call('outside', { ...localhost, host: at.node }), [`pod2 ${at.gateway}`]);
    });
  });
}

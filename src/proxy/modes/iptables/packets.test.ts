import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { realClock } from '../../../base/clock.ts';
import { memoryLogger } from '../../../base/logger.ts';
import { openConntrack } from '../../../kernel/conntrack/open-conntrack.ts';
import type { IptablesBackend } from '../../../kernel/iptables/iptables.ts';
import { findProgram, openIptables } from '../../../kernel/iptables/open-iptables.ts';
import { withNetns } from '../../../kernel/netns/named-netns.ts';
import { ensureSysctl } from '../../../kernel/route/network-stack.ts';
import type { IpFamily } from '../../../net/ip.ts';
import { createPacketLab, labAddresses, podPort } from '../../../testing/packet-lab.ts';
import type { PacketLab } from '../../../testing/packet-lab.ts';
import { clusterIp, nodePort, proxyState, servicePort } from '../../../testing/proxy-fixtures.ts';
import { inSandbox } from '../../../testing/sandbox.ts';
import { withStaleFlowsEnded } from '../../conntrack/reconciled-mode.ts';
import type { FrontendDecision, ProxyEndpoint, ProxyNode, ServicePort } from '../../state/model.ts';
import { createIptablesMode } from './index.ts';

inSandbox(import.meta.filename);

const isInstalled = findProgram('IPv4', 'nft', 'restore') !== undefined;
const skip = isInstalled || process.env.CI !== undefined ? false : 'iptables is not installed';

const HEALTH_PORT = 31_999;
let lab: PacketLab;
before(async () => {
  lab = createPacketLab(3);
  await Promise.all([...[1, 2, 3].map((n) => lab.serve(`pod${n}`)), lab.serve('node', HEALTH_PORT)]);
  withNetns(lab.netns('node'), () => ensureSysctl('net.ipv4.conf.all.route_localnet', '1'));
});
after(() => lab.close());

interface Proxy {
  /** Makes these the only Service ports, as one change. */
  readonly set: (...ports: readonly ServicePort[]) => Promise<void>;
  readonly cleanup: () => Promise<void>;
  readonly warnings: () => unknown[];
}

function openProxy(family: IpFamily, backend: IptablesBackend, node: Partial<ProxyNode> = {}): Proxy {
  const netnsPath = lab.netns('node');
  const logger = memoryLogger();
  const made = createIptablesMode({
    iptables: openIptables({ family, backend, netnsPath }),
    clock: realClock,
    logger,
  });
  const mode = withStaleFlowsEnded(made, { family, conntrack: openConntrack({ netnsPath }), logger });
  let known: Set<string> | undefined;
  return {
    cleanup: () => mode.cleanup(),
    warnings: () => logger.lines.filter(({ level }) => level === 'warn' || level === 'error'),
    set: async (...ports) => {
      const state = proxyState(family, ports, { podCIDRs: [labAddresses[family].podCIDR], ...node });
      await mode.sync(state, known?.union(new Set(state.services.keys())));
      known = new Set(state.services.keys());
    },
  };
}

const counts = (answers: readonly string[]): Record<string, number> => {
  const result: Record<string, number> = {};
  for (const answer of answers) result[answer] = (result[answer] ?? 0) + 1;
  return result;
};

const kinds = (['nft', 'legacy'] as const).flatMap((backend) =>
  (['IPv4', 'IPv6'] as const).map((family) => ({ backend, family })),
);

for (const { backend, family } of kinds) {
  const at = labAddresses[family];
  const to = (...pods: readonly number[]): ProxyEndpoint[] =>
    pods.map((n) => ({ ip: at.pod(n), port: podPort, isLocal: true }));
  const vip = (endpoints: readonly ProxyEndpoint[], more: Partial<FrontendDecision> = {}): FrontendDecision =>
    clusterIp([at.clusterIp, 80], endpoints, more);
  const tcp = { protocol: 'TCP', host: at.clusterIp, port: 80 } as const;
  const udp = { protocol: 'UDP', host: at.clusterIp, port: 80 } as const;
  const atNode = { protocol: 'TCP', host: at.node, port: 30007 } as const;
  const echo = (endpoints: readonly ProxyEndpoint[]): ServicePort =>
    servicePort('echo', [vip(endpoints)], { protocol: 'UDP' });

  describe(`${family}, backend ${backend}: packets through the iptables mode`, { skip }, () => {
    let proxy: Proxy;
    before(() => {
      proxy = openProxy(family, backend);
    });
    after(async () => {
      await proxy.cleanup();
      assert.deepEqual(proxy.warnings(), []);
    });

    it('spreads connections by weight, keeps a Pod’s address, and masquerades a Pod that meets itself', async () => {
      const [one, two, three] = to(1, 2, 3);
      assert.ok(one && two && three);
      await proxy.set(servicePort('web', [vip([one, { ...two, weight: 4 }, three])]));
      const answers = counts(await lab.call('pod1', { ...tcp, n: 60 }));
      const [self = 0, second = 0, third = 0] = [
        answers[`pod1 ${at.gateway}`],
        answers[`pod2 ${at.pod(1)}`],
        answers[`pod3 ${at.pod(1)}`],
      ];
      assert.equal(self + second + third, 60, JSON.stringify(answers));
      assert.ok(self > 0 && third > 0 && second > self + third, JSON.stringify(answers));
    });

    it('serves the node itself, and masquerades what comes from outside the cluster as it is told', async () => {
      await proxy.set(servicePort('web', [vip(to(2))]));
      assert.deepEqual(await lab.call('node', tcp), [`pod2 ${at.gateway}`]);
      assert.deepEqual(await lab.call('outside', tcp), [`pod2 ${at.gateway}`]);
      await proxy.set(servicePort('web', [vip(to(2), { masquerade: 'never' })]));
      assert.deepEqual(await lab.call('outside', tcp), [`pod2 ${at.outside}`]);
      await proxy.set(servicePort('web', [vip(to(2), { masquerade: 'always' })]));
      assert.deepEqual(await lab.call('pod1', tcp), [`pod2 ${at.gateway}`]);
    });

    it('refuses a Service without endpoints at once, from Pods, the node and outside', async () => {
      const empty = nodePort(30007, []);
      await proxy.set(servicePort('web', [vip([]), empty]), echo([]));
      const refused = async (place: string): Promise<void> => {
        assert.deepEqual(await lab.call(place, { ...tcp, n: 5 }), Array(5).fill('ECONNREFUSED'), place);
        assert.deepEqual(await lab.call(place, { ...udp, timeoutMs: 2000 }), ['ECONNREFUSED'], place);
        assert.deepEqual(await lab.call(place, atNode), ['ECONNREFUSED'], place);
      };
      await Promise.all(['pod1', 'node', 'outside'].map(refused));
      await proxy.set(servicePort('web', [vip([], { whenEmpty: 'drop' })]));
      assert.deepEqual(await lab.call('pod1', { ...tcp, timeoutMs: 300 }), ['timeout']);
    });

    it('serves a node port from outside, a Pod and the node; under policy Local the source stays', async () => {
      await proxy.set(servicePort('web', [nodePort(30007, to(3))]));
      const places = ['outside', 'pod1', 'node'];
      const answers = await Promise.all(places.map((place) => lab.call(place, atNode)));
      assert.deepEqual(answers.flat(), Array(3).fill(`pod3 ${at.gateway}`));
      const fromCluster = { endpoints: to(2), whenEmpty: 'reject', masquerade: 'off-cluster' } as const;
      const local = { whenEmpty: 'drop', masquerade: 'never', fromCluster } as const;
      await proxy.set(servicePort('web', [nodePort(30007, to(3), local)]));
      assert.deepEqual(await lab.call('outside', atNode), [`pod3 ${at.outside}`]);
      assert.deepEqual(await lab.call('pod1', atNode), [`pod2 ${at.pod(1)}`]);
      assert.deepEqual(await lab.call('node', atNode), [`pod2 ${at.gateway}`]);
      await proxy.set(servicePort('web', [nodePort(30007, [], local)]));
      assert.deepEqual(await lab.call('outside', { ...atNode, timeoutMs: 300 }), ['timeout']);
      assert.deepEqual(await lab.call('pod1', atNode), [`pod2 ${at.pod(1)}`]);
    });

    it('lets only allowed sources to a load balancer’s address, and a range of ports keep theirs', async () => {
      const frontend = { kind: 'loadBalancerIP', ip: at.clusterIp, port: 80 } as const;
      const open = { frontend, endpoints: to(2), whenEmpty: 'reject', masquerade: 'always' } as const;
      const allowedSources = [`${at.outside}/${at.host}`];
      await proxy.set(servicePort('web', [{ ...open, allowedSources }]));
      assert.deepEqual(await lab.call('outside', tcp), [`pod2 ${at.gateway}`]);
      assert.deepEqual(await lab.call('pod1', { ...tcp, timeoutMs: 300 }), ['timeout']);
      const range = { ...frontend, kind: 'externalIP', port: podPort - 1, endPort: podPort + 1 } as const;
      await proxy.set(servicePort('web', [{ ...open, frontend: range }]));
      assert.deepEqual(await lab.call('outside', { ...tcp, port: podPort }), [`pod2 ${at.gateway}`]);
      assert.deepEqual(await lab.call('outside', { ...tcp, port: podPort + 1 }), ['ECONNREFUSED']);
    });

    it('keeps a client at its endpoint through every frontend, while the rules around it change', async () => {
      const sticky = (n: number): ServicePort =>
        servicePort('web', [vip(to(1, 2, 3).slice(0, n)), nodePort(30007, to(1, 2, 3).slice(0, n))], {
          affinitySeconds: 60,
        });
      await proxy.set(sticky(2));
      const [first = ''] = await lab.call('outside', tcp);
      assert.deepEqual(counts(await lab.call('outside', { ...tcp, n: 10 })), { [first]: 10 });
      await proxy.set(sticky(3));
      assert.deepEqual(counts(await lab.call('outside', { ...atNode, n: 10 })), { [first]: 10 });
    });

    it('moves a UDP client with a fixed port to the new endpoint, and serves one that spoke too early', async () => {
      const call = { ...udp, sourcePort: 5555 };
      await proxy.set(echo(to(2)));
      assert.deepEqual(await lab.call('pod1', call), [`pod2 ${at.pod(1)}`]);
      await proxy.set(echo(to(3)));
      assert.deepEqual(await lab.call('pod1', call), [`pod3 ${at.pod(1)}`]);
      await proxy.set();
      assert.deepEqual(await lab.call('pod1', { ...call, timeoutMs: 200 }), ['timeout']);
      await proxy.set(echo(to(2)));
      assert.deepEqual(await lab.call('pod1', call), [`pod2 ${at.pod(1)}`]);
    });

    if (family === 'IPv4') {
      it('lets load balancers ask about a Service where the host keeps strangers out', async () => {
        const ask = { protocol: 'TCP', host: at.node, port: HEALTH_PORT, timeoutMs: 300 } as const;
        const host = openIptables({ family, backend, netnsPath: lab.netns('node') });
        const guard = (what: 'A' | 'D'): Promise<void> =>
          host.restore(`*filter\n-${what} INPUT -p tcp -m tcp --dport ${HEALTH_PORT} -j DROP\nCOMMIT\n`);
        const asked = (healthCheckPort?: number): ServicePort =>
          servicePort('web', [vip(to(2))], healthCheckPort === undefined ? {} : { healthCheckPort });
        await guard('A');
        try {
          await proxy.set(asked());
          assert.deepEqual(await lab.call('outside', ask), ['timeout']);
          await proxy.set(asked(HEALTH_PORT));
          assert.deepEqual(await lab.call('outside', { ...ask, timeoutMs: 5000 }), [`node ${at.outside}`]);
        } finally {
          await guard('D');
        }
      });

      it('answers node ports on localhost where it is told to, for the node only', async () => {
        await proxy.set(servicePort('web', [nodePort(30007, to(3))]));
        const home = { ...atNode, host: '127.0.0.1' };
        assert.deepEqual(await lab.call('node', home), ['ECONNREFUSED']);
        await proxy.cleanup();
        const open = openProxy(family, backend, { hasLocalhostNodePorts: true });
        await open.set(servicePort('web', [nodePort(30007, to(3))]));
        assert.deepEqual(await lab.call('node', home), [`pod3 ${at.gateway}`]);
        await open.cleanup();
        proxy = openProxy(family, backend);
      });
    }

    it('does not disturb connections while a thousand rules come and go', async () => {
      await proxy.set(servicePort('web', [vip(to(2))]));
      const calls = lab.call('pod1', { ...tcp, n: 150 });
      for (let i = 0; i < 3; i++) {
        const many = Array.from({ length: 60 }, (_, n) =>
          servicePort(`s${i}-${n}`, [clusterIp([at.clusterIp, 1000 + n], to(1, 2))]),
        );
        await proxy.set(servicePort('web', [vip(to(2))]), ...many);
      }
      assert.deepEqual(counts(await calls), { [`pod2 ${at.pod(1)}`]: 150 });
    });
  });
}

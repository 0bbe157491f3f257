import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { fakeClock } from '../../../src/base/clock.ts';
import { memoryLogger } from '../../../src/base/logger.ts';
import { openNetworkStack } from '../../../src/kernel/route/network-stack.ts';
import { isModeName, loadMode } from '../../../src/proxy/modes/registry.ts';
import type { FrontendDecision, ProxyMode, ServicePort } from '../../../src/proxy/state/model.ts';
import { createPacketLab, labAddresses, podPort } from '../../../src/testing/packet-lab.ts';
import { clusterIp, nodePort, proxyState, servicePort } from '../../../src/testing/proxy-fixtures.ts';
import { createSocketLab } from '../../../src/testing/socket-lab.ts';

const lab = createPacketLab(3);
const sockets = createSocketLab((place) => lab.netns(place));
before(() => {
  /** Every refusal by ICMP shall be sent, however many there were this second. */
  const stack = openNetworkStack(lab.netns('node'));
  stack.sysctl('net.ipv4.icmp_ratelimit', '0');
  stack.sysctl('net.ipv6.icmp.ratelimit', '0');
  stack.close();
  for (const n of [1, 2, 3])
    for (const family of ['IPv4', 'IPv6'] as const)
      sockets.serve(`pod${n}`, { family, protocol: 'SCTP', port: podPort });
});
after(async () => {
  sockets.close();
  await lab.close();
});

/** The modes of the kernel: sockets of SCTP meet them here only, as few kernels of test machines have these. */
for (const name of ['nftables', 'iptables', 'ipvs'].filter(isModeName)) {
  for (const family of ['IPv4', 'IPv6'] as const) {
    const at = labAddresses[family];
    const external = family === 'IPv4' ? '10.96.200.1' : 'fd00:10:96::c8';
    const to = (...pods: readonly number[]) =>
      pods.map((n) => ({ ip: at.pod(n), port: podPort, isLocal: n === 1 }));
    const vip = { protocol: 'SCTP', host: at.clusterIp, port: 80 } as const;
    const byNode = { ...vip, host: at.node, port: 30007 };
    const silent = { timeoutMs: 400 };

    describe(`SCTP through the ${name} mode, ${family}`, () => {
      const logger = memoryLogger();
      let mode: ProxyMode;
      let isFirst = true;
      const set = async (frontends: readonly FrontendDecision[], more: Partial<ServicePort> = {}) => {
        const port = servicePort('s', frontends, { protocol: 'SCTP', ...more });
        const state = proxyState(family, [port], { podCIDRs: [at.podCIDR], ip: at.node });
        await mode.sync(state, isFirst ? undefined : new Set([port.id]));
        isFirst = false;
      };
      const cluster = (...pods: readonly number[]) => clusterIp([at.clusterIp, 80], to(...pods));

      before(async () => {
        const options = { family, clock: fakeClock(), logger, serviceCIDRs: [], nodeIP: at.node };
        mode = await (await loadMode(name)).open({ ...options, netnsPath: lab.netns('node') });
      });
      after(async () => {
        await mode.cleanup();
        const warnings = logger.lines.filter(({ level }) => level === 'warn' || level === 'error');
        assert.deepEqual(warnings, []);
      });

      it('reaches the endpoint from a Pod with its own address, the node and outside, and a Pod itself', async () => {
        await set([cluster(2), nodePort(30007, to(2))]);
        assert.equal(sockets.call('pod1', vip), `pod2 ${at.pod(1)}`);
        assert.equal(sockets.call('outside', vip), `pod2 ${at.gateway}`);
        assert.equal(sockets.call('node', vip), `pod2 ${at.gateway}`);
        assert.equal(sockets.call('pod2', vip), `pod2 ${at.gateway}`);
        for (const place of ['outside', 'pod1', 'node'])
          assert.equal(sockets.call(place, byNode), `pod2 ${at.gateway}`, place);
      });

      it('lets in only clients inside of the source ranges, at an address from outside', async () => {
        const frontend = { kind: 'loadBalancerIP', ip: external, port: 80 } as const;
        const allowedSources = [`${at.outside}/${at.host}`];
        await set([{ ...cluster(2), frontend, masquerade: 'always', allowedSources }]);
        const call = { ...vip, host: external };
        assert.equal(sockets.call('outside', call), `pod2 ${at.gateway}`);
        assert.equal(sockets.call('pod1', { ...call, ...silent }), 'timeout');
      });

      it('keeps the source under policy Local, and leads Pods the short way', async () => {
        const short = { endpoints: to(3), whenEmpty: 'reject', masquerade: 'off-cluster' } as const;
        await set([nodePort(30007, to(1), { masquerade: 'never', fromCluster: short })]);
        assert.equal(sockets.call('outside', byNode), `pod1 ${at.outside}`);
        assert.equal(sockets.call('pod2', byNode), `pod3 ${at.pod(2)}`);
      });

      it('keeps a client at its endpoint', async () => {
        await set([cluster(2, 3)], { affinitySeconds: 600 });
        assert.equal(new Set(sockets.calls('pod1', vip, 4)).size, 1);
        await set([cluster(2)], { affinitySeconds: 600 });
        assert.equal(sockets.call('pod1', vip), `pod2 ${at.pod(1)}`);
      });

      it('leads a client that begins again from its port to the endpoint there is: another one, none, and one again', async () => {
        const again = { ...vip, sourcePort: 5555 };
        await set([cluster(2)]);
        assert.equal(sockets.call('pod1', again), `pod2 ${at.pod(1)}`);
        await set([cluster(3)]);
        assert.equal(sockets.call('pod1', again), `pod3 ${at.pod(1)}`);
        await set([cluster()]);
        const answer = sockets.call('pod1', { ...again, ...silent });
        assert.ok(['ECONNREFUSED', 'timeout', 'EHOSTUNREACH'].includes(answer), answer);
        await set([cluster(2)]);
        assert.equal(sockets.call('pod1', again), `pod2 ${at.pod(1)}`);
        // Another process begins, and meets flows of a world that is gone.
        isFirst = true;
        await set([cluster(3)]);
        assert.equal(sockets.call('pod1', again), `pod3 ${at.pod(1)}`);
      });

      it('goes on when other endpoints come', async () => {
        await set([cluster(2)]);
        const connection = sockets.connect('pod1', vip);
        await set([cluster(2, 3)]);
        assert.equal(connection.exchange(), 'pod2');
        connection.close();
      });
    });
  }
}

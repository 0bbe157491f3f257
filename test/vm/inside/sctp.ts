import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { memoryLogger } from '../../../src/base/logger.ts';
import { fakeClock } from '../../../src/base/clock.ts';
import { isModeName, loadMode } from '../../../src/proxy/modes/registry.ts';
import type { ProxyMode } from '../../../src/proxy/state/model.ts';
import { createPacketLab, labAddresses, podPort } from '../../../src/testing/packet-lab.ts';
import {
  clusterIp,
  endpoints,
  nodePort,
  proxyState,
  servicePort,
} from '../../../src/testing/proxy-fixtures.ts';
import { createSocketLab } from '../../../src/testing/socket-lab.ts';

const lab = createPacketLab(2);
const sockets = createSocketLab((place) => lab.netns(place));
before(() => {
  for (const family of ['IPv4', 'IPv6'] as const)
    sockets.serve('pod2', { family, protocol: 'SCTP', port: podPort });
});
after(async () => {
  sockets.close();
  await lab.close();
});

/** The modes of the kernel: sockets of SCTP meet them here only, as few kernels of test machines have these. */
for (const name of ['nftables', 'iptables', 'ipvs'].filter(isModeName)) {
  for (const family of ['IPv4', 'IPv6'] as const) {
    const at = labAddresses[family];

    describe(`SCTP through the ${name} mode, ${family}`, () => {
      const logger = memoryLogger();
      let mode: ProxyMode;
      before(async () => {
        const options = { family, clock: fakeClock(), logger, serviceCIDRs: [], nodeIP: at.node };
        mode = await (await loadMode(name)).open({ ...options, netnsPath: lab.netns('node') });
        const to = endpoints(family, 2).map((each) => ({ ...each, ip: at.pod(2), port: podPort }));
        const ports = [
          servicePort('s', [clusterIp([at.clusterIp, 80], to), nodePort(30007, to)], { protocol: 'SCTP' }),
          servicePort('empty', [clusterIp([at.clusterIp, 81], [])], { protocol: 'SCTP' }),
        ];
        await mode.sync(proxyState(family, ports, { podCIDRs: [at.podCIDR], ip: at.node }));
      });
      after(() => mode.cleanup());

      it('reaches the endpoint from a Pod, the node and outside, by the cluster IP and by the node port', () => {
        const call = { protocol: 'SCTP', host: at.clusterIp, port: 80 } as const;
        assert.equal(sockets.call('pod1', call), `pod2 ${at.pod(1)}`);
        assert.equal(sockets.call('outside', call), `pod2 ${at.gateway}`);
        assert.equal(sockets.call('node', call), `pod2 ${at.gateway}`);
        assert.equal(sockets.call('outside', { ...call, host: at.node, port: 30007 }), `pod2 ${at.gateway}`);
      });

      it('is refused, or at least not answered, without endpoints', () => {
        const answer = sockets.call('pod1', {
          protocol: 'SCTP',
          host: at.clusterIp,
          port: 81,
          timeoutMs: 500,
        });
        assert.ok(['ECONNREFUSED', 'timeout', 'EHOSTUNREACH'].includes(answer), answer);
      });
    });
  }
}
